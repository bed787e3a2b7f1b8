// Package fulltable makes up a router with a full Internet table, the same each
// time. It is for tests and benchmarks.
package fulltable

import (
	"encoding/binary"
	"iter"
	"math/rand/v2"
	"net/netip"

	"github.com/netmond/netmond/rtnl"
)

// Prefixes is n different IPv4 prefixes with about the lengths of a full Internet
// table: more than half are /24, and few are shorter than /16.
func Prefixes(n int) []netip.Prefix {
	r := rand.New(rand.NewPCG(1, 2))
	lengths := []int{24, 24, 24, 24, 24, 24, 23, 22, 22, 21, 20, 19, 18, 16}
	seen := make(map[netip.Prefix]bool, n)
	list := make([]netip.Prefix, 0, n)
	for len(list) < n {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], r.Uint32())
		if b[0] == 0 || b[0] == 127 || b[0] >= 224 {
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

// Hosts are up to 1024 addresses that the prefixes hold, in an order of their own.
func Hosts(dst []netip.Prefix) []netip.Addr {
	r := rand.New(rand.NewPCG(3, 4))
	list := make([]netip.Addr, min(len(dst), 1<<10))
	for i := range list {
		list[i] = dst[r.IntN(len(dst))].Addr().Next()
	}
	return list
}

// gateways are two on each uplink.
var gateways = [4]netip.Addr{
	netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"),
	netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("198.51.100.2"),
}

// Route is the route to p by the i-th of four ways, in place of what there is.
func Route(p netip.Prefix, i int) rtnl.Event {
	return rtnl.Event{Op: rtnl.New, Flags: rtnl.FlagReplace, Message: &rtnl.Route{
		Dst: p, Table: rtnl.TableMain, Type: rtnl.Unicast, Protocol: 186,
		NextHops: []rtnl.NextHop{{Gateway: gateways[i%4], Oif: uint32(2 + i%4/2), Weight: 1}},
	}}
}

// HeadRoutes is how many routes Head has, and so State besides those to the prefixes.
const HeadRoutes = 3

// State is a whole state with routes to the prefixes and that many rules, three at
// least, in batches as Watch makes them: some 500 routes fill a datagram of a dump.
func State(rules int, dst []netip.Prefix) iter.Seq[rtnl.Batch] {
	return func(yield func(rtnl.Batch) bool) {
		if !yield(rtnl.Batch{Full: true, More: true, Events: Head(rules)}) {
			return
		}
		for i := 0; i < len(dst); {
			b := rtnl.Batch{More: true}
			for end := min(i+500, len(dst)); i < end; i++ {
				e := Route(dst[i], i)
				e.Flags = 0
				b.Events = append(b.Events, e)
			}
			if !yield(b) {
				return
			}
		}
		yield(rtnl.Batch{})
	}
}

// Head is what comes before the routes of a dump: three links, an address, the
// rules, of which the last but one leads to the main table, and a few routes.
func Head(rules int) (events []rtnl.Event) {
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
	for _, p := range []string{"127.0.0.0/8", "192.0.2.9/32"} {
		add(&rtnl.Route{Dst: netip.MustParsePrefix(p), Table: rtnl.TableLocal, Type: rtnl.Local, Scope: rtnl.ScopeHost, Protocol: 2, NextHops: []rtnl.NextHop{{Oif: 1, Weight: 1}}})
	}
	add(&rtnl.Route{Dst: netip.MustParsePrefix("0.0.0.0/0"), Table: rtnl.TableMain, Type: rtnl.Unicast, Protocol: 3, NextHops: []rtnl.NextHop{{Gateway: gateways[0], Oif: 2, Weight: 1}}})
	return events
}
