package rtable_test

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/netmond/netmond/rtable"
	"github.com/netmond/netmond/rtnl"
)

// Where LeadsAs says that every packet leaves as it did, no lookup that the changes
// touch finds other ways out.
func TestLeadsAsIsRight(t *testing.T) {
	said, seeds := 0, uint64(30)
	if testing.Short() {
		seeds = 4
	}
	for seed := range seeds {
		r := &random{Rand: rand.New(rand.NewPCG(seed, 7))}
		var table *rtable.Table
		for range 200 {
			for _, b := range r.step() {
				old := table
				var changes rtable.Changes
				table, changes = old.Apply(b)
				r.apply(b)
				if changes.Empty() || !table.LeadsAs(old, changes) {
					continue
				}
				said++
				for range 50 {
					q := r.query()
					was, had := old.Lookup(q)
					now, has := table.Lookup(q)
					if had != has || was.Errno != now.Errno || !slices.Equal(was.Hops, now.Hops) {
						t.Fatalf("seed %d: LeadsAs is true after %s, and Lookup(%+v) = %+v, was %+v", seed, show(b), q, now, was)
					}
				}
			}
		}
	}
	if said == 0 {
		t.Error("LeadsAs was never true")
	}
	t.Logf("true %d times", said)
}

// The cases that LeadsAs is for, and those next to them.
func TestLeadsAs(t *testing.T) {
	route := func(dst, gateway string) *rtnl.Route {
		return &rtnl.Route{Dst: netip.MustParsePrefix(dst), Table: rtnl.TableMain, Type: rtnl.Unicast,
			NextHops: []rtnl.NextHop{{Gateway: netip.MustParseAddr(gateway), Oif: 2, Weight: 1}}}
	}
	local := route("203.0.113.0/28", "192.0.2.9")
	local.Table, local.Type = rtnl.TableLocal, rtnl.Local
	base, _ := (*rtable.Table)(nil).Apply(rtnl.Batch{Full: true, Events: []rtnl.Event{
		{Op: rtnl.New, Message: route("0.0.0.0/0", "192.0.2.1")},
		{Op: rtnl.New, Message: route("198.51.100.0/24", "192.0.2.2")},
		{Op: rtnl.New, Message: route("198.51.100.0/25", "192.0.2.2")},
		{Op: rtnl.New, Message: local},
	}})
	for _, c := range []struct {
		name  string
		event rtnl.Event
		want  bool
	}{
		{"like the default", rtnl.Event{Op: rtnl.New, Message: route("192.0.2.128/25", "192.0.2.1")}, true},
		{"by another gateway", rtnl.Event{Op: rtnl.New, Message: route("192.0.2.128/25", "192.0.2.2")}, false},
		{"gone, and covered alike", rtnl.Event{Op: rtnl.Del, Message: route("198.51.100.0/25", "192.0.2.2")}, true},
		{"gone, and covered otherwise", rtnl.Event{Op: rtnl.Del, Message: route("198.51.100.0/24", "192.0.2.2")}, false},
		{"the default gone", rtnl.Event{Op: rtnl.Del, Message: route("0.0.0.0/0", "192.0.2.1")}, false},
		{"within a local prefix of the merged trie", rtnl.Event{Op: rtnl.New, Message: route("203.0.113.0/30", "192.0.2.1")}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			cur, changes := base.Apply(rtnl.Batch{Events: []rtnl.Event{c.event}})
			if changes.Empty() {
				t.Fatal("nothing has changed")
			}
			if got := cur.LeadsAs(base, changes); got != c.want {
				t.Errorf("LeadsAs = %v, want %v", got, c.want)
			}
		})
	}
}
