package rtable_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/netmond/netmond/rtable"
	"github.com/netmond/netmond/rtnl"
)

// A dump is read while events go on, so the last of them come behind a dump that
// has them already. Replaying them must change nothing in the end. It holds for
// what a kernel can say; see sensible for the one thing that it does not hold for.
func TestReplayAfterDumpChangesNothing(t *testing.T) {
	forSeeds(t, func(t *testing.T, r *random) {
		r.apply(rtnl.Batch{Full: true, Events: r.begin()})
		var said []rtnl.Event
		for len(said) < 150 {
			e := r.event()
			if x, ok := e.Message.(*rtnl.Route); ok && e.Op == rtnl.New && len(r.equals(x)) == 0 {
				e.Flags = rtnl.FlagCreate | rtnl.FlagExcl // whatever the command was
			}
			if !r.sensible(e) {
				continue
			}
			if l, ok := e.Message.(*rtnl.Link); ok && e.Op == rtnl.Del { // it loses its addresses first
				for _, a := range r.addrs {
					if a.Link == l.Index {
						gone := rtnl.Event{Op: rtnl.Del, Message: &a}
						r.apply(rtnl.Batch{Events: []rtnl.Event{gone}})
						said = append(said, gone)
					}
				}
			}
			before := r.routes
			r.apply(rtnl.Batch{Events: []rtnl.Event{e}})
			said = append(said, e)
			if l, ok := e.Message.(*rtnl.Link); ok {
				said = append(said, r.announced(before, l.Index)...)
			}
			if !r.one(10) {
				continue
			}
			var table *rtable.Table
			known := said[r.IntN(len(said)):]
			batches := r.cut(rtnl.Batch{Full: true}, r.dump())
			batches = append(batches, r.cut(rtnl.Batch{}, known)...)
			for _, part := range readAgain(known) {
				batches = append(batches, rtnl.Batch{Part: &part, Events: r.answerOf(&r.model, rtnl.Batch{Part: &part})})
			}
			for _, b := range batches {
				table, _ = table.Apply(b)
			}
			// Whether a leg is dead may be told wrongly where the linkdown switch has
			// changed in between, until its link changes again.
			alive := func(text string) []string { return strings.Split(strings.ReplaceAll(text, " dead", ""), "\n") }
			got, want := append(alive(table.String()), state(table)...), append(alive(r.String()), r.state()...)
			if !slices.Equal(got, want) {
				t.Fatalf("after a dump and events that it knew: %s\nthe last events:\n%s", differing(got, want), show(rtnl.Batch{Events: said[max(0, len(said)-30):]}))
			}
		}
	})
}

// announced is what the kernel says of the IPv6 routes and legs that a link took
// along.
func (r *random) announced(before []rtnl.Route, oif uint32) (events []rtnl.Event) {
	for _, x := range before {
		if x.Family() == rtnl.IPv4 || r.find(&x) >= 0 {
			continue
		}
		if legs := slices.DeleteFunc(slices.Clone(x.NextHops), func(h rtnl.NextHop) bool { return h.Oif != oif }); r.linkOf(oif) == nil && len(legs) > 0 {
			x.NextHops = legs
		}
		events = append(events, rtnl.Event{Op: rtnl.Del, Message: &x})
	}
	return events
}

// readAgain is what rtnl reads again after events that the kernel may have acted
// on in silence.
func readAgain(events []rtnl.Event) (parts []rtnl.Part) {
	for _, e := range events {
		_, isAddr := e.Message.(*rtnl.Addr)
		_, isObject := e.Message.(*rtnl.NextHopObject)
		if e.Op == rtnl.Del && (isAddr || isObject) {
			return []rtnl.Part{{Kind: rtnl.NextHopObjects}, {Kind: rtnl.Routes, Family: rtnl.IPv4}, {Kind: rtnl.Routes, Family: rtnl.IPv6}}
		}
	}
	return nil
}

// sensible says whether a kernel in the model's state could say so. It also
// excludes what a replay can not follow. A replace among several equals: what it
// replaced cannot be known from the dump, and if what came in its place is gone
// again, a replay replaces another; likewise where an IPv6 route replaces one of
// another kind. And a link that takes nexthop objects along:
// where the dump lacks them, nothing says that routes by them are gone.
func (r *random) sensible(e rtnl.Event) bool {
	switch x := e.Message.(type) {
	case *rtnl.Link:
		flushes := e.Op == rtnl.Del || !x.Up() || !x.Running()
		return (e.Op == rtnl.New || r.linkOf(x.Index) != nil) &&
			!(flushes && slices.ContainsFunc(r.objects, func(n rtnl.NextHopObject) bool { return n.Hop.Oif == x.Index }))
	case *rtnl.Addr:
		return r.linkOf(x.Link) != nil
	case *rtnl.NextHopObject:
		if l := r.linkOf(x.Hop.Oif); e.Op == rtnl.New && x.Hop.Oif != 0 && (l == nil || !l.Up() || !l.Running()) {
			return false
		}
		return !slices.ContainsFunc(x.Group, func(m rtnl.NextHopMember) bool { return r.object(m.ID) == nil || m.ID == x.ID })
	case *rtnl.Route:
		stored := r.stored(*x)
		if e.Op == rtnl.Del {
			return r.find(&stored) >= 0
		}
		for _, h := range x.NextHops {
			if l := r.linkOf(h.Oif); l == nil || !l.Up() {
				return false
			}
		}
		if x.PrefSrc.IsValid() && !r.hasAddr(x.PrefSrc) || x.NHID != 0 && r.object(x.NHID) == nil {
			return false
		}
		equals := r.equals(&stored)
		if len(equals) == 0 {
			return true
		}
		if r.find(&stored) >= 0 || e.Flags == 0 || e.Flags&rtnl.FlagExcl != 0 {
			return false
		}
		if e.Flags&rtnl.FlagReplace != 0 {
			return len(equals) == 1 && multipath(&stored) == multipath(&r.routes[equals[0]])
		}
		if x.Family() == rtnl.IPv4 {
			return true
		}
		old := &r.routes[equals[0]] // one that further legs can be added to
		return len(equals) == 1 && multipath(&stored) && multipath(old) && old.Protocol != 9 && x.Protocol != 9 && holdsLegs(&stored, old)
	}
	return true
}
