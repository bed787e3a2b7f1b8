package conn

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// A docket hands out what a plain list would, whatever is added, dropped and
// delayed in between, and forgets all when it is empty.
func TestDocketKeepsOrder(t *testing.T) {
	start := time.Now()
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 9))
		var d docket
		var list []*entry // in the order of arrival
		due := func(now time.Time) []*entry {
			var out []*entry
			for _, e := range list {
				if !e.due.After(now) {
					out = append(out, e)
				}
			}
			slices.SortStableFunc(out, func(a, b *entry) int { return a.due.Compare(b.due) })
			return out
		}
		at := func() time.Time { return start.Add(time.Duration(r.IntN(20)) * time.Second) }
		for range 300 {
			switch n := len(list); {
			case r.IntN(2) == 0:
				e := &entry{flow: Flow{Cookie: uint64(r.IntN(200))}, due: at()}
				d.add(e)
				if !slices.ContainsFunc(list, func(x *entry) bool { return x.flow.Cookie == e.flow.Cookie }) {
					list = append(list, e)
				}
			case n > 0 && r.IntN(3) == 0:
				d.delay(list[r.IntN(n)], at())
			case n > 0:
				i := r.IntN(n)
				d.drop(list[i])
				d.drop(list[i])
				list = slices.Delete(list, i, i+1)
			}
			if r.IntN(3) > 0 {
				continue
			}
			now := at()
			got := slices.DeleteFunc(slices.Clone(d.due(now)), func(e *entry) bool { return e.dropped })
			if want := due(now); !slices.Equal(got, want) {
				t.Fatalf("seed %d: due = %d entries, want %d: %v", seed, len(got), len(want), want)
			}
			var first time.Time
			if len(list) > 0 {
				first = slices.MinFunc(list, func(a, b *entry) int { return cmp.Compare(a.due.UnixNano(), b.due.UnixNano()) }).due
			}
			if next := d.next(); !next.Equal(first) {
				t.Fatalf("seed %d: next = %v, want %v", seed, next, first)
			}
			if len(d.entries) != len(list) || len(d.queue) > 2*len(list)+1 {
				t.Fatalf("seed %d: %d entries and a queue of %d, want %d", seed, len(d.entries), len(d.queue), len(list))
			}
		}
		for _, e := range list {
			d.drop(e)
		}
		if !d.next().IsZero() || d.entries != nil || d.queue != nil {
			t.Fatalf("seed %d: an empty docket holds %d entries and a queue of %d", seed, len(d.entries), len(d.queue))
		}
	}
}
