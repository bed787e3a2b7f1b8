package rtable

import (
	"fmt"
	"net/netip"
	"runtime"
	"testing"

	"github.com/netmond/netmond/rtnl"

	"github.com/netmond/netmond/internal/fulltable"
)

// build takes in a whole state of those prefixes.
func build(rules int, dst []netip.Prefix) (t *Table) {
	for b := range fulltable.State(rules, dst) {
		t, _ = t.Apply(b)
	}
	return t
}

func BenchmarkLookup(b *testing.B) {
	for _, n := range []int{10, 1000, 100_000, 1_000_000} {
		dst := fulltable.Prefixes(n)
		to := fulltable.Hosts(dst)
		for _, rules := range []int{3, 10} {
			t := build(rules, dst)
			b.Run(fmt.Sprintf("routes=%d/rules=%d", n, rules), func(b *testing.B) {
				b.ReportAllocs()
				for i := range b.N {
					if _, ok := t.Lookup(Query{Dst: to[i%len(to)]}); !ok {
						b.Fatal("no route")
					}
				}
			})
		}
	}
}

// The prefix step of a Lookup: the longest prefix in one table.
func BenchmarkPrefix(b *testing.B) {
	for _, n := range []int{10, 1000, 100_000, 1_000_000} {
		dst := fulltable.Prefixes(n)
		to := fulltable.Hosts(dst)
		f := build(3, dst).fibs[v4][rtnl.TableMain]
		b.Run(fmt.Sprintf("routes=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for i := range b.N {
				if _, ok := f.trie.Lookup(to[i%len(to)]); !ok {
					b.Fatal("no route")
				}
			}
		})
	}
}

// One route replaced, and the old table left whole.
func BenchmarkApply(b *testing.B) {
	for _, n := range []int{10, 1000, 100_000, 1_000_000} {
		dst := fulltable.Prefixes(n)
		whole := build(3, dst)
		b.Run(fmt.Sprintf("routes=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			t := whole // each run starts anew, so that each update changes something
			batch := rtnl.Batch{Events: make([]rtnl.Event, 1)}
			for i := range b.N {
				batch.Events[0] = fulltable.Route(dst[i*7919%n], i/n+i+1)
				t, _ = t.Apply(batch)
			}
			if t.Len() != n+fulltable.HeadRoutes {
				b.Fatalf("Len() = %d, want %d", t.Len(), n+fulltable.HeadRoutes)
			}
		})
	}
}

// A whole state, from the first batch to the last.
func BenchmarkFull(b *testing.B) {
	for _, n := range []int{1000, 1_000_000} {
		dst := fulltable.Prefixes(n)
		b.Run(fmt.Sprintf("routes=%d", n), func(b *testing.B) {
			var before, after runtime.MemStats
			var t *Table
			for range b.N {
				t = nil
				b.StopTimer()
				runtime.GC()
				runtime.ReadMemStats(&before)
				b.StartTimer()
				t = build(3, dst)
			}
			b.StopTimer()
			runtime.GC()
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/route")
			b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(n), "B/route")
			runtime.KeepAlive(t)
		})
	}
}
