package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"time"

	"github.com/netmond/netmond/conn"
	"github.com/netmond/netmond/cpd"
	"github.com/netmond/netmond/rtable"
	"github.com/netmond/netmond/smd"

	"github.com/netmond/netmond/internal/minijson"
	"github.com/netmond/netmond/internal/view"
)

// Verbs are the requests of the local API, answered from the newest state.
func (d *Daemon) Verbs() map[string]smd.Verb {
	one := func(run func(ctx context.Context, req json.RawMessage) (any, error)) smd.Verb {
		return smd.Verb{Run: func(ctx context.Context, req json.RawMessage, _ func(any) error) (any, error) { return run(ctx, req) }}
	}
	check := one(func(ctx context.Context, req json.RawMessage) (any, error) {
		var q struct{ Dev string }
		if err := decode(req, &q); err != nil {
			return nil, err
		}
		list, err := d.CheckNow(ctx, q.Dev)
		return Checks(list), err
	})
	check.Costly = true
	return map[string]smd.Verb{
		"status":  one(func(context.Context, json.RawMessage) (any, error) { return d.Status(), nil }),
		"lookup":  one(func(_ context.Context, req json.RawMessage) (any, error) { return lookup(d.State().Table, req) }),
		"why":     one(d.why),
		"check":   check,
		"version": one(func(context.Context, json.RawMessage) (any, error) { return view.NewVersion(d.Build), nil }),
		"metrics": one(func(context.Context, json.RawMessage) (any, error) { return d.Metrics(), nil }),
		"routes":  {Run: d.routes, Costly: true},
		"flows":   {Run: d.flows, Costly: true},
	}
}

// decode reads a request, whose keys are matched without regard to case.
func decode(req json.RawMessage, into any) error {
	if err := minijson.Unmarshal(req, into); err != nil {
		return fmt.Errorf("request: %w", err)
	}
	return nil
}

// Query is a lookup as a client asks for it.
type Query struct {
	Dst, From string
	Oif       string
	Mark, UID uint32
}

// Validate says what is wrong with the addresses, whatever links there are.
func (q Query) Validate() error {
	_, err := q.parse()
	return err
}

// parse reads the addresses.
func (q Query) parse() (rtable.Query, error) {
	var out rtable.Query
	var err error
	if out.Dst, err = netip.ParseAddr(q.Dst); err != nil {
		return out, fmt.Errorf("dst %q: not an IP address", q.Dst)
	}
	if q.From == "" {
		return out, nil
	}
	if out.Src, err = netip.ParseAddr(q.From); err != nil {
		return out, fmt.Errorf("from %q: not an IP address", q.From)
	}
	if out.Src.Unmap().Is4() != out.Dst.Unmap().Is4() {
		return out, fmt.Errorf("from %q: not of the family of %s", q.From, q.Dst)
	}
	return out, nil
}

// Resolve makes a table query of it; t knows the links.
func (q Query) Resolve(t *rtable.Table) (rtable.Query, error) {
	out, err := q.parse()
	if err != nil {
		return out, err
	}
	if q.Oif != "" {
		l := t.LinkByName(q.Oif)
		if l == nil {
			return out, fmt.Errorf("oif %q: no such link", q.Oif)
		}
		out.Oif = l.Index
	}
	if zone := out.Dst.Zone(); zone != "" && out.Oif == 0 {
		l := t.LinkByName(zone)
		if l == nil {
			return out, fmt.Errorf("dst %q: no link %q", q.Dst, zone)
		}
		out.Oif = l.Index
	}
	out.Dst, out.Src = out.Dst.Unmap().WithZone(""), out.Src.Unmap().WithZone("")
	out.Mark, out.UID = q.Mark, q.UID
	return out, nil
}

func lookup(t *rtable.Table, req json.RawMessage) (any, error) {
	var q Query
	if err := decode(req, &q); err != nil {
		return nil, err
	}
	query, err := q.Resolve(t)
	if err != nil {
		return nil, err
	}
	return view.NewLookup(t, query), nil
}

func (d *Daemon) why(ctx context.Context, req json.RawMessage) (any, error) {
	var q struct{ Local, Remote string }
	if err := decode(req, &q); err != nil {
		return nil, err
	}
	return Why(ctx, d.State().Table, d.allFlows(ctx), q.Local, q.Remote)
}

func (d *Daemon) allFlows(ctx context.Context) iter.Seq2[conn.Flow, error] {
	if d.Flows == nil {
		return func(func(conn.Flow, error) bool) {}
	}
	return d.Flows(ctx)
}

// ParsePair reads the two ends of a connection.
func ParsePair(local, remote string) (l, r netip.AddrPort, err error) {
	if l, err = netip.ParseAddrPort(local); err != nil {
		return l, r, fmt.Errorf("local %q: write ADDRESS:PORT", local)
	}
	if r, err = netip.ParseAddrPort(remote); err != nil {
		return l, r, fmt.Errorf("remote %q: write ADDRESS:PORT", remote)
	}
	return l, r, nil
}

// Why finds the flow among those of the device and assesses it; one that is not
// there is assessed as if it were.
func Why(_ context.Context, t *rtable.Table, flows iter.Seq2[conn.Flow, error], local, remote string) (view.Why, error) {
	l, r, err := ParsePair(local, remote)
	if err != nil {
		return view.Why{}, err
	}
	want := conn.Flow{Proto: conn.TCP, State: conn.Established,
		Local: netip.AddrPortFrom(l.Addr().Unmap(), l.Port()), Remote: netip.AddrPortFrom(r.Addr().Unmap(), r.Port())}
	for f, err := range flows {
		if err != nil {
			break // judged as if it were there
		}
		if f.Local == want.Local && f.Remote == want.Remote {
			return view.NewWhy(t, f, true), nil
		}
	}
	return view.NewWhy(t, want, false), nil
}

// routes streams the routes of a table, of all of them for "all".
func (d *Daemon) routes(_ context.Context, req json.RawMessage, item func(any) error) (any, error) {
	var q struct{ Table json.RawMessage }
	if err := decode(req, &q); err != nil {
		return nil, err
	}
	name := string(q.Table)
	if len(q.Table) > 0 && q.Table[0] == '"' {
		if err := minijson.Unmarshal(q.Table, &name); err != nil {
			return nil, err
		}
	}
	t := d.State().Table
	routes, err := view.Routes(t, name)
	if err != nil {
		return nil, err
	}
	n := 0
	for r := range routes {
		if err := item(view.NewRoute(t, r)); err != nil {
			return nil, err
		}
		n++
	}
	return n, nil
}

func (d *Daemon) flows(ctx context.Context, _ json.RawMessage, item func(any) error) (any, error) {
	t, n := d.State().Table, 0
	for f, err := range d.allFlows(ctx) {
		if err != nil {
			return nil, err
		}
		if err := item(view.NewFlow(t, f)); err != nil {
			return nil, err
		}
		n++
	}
	return n, nil
}

// Status is the daemon's status.
func (d *Daemon) Status() view.Status {
	s := d.State()
	st := NewStatus(s)
	st.Version, st.Board, st.NetNS = d.Build.Version, d.Board, d.NetNS
	if d.Closing != nil {
		st.Close = d.Closing()
	}
	if d.Resyncs != nil {
		st.Resyncs = d.Resyncs()
	}
	st.Disagreements = d.counters.disagreements.Load()
	for r := conn.NoRoute; r <= conn.Rerouted; r++ {
		st.FlowsClosed[r.String()] = d.counters.closed[r].Load()
	}
	return st
}

// NewStatus is the part of the status that a state holds.
func NewStatus(s *State) view.Status {
	st := view.Status{
		State: string(s.Phase), TLS: cpd.HasTLS, Routes: s.Table.Len(), Uplinks: []view.Uplink{}, Recent: []view.Closed{},
		FlowsClosed: make(map[string]uint64),
	}
	for range s.Table.Links() {
		st.Links++
	}
	for _, f := range slices.Backward(s.Recent) {
		st.Recent = append(st.Recent, view.Closed{Flow: f.Flow, AgeMS: time.Since(f.at).Milliseconds()})
	}
	for _, u := range s.Uplinks {
		v := view.Uplink{
			Dev: u.Dev, Metric: u.Metric, Family: u.Family, Table: u.Table, Carrier: u.Carrier, CPD: cpd.Unknown.String(),
		}
		if u.Gateway.IsValid() {
			v.Gateway = u.Gateway.String()
		}
		if r, ok := s.Checks[u.UplinkKey]; ok {
			v.CPD, v.URL, v.Partial, v.Reason = r.State.String(), r.URL, r.Partial, r.Reason
			v.Venue, v.Seconds = r.Capport.VenueURL, r.Capport.SecondsRemaining
		}
		st.Uplinks = append(st.Uplinks, v)
	}
	return st
}

// Checks is the results as `netmond check -json` prints them.
func Checks(list []Checked) []view.Check {
	out := []view.Check{}
	for _, c := range list {
		v := view.Check{
			Dev: c.Uplink.Dev, Family: c.Uplink.Family, Result: c.Result.State.String(), URL: c.Result.URL,
			Status: c.Result.Status, MS: c.Result.Elapsed.Milliseconds(), Partial: c.Result.Partial,
			Reason: c.Result.Reason, Unbound: c.Result.Unbound,
			Venue: c.Result.Capport.VenueURL, Seconds: c.Result.Capport.SecondsRemaining,
		}
		if c.Result.Err != nil {
			v.Error = c.Result.Err.Error()
		}
		out = append(out, v)
	}
	return out
}
