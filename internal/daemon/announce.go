package daemon

import (
	"github.com/netmond/netmond/conn"
	"github.com/netmond/netmond/cpd"
	"github.com/netmond/netmond/rtable"
	"github.com/netmond/netmond/rtnl"
	"github.com/netmond/netmond/smd"

	"github.com/netmond/netmond/internal/view"
)

// announce tells of what has changed, one message for each event. It builds
// nothing while nobody listens.
func (d *Daemon) announce(old, cur *rtable.Table, changes rtable.Changes) {
	if changes.First() {
		return
	}
	if involvesGateway(changes) {
		d.loop.gateway = true
	}
	if !d.Bus.Wanted(smd.Network) {
		return
	}
	for x := range changes.All() {
		if m := messageOf(old, cur, x); m != nil {
			d.publish(smd.Network, m)
		}
	}
}

// messageOf is the message that tells of one change; nil where there is none.
func messageOf(old, cur *rtable.Table, x rtable.Change) any {
	switch m := x.Message.(type) {
	case *rtnl.Route:
		return routeOf(cur, m, x)
	case *rtnl.Link:
		return linkOf(old, m, x)
	}
	return nil
}

func routeOf(t *rtable.Table, r *rtnl.Route, x rtable.Change) smd.Route {
	msg := smd.Route{RT: "add", Dst: view.Prefix(r.Dst), Table: r.Table, Metric: r.Priority, Implied: x.Implied}
	if x.Op == rtnl.Del {
		msg.RT = "del"
	}
	for _, h := range t.NextHops(r) {
		if h.Gateway.IsValid() && msg.Gw == "" {
			msg.Gw = h.Gateway.String()
		}
		if h.Oif != 0 && msg.Dev == "" {
			msg.Dev = t.LinkName(h.Oif)
		}
	}
	return msg
}

// linkOf tells of a link that came, went, or changed its state.
func linkOf(old *rtable.Table, l *rtnl.Link, x rtable.Change) any {
	msg := smd.Link{Dev: l.Name, Up: l.Up(), Carrier: l.Running()}
	if x.Op == rtnl.Del {
		msg.Up, msg.Carrier = false, false
		return msg
	}
	if was, ok := x.Was.(*rtnl.Link); ok && was.Up() == l.Up() && was.Running() == l.Running() && was.Name == l.Name {
		return nil
	}
	return msg
}

// portalOf tells of a check's result.
func portalOf(u Uplink, r cpd.Result) smd.Portal {
	msg := smd.Portal{Result: r.State.String(), Dev: u.Dev, URL: r.URL, Family: "ipv4", Unbound: r.Unbound, Venue: r.Capport.VenueURL}
	if u.Family == 6 {
		msg.Family = "ipv6"
	}
	if r.Partial {
		msg.Detail = "partial"
	}
	if s := r.Capport.SecondsRemaining; s != nil && *s > 0 {
		msg.Remaining = uint32(min(*s, 1<<31))
	}
	return msg
}

// acts are the words for what was done to a flow.
var acts = map[conn.Act]string{
	conn.DidClose: "closed", conn.WouldClose: "would-close", conn.DidArm: "armed", conn.DidDisarm: "disarmed",
}

// flowOf tells of what was done to a flow, or would have been.
func flowOf(d conn.Decision) smd.Flow {
	m := smd.Flow{
		Act: acts[d.Act], Proto: d.Flow.Proto.String(), Local: d.Flow.Local.String(), Remote: d.Flow.Remote.String(),
		Reason: d.Cause.Reason.String(), Was: d.Cause.Was,
	}
	if d.Flow.Client.IsValid() {
		m.For = d.Flow.Client.String()
	}
	return m
}
