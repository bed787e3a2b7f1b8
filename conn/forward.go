package conn

import (
	"net/netip"

	"github.com/netmond/netmond/rtable"
	"github.com/netmond/netmond/rtnl"
)

// A router's own connections are the least of those that pass through it. A
// forwarded flow whose client stands behind a translated address is stranded when
// the translation is: the address is gone, or packets to the peer now leave by a link
// that does not own it. The connection tracker keeps translating all the same.
// Deleting the entry lets the client's next packet be translated anew, so that the
// peer, or the tracker, answers it with a reset. It is the same where the peer has
// opened the flow, to a port that leads to a host behind this device.

// AssessForwarded is Assess for a forwarded flow (Client is set). It gives
// SourceGone and Rerouted only: a flow that merely has no route now keeps its
// translation, which is good as soon as the route is back. Flows with a
// connection mark are left to whoever set it (mwan3); of others packets may be
// marked one by one, which nothing tells.
func AssessForwarded(old, cur *rtable.Table, f Flow) Verdict {
	local := f.Local.Addr()
	switch {
	case f.Mark != 0:
		return Verdict{Exempt: "is routed by its mark"}
	case !old.HasAddr(local):
		return Verdict{Exempt: "is translated to an address that was never this device's"}
	case old.Local(f.Remote.Addr()) || cur.Local(f.Remote.Addr()):
		return Verdict{Exempt: "has a peer on this device"}
	}
	v := Verdict{}
	q := forwardQuery(old, f)
	var had bool
	v.Was, had = old.Lookup(q)
	left, owned := egress(old, v.Was.Hops, local)
	v.Link = left
	if !cur.Local(local) {
		v.Reason = SourceGone
		return v
	}
	v.Now, v.HasNow = cur.Lookup(forwardQuery(cur, f))
	if had && owned && v.HasNow && v.Now.Route.Type == rtnl.Unicast && !v.Now.Leaves(left) && !owns(cur, v.Now.Hops, local) {
		v.Reason = Rerouted
	}
	if v.Reason == Rerouted && someMarkLeadsHome(cur, f) {
		v.Reason, v.Exempt = Keep, "may be routed by a mark of its packets, or their type of service"
	}
	return v
}

// someMarkLeadsHome says whether the flow leaves by a link that owns its address
// under one of the marks, or types of service, that are asked for. The mark that a
// rule spares is of the device's own sockets (WireGuard).
func someMarkLeadsHome(t *rtable.Table, f Flow) bool {
	home := func(q rtable.Query) bool {
		a, ok := t.Lookup(q)
		return ok && a.Route.Type == rtnl.Unicast && ownedHop(t, a.Hops, f.Local.Addr())
	}
	q := forwardQuery(t, f)
	for _, q.TOS = range t.TOS(family(q.Dst)) {
		if home(q) {
			return true
		}
	}
	q.TOS = 0
	for r := range t.Rules(family(q.Dst)) {
		if q.Mark = r.Mark; (r.Mark != 0 || r.Mask != 0) && !r.Invert && home(q) {
			return true
		}
	}
	return false
}

// forwardQuery is the lookup that decides where a forwarded flow's packets go:
// before its source is translated, as they come in from the client's link. The
// client may be this device, by an address that another link needs translated.
func forwardQuery(t *rtable.Table, f Flow) rtable.Query {
	q := rtable.Query{
		Dst: f.Remote.Addr(), Src: f.Client.Addr(), Mark: f.Mark,
		Proto: uint8(f.Proto), Sport: f.Client.Port(), Dport: f.Remote.Port(),
	}
	if t.Local(q.Src) {
		return q
	}
	if back, ok := t.Lookup(rtable.Query{Dst: f.Client.Addr()}); ok && len(back.Hops) > 0 {
		q.Iif = back.Hops[0].Oif
	}
	return q
}

func owns(t *rtable.Table, hops []rtnl.NextHop, local netip.Addr) bool {
	for i := range hops {
		if t.Owns(hops[i].Oif, local) {
			return true
		}
	}
	return false
}
