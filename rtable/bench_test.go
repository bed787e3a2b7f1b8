package rtable

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"

	"github.com/netmond/netmond/rtnl"
)

// internet yields n different IPv4 prefixes with about the lengths of a full
// Internet table: more than half are /24, and few are shorter than /16.
func internet(n int) []netip.Prefix {
	r := rand.New(rand.NewPCG(1, 2))
	lengths := []int{24, 24, 24, 24, 24, 24, 23, 22, 22, 21, 20, 19, 18, 16}
	seen := make(map[netip.Prefix]bool, n)
	list := make([]netip.Prefix, 0, n)
	for len(list) < n {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], r.Uint32())
		if b[0] == 0 || b[0] >= 224 {
			continue
		}
		p := netip.PrefixFrom(netip.AddrFrom4(b), lengths[r.IntN(len(lengths))]).Masked()
		if !seen[p] {
			seen[p] = true
			list = append(list, p)
		}
	}
	return list
}

var benchGateways = [4]netip.Addr{
	netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"),
	netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("198.51.100.2"),
}

// benchRoute is the route to p by the i-th of four ways.
func benchRoute(p netip.Prefix, i int) rtnl.Event {
	r := &rtnl.Route{Dst: p, Table: rtnl.TableMain, Type: rtnl.Unicast, Protocol: 186, NextHops: []rtnl.NextHop{{
		Gateway: benchGateways[i%4], Oif: uint32(2 + i%4/2), Weight: 1,
	}}}
	return rtnl.Event{Op: rtnl.New, Flags: rtnl.FlagReplace, Message: r}
}

// benchHead is what comes before the routes of a dump: three links, an address,
// and the given number of rules, of which the last but one leads to the main table.
func benchHead(rules int) (events []rtnl.Event) {
	add := func(m rtnl.Message) { events = append(events, rtnl.Event{Op: rtnl.New, Message: m}) }
	const up = rtnl.FlagUp | rtnl.FlagRunning | rtnl.FlagLowerUp
	for i, name := range []string{"lo", "wan", "wan2"} {
		add(&rtnl.Link{Index: uint32(i + 1), Name: name, Flags: up})
	}
	add(&rtnl.Addr{Link: 2, Local: netip.MustParseAddr("192.0.2.9"), Net: netip.MustParsePrefix("192.0.2.0/24")})
	rule := func(prio, table uint32) *rtnl.Rule {
		return &rtnl.Rule{Family: rtnl.IPv4, Priority: prio, Action: rtnl.ActionTable, Table: table, SuppressPrefixLen: -1, SuppressIfGroup: -1}
	}
	add(rule(0, rtnl.TableLocal))
	for i := range rules - 3 {
		r := rule(uint32(100+i), uint32(100+i))
		r.Mark, r.Mask = uint32(i+1), 0xff
		add(r)
	}
	add(rule(32766, rtnl.TableMain))
	add(rule(32767, rtnl.TableDefault))
	lo := netip.MustParsePrefix("127.0.0.0/8")
	for _, p := range []netip.Prefix{lo, netip.MustParsePrefix("192.0.2.9/32")} {
		add(&rtnl.Route{Dst: p, Table: rtnl.TableLocal, Type: rtnl.Local, Scope: rtnl.ScopeHost, Protocol: 2, NextHops: []rtnl.NextHop{{Oif: 1, Weight: 1}}})
	}
	add(&rtnl.Route{Dst: defaults[v4], Table: rtnl.TableMain, Type: rtnl.Unicast, Protocol: 3, NextHops: []rtnl.NextHop{{Gateway: benchGateways[0], Oif: 2, Weight: 1}}})
	return events
}

// build takes in a whole state of those prefixes, in batches as Watch makes them:
// some 500 routes fill a datagram of a dump.
func build(rules int, dst []netip.Prefix) *Table {
	t, _ := (*Table)(nil).Apply(rtnl.Batch{Full: true, More: true, Events: benchHead(rules)})
	for i := 0; i < len(dst); {
		b := rtnl.Batch{More: true}
		for end := min(i+500, len(dst)); i < end; i++ {
			e := benchRoute(dst[i], i)
			e.Flags = 0
			b.Events = append(b.Events, e)
		}
		t, _ = t.Apply(b)
	}
	t, _ = t.Apply(rtnl.Batch{})
	return t
}

// hosts are addresses that the prefixes hold, in an order of their own.
func hosts(dst []netip.Prefix) []netip.Addr {
	r := rand.New(rand.NewPCG(3, 4))
	list := make([]netip.Addr, min(len(dst), 1<<10))
	for i := range list {
		list[i] = dst[r.IntN(len(dst))].Addr().Next()
	}
	return list
}

func BenchmarkLookup(b *testing.B) {
	for _, n := range []int{10, 1000, 100_000, 1_000_000} {
		dst := internet(n)
		to := hosts(dst)
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
		dst := internet(n)
		to := hosts(dst)
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
		dst := internet(n)
		whole := build(3, dst)
		b.Run(fmt.Sprintf("routes=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			t := whole // each run starts anew, so that each update changes something
			batch := rtnl.Batch{Events: make([]rtnl.Event, 1)}
			for i := range b.N {
				batch.Events[0] = benchRoute(dst[i*7919%n], i/n+i+1)
				t, _ = t.Apply(batch)
			}
			if t.Len() != n+3 {
				b.Fatalf("Len() = %d, want %d", t.Len(), n+3)
			}
		})
	}
}

// A whole state, from the first batch to the last.
func BenchmarkFull(b *testing.B) {
	for _, n := range []int{1000, 1_000_000} {
		dst := internet(n)
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
