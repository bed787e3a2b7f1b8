package conn_test

import (
	"testing"

	"github.com/netmond/netmond/conn"
	"github.com/netmond/netmond/rtable"
	"github.com/netmond/netmond/rtnl"
)

const propertySeeds = 60

// judged calls f for every flow of many random changes, with the table in which
// links may be granted their carrier, as those who sweep see it.
func judged(t *testing.T, f func(r *random, old, cur *rtable.Table, changes rtable.Changes, flow conn.Flow)) {
	t.Helper()
	for seed := range uint64(propertySeeds) {
		r := newRandom(t, seed)
		for range 6 {
			old, cur, changes := r.step(1 + r.IntN(3))
			if r.one(3) {
				wan := r.links.Index("wan")
				if old = old.AssumeCarrier(wan); r.one(2) {
					cur = cur.AssumeCarrier(wan)
				}
			}
			for _, flow := range r.flows() {
				f(r, old, cur, changes, flow)
				if t.Failed() {
					t.Fatalf("seed %d, flow %s, told:\n%s\nbefore:\n%s\nafter:\n%s", seed, flowText(flow, r.links.Name), r.told.String(), old, cur)
				}
			}
		}
	}
}

func TestJudgeAgreesWithModel(t *testing.T) {
	count := make(map[conn.Reason]int)
	judged(t, func(_ *random, old, cur *rtable.Table, _ rtable.Changes, f conn.Flow) {
		got, want := conn.Judge(old, cur, f), modelVerdict(old, cur, f)
		if got != want {
			t.Errorf("Judge = %s, want %s", got, want)
		}
		count[want]++
	})
	for r := conn.Keep; conn.AllReasons.Has(r) || r == conn.Keep; r++ {
		if count[r] < 20 {
			t.Errorf("the stories hold %d flows to judge %s, want 20: %v", count[r], r, count)
		}
	}
}

// A flow that can still leave by a link that owns its address is left alone,
// unless its translator has gone; one that cannot leave at all is not.
func TestJudgeClosesTheDeadAndOnlyThem(t *testing.T) {
	judged(t, func(_ *random, old, cur *rtable.Table, _ rtable.Changes, f conn.Flow) {
		v := conn.Assess(old, cur, f)
		was, now := state{old}, state{cur}
		before, had := was.path(f)
		after, has := now.path(f)
		switch {
		case v.Reason != conn.Keep && v.Exempt != "":
			t.Errorf("%s, though it %s", v.Reason, v.Exempt)
		case neverJudged(was, now, f):
			if v.Reason != conn.Keep || v.Exempt == "" {
				t.Errorf("%s with exemption %q, want keep with one", v.Reason, v.Exempt)
			}
		case has && now.delivers(f.Local.Addr()) && now.leavesByOwner(f, after):
			if v.Reason != conn.Keep && !(v.Reason == conn.GatewayGone && f.Local.Addr().IsPrivate() && before.Route.Default()) {
				t.Errorf("%s, though it has a path by an owner of its address", v.Reason)
			}
		case had && !has && !now.neighbour(f) && f.MarkKnown && !now.deprecated(f.Local.Addr()):
			alive := false
			for _, h := range before.Hops {
				alive = alive || was.up(h.Oif)
			}
			if v.Reason == conn.Keep && alive {
				t.Errorf("keep, though it had a path and has none")
			}
		}
	})
}

func TestJudgeKeepsWhereNothingChanged(t *testing.T) {
	judged(t, func(_ *random, _, cur *rtable.Table, _ rtable.Changes, f conn.Flow) {
		if got := conn.Judge(cur, cur, f); got != conn.Keep {
			t.Errorf("Judge of one table with itself = %s, want keep", got)
		}
	})
}

// Only the flows that a change touches are read and judged, so every flow that it
// strands must be among them.
func TestStrandedFlowsAreTouched(t *testing.T) {
	for seed := range uint64(propertySeeds) {
		r := newRandom(t, seed)
		for range 6 {
			old, cur, changes := r.step(1 + r.IntN(3))
			for _, f := range r.flows() {
				if got := conn.Judge(old, cur, f); got != conn.Keep && !changes.TouchesFlow(f.Local.Addr(), f.Remote.Addr()) {
					t.Fatalf("seed %d: %s is judged %s, but the changes do not touch it\n%s", seed, flowText(f, r.links.Name), got, r.told.String())
				}
			}
			for l := range cur.Links() { // and when the grace of a link ends
				view, through := cur.AssumeCarrier(l.Index), cur.Through(l.Index)
				for _, f := range r.flows() {
					if got := conn.Judge(view, cur, f); got != conn.Keep && !through.TouchesFlow(f.Local.Addr(), f.Remote.Addr()) {
						t.Fatalf("seed %d: %s is judged %s when %s is without carrier, which does not touch it\n%s", seed, flowText(f, r.links.Name), got, l.Name, r.told.String())
					}
				}
			}
		}
	}
}

// The model itself: what it takes for an owner and a delivery.
func TestModel(t *testing.T) {
	w := newWorld(t)
	w.events(`link lo up
		link br0 up kind bridge
		link p0 up master br0
		link p1 up nocarrier
		addr 192.0.2.2/24 dev p0
		addr 192.0.2.3/24 dev p1 deprecated
		local 198.51.100.0/24 dev lo table local`)
	w.flush()
	s := state{w.cur}
	link := func(name string) uint32 { return w.links.Index(name) }
	a := w.flow("tcp 192.0.2.2:1 192.0.2.3:1").Local.Addr()
	for _, tt := range []struct {
		what      string
		got, want bool
	}{
		{"p0 owns", s.owns(link("p0"), a), true},
		{"br0 owns its port's", s.owns(link("br0"), a), true},
		{"p1 owns", s.owns(link("p1"), a), false},
		{"delivers an address", s.delivers(a), true},
		{"delivers AnyIP", s.delivers(a.Next().Next()), false},
		{"p0 up", s.up(link("p0")), true},
		{"p1 up", s.up(link("p1")), false},
		{"none up", s.up(99), false},
		{"deprecated", s.deprecated(a.Next()), true},
		{"not deprecated", s.deprecated(a), false},
		{"stands", s.stands(rtnl.Route{}), false},
	} {
		if tt.got != tt.want {
			t.Errorf("%s = %v, want %v", tt.what, tt.got, tt.want)
		}
	}
}
