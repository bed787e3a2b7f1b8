package rtable_test

import (
	"math/rand/v2"
	"testing"

	"github.com/netmond/netmond/rtable"
	"github.com/netmond/netmond/rtnl"
)

// choices lets bytes decide what a random world does: one byte for each choice,
// the largest value when they are used up. It is a rand.Source.
type choices struct{ rest []byte }

func (c *choices) Uint64() uint64 {
	if len(c.rest) == 0 {
		return ^uint64(0) // IntN would ask again and again for less
	}
	b := c.rest[0]
	c.rest = c.rest[1:]
	return uint64(b) * 0x0101_0101_0101_0101
}

// FuzzApply: whatever events come, in whatever batches, Apply does not panic,
// leaves the old table as it was, and makes one whose text reads back, whose
// routes it counts rightly, and which differs from itself in nothing. Lookup
// answers with an error or a way out.
func FuzzApply(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, n := range []int{40, 400, 1200} {
		seed := make([]byte, n)
		for i := range seed {
			seed[i] = byte(r.Uint32())
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		in := &choices{data[:min(len(data), 2000)]}
		r := &random{Rand: rand.New(in)}
		var table *rtable.Table
		for len(in.rest) > 0 {
			for _, b := range r.step() {
				old, before := table, table.String()
				var changes rtable.Changes
				table, changes = old.Apply(b)
				r.apply(b) // so that the next events refer to what there is
				if old.String() != before {
					t.Fatalf("Apply(%s) changed the table it was called on", show(b))
				}
				if changes.Empty() && table.String() != before {
					t.Fatalf("Apply(%s) says that nothing has changed from\n%s\nto\n%s", show(b), before, table)
				}
				q := r.query()
				a, ok := table.Lookup(q)
				if ok != (a.Errno == 0) || ok && a.Route.Type == rtnl.Unicast && len(a.Hops) == 0 {
					t.Fatalf("Lookup(%+v) = %+v, %v", q, a, ok)
				}
			}
		}
		checkText(t, table)
		n := 0
		for range table.Routes() {
			n++
		}
		if n != table.Len() {
			t.Fatalf("Len() = %d, and there are %d routes", table.Len(), n)
		}
		if d := rtable.Diff(table, table); !d.Empty() {
			t.Fatalf("Diff of a table and itself: %s", changeLines(d, table))
		}
	})
}
