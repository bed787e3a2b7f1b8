package rtable

import (
	"net/netip"
	"slices"
	"sort"

	"github.com/netmond/netmond/rtnl"
)

// search6 is search for IPv6 (fib6_table_lookup). A prefix with source-specific
// routes is a tree of its own by source. The search begins at the longest prefix
// that has routes for the source; and, a quirk of fib6_node_lookup_1, it passes
// over one that has routes for other sources even where it has some for any. Only
// from there on (fib6_backtrack) do all prefixes count.
func (l *lookup) search6(f fib) bool {
	host := netip.PrefixFrom(l.q.Dst, l.q.Dst.BitLen())
	src := l.q.Src
	if !src.IsValid() {
		src = netip.IPv6Unspecified()
	}
	begun := false
	for dst, b := range f.trie.Supernets(host) {
		sources := sourcesOf(b, src)
		if !begun && dst.Bits() > 0 && len(sources) == 0 && b.specific() {
			continue
		}
		begun = true
		for _, from := range append(sources, netip.Prefix{}) {
			if l.pick6(b, from) {
				l.ans.Route.Dst = dst
				return l.ans.Route.Type != rtnl.Throw
			}
		}
	}
	return false
}

// specific says whether the bucket holds source-specific routes.
func (b *bucket) specific() bool {
	return b.routes[len(b.routes)-1].Src.IsValid() // sorted by source, any first
}

// sourcesOf are the source prefixes of routes in b that hold src, the longest
// first.
func sourcesOf(b *bucket, src netip.Addr) []netip.Prefix {
	var sources []netip.Prefix
	for _, r := range b.routes {
		if r.Src.IsValid() && r.Src.Contains(src) && (len(sources) == 0 || sources[0] != r.Src) {
			sources = append([]netip.Prefix{r.Src}, sources...)
		}
	}
	sort.Slice(sources, func(i, j int) bool { return sources[i].Bits() > sources[j].Bits() })
	return sources
}

// pick6 finds the best route for a source prefix: by metric, then RFC 4191
// preference; but a nexthop object that drops ends the search among those of its
// metric (__find_rr_leaf). Equal ones all count.
func (l *lookup) pick6(b *bucket, from netip.Prefix) bool {
	var best *body
	for _, r := range b.routes {
		if r.Src == from && (best == nil || l.better6(r, best)) && l.take(r) {
			best = r
		}
	}
	if best == nil {
		return false
	}
	if best.Type != rtnl.Unicast || l.ans.Errno != 0 {
		return true
	}
	for _, r := range b.routes {
		if r != best && r.Type == rtnl.Unicast && r.Src == best.Src && r.Priority == best.Priority && r.Pref == best.Pref {
			l.ans.Hops = append(slices.Clip(l.ans.Hops), l.hops(r)...)
		}
	}
	return true
}

// better6 says whether a is tried before b and not merely equal to it. A packet
// that came in by a link rather leaves by it (ip6_pol_route_input, rt6_check_dev).
func (l *lookup) better6(a, b *body) bool {
	if a.Priority != b.Priority {
		return a.Priority < b.Priority
	}
	if drops := l.drops(a); drops != l.drops(b) {
		return drops
	}
	if p, q := preference(a.Pref), preference(b.Pref); p != q || l.q.Iif == 0 {
		return p > q
	}
	return l.returns(a) && !l.returns(b)
}

// returns says whether a way out of r is the way in.
func (l *lookup) returns(r *body) bool {
	return slices.ContainsFunc(l.t.NextHops(&r.Route), func(h rtnl.NextHop) bool { return h.Oif == l.q.Iif })
}

// drops says whether a route is by a nexthop object that is a blackhole.
func (l *lookup) drops(r *body) bool {
	n := l.object(r)
	return n != nil && l.t.isBlackhole(n)
}

// preference orders RFC 4191 router preferences: low, medium, high.
func preference(pref uint8) int {
	switch pref {
	case 1:
		return 1
	case 3:
		return -1
	}
	return 0
}
