package rtable

import (
	"cmp"
	"slices"

	"github.com/netmond/netmond/rtnl"
)

// The functions below are the kernel's rules for where a route goes among those
// to the same prefix, and which one a deletion means. Each returns a new slice
// and leaves the one given as it is, so that buckets stay immutable.

// insert places r among the routes of a family, and returns the route in whose
// place it came.
func insert(fam int, routes []*body, r *body, flags uint16) (out []*body, was *body) {
	if fam == v4 {
		return insert4(routes, r, flags)
	}
	return insert6(routes, r, flags)
}

// insert4 places r as fib_table_insert does: by TOS (higher first), metric
// (lower first), and among equals as the flags say: append goes last, create
// without excl (ip route prepend) first, replace takes the place of the first.
// A route that is there already changes nothing: an event may repeat what a dump
// has told.
func insert4(routes []*body, r *body, flags uint16) (out []*body, was *body) {
	// The equals of r are routes[first:last].
	first := indexOrLen(routes, func(x *body) bool { return order4(x, r) >= 0 })
	last := indexOrLen(routes, func(x *body) bool { return order4(x, r) > 0 })
	same := func(x *body) bool { return sameRoute(&x.Route, &r.Route) }
	at := slices.IndexFunc(routes[first:last], same) // among the equals
	switch {
	case flags&rtnl.FlagReplace != 0 && first < last:
		out = slices.Clone(routes)
		was, out[first] = out[first], r
		if at > 0 { // the kernel holds no route twice
			out = slices.Delete(out, first+at, first+at+1)
		}
		return out, was
	case at >= 0:
		out = slices.Clone(routes)
		was, out[first+at] = out[first+at], r
		return out, was
	case flags&rtnl.FlagCreate != 0 && flags&(rtnl.FlagExcl|rtnl.FlagAppend) == 0:
		return slices.Insert(slices.Clone(routes), first, r), nil
	}
	return slices.Insert(slices.Clone(routes), last, r), nil
}

func indexOrLen[T any](list []T, f func(T) bool) int {
	if i := slices.IndexFunc(list, f); i >= 0 {
		return i
	}
	return len(list)
}

// order4 is negative where a is tried before b.
func order4(a, b *body) int {
	if a.TOS != b.TOS {
		return int(b.TOS) - int(a.TOS)
	}
	return cmp.Compare(a.Priority, b.Priority)
}

// remove4 removes the route that an RTM_DELROUTE names. The message holds the
// whole route: one that differs in anything is another, to which a dump may have
// run ahead.
func remove4(routes []*body, r *rtnl.Route) (out []*body, was *body) {
	i := slices.IndexFunc(routes, func(x *body) bool { return sameRoute(&x.Route, r) })
	if i < 0 {
		return routes, nil
	}
	return slices.Delete(slices.Clone(routes), i, i+1), routes[i]
}

// insert6 places r as fib6_add_rt2node does. An IPv6 multipath route is built
// leg by leg, and each step is announced with all legs so far; so it takes the
// place of the one that stands. Other routes may have equals, and r is one of
// them anew only where its legs are. A replace takes the place of the first of
// equal source and metric, preferring one of its own kind.
func insert6(routes []*body, r *body, flags uint16) (out []*body, was *body) {
	at := -1
	for i, x := range routes {
		if x.Src != r.Src || x.Priority != r.Priority {
			continue
		}
		same := joins(&x.Route) == joins(&r.Route)
		if same && (flags&rtnl.FlagReplace != 0 || mayGrow(&x.Route, &r.Route)) {
			at = i
			break
		}
		if flags&rtnl.FlagReplace != 0 && at < 0 {
			at = i
		}
	}
	if at >= 0 {
		out = slices.Clone(routes)
		was, out[at] = out[at], r
		return out, was
	}
	at = indexOrLen(routes, func(x *body) bool { return order6(x, r) > 0 })
	return slices.Insert(slices.Clone(routes), at, r), nil
}

// grown is what the announcement of r makes of the IPv6 route that it adds a leg
// to: the message shows the attributes of the new leg, a dump those of the first.
func grown(routes []*body, r *rtnl.Route) *rtnl.Route {
	for _, x := range routes {
		if x.Src == r.Src && x.Priority == r.Priority && joins(&x.Route) && joins(r) && len(x.NextHops) < len(r.NextHops) && containsLegs(r, &x.Route) {
			g := *r
			g.Type, g.Pref, g.Protocol, g.PrefSrc = x.Type, x.Pref, x.Protocol, x.PrefSrc
			return &g
		}
	}
	return r
}

// order6 is negative where a stands before b: by source, each of which has a tree
// of its own, then metric.
func order6(a, b *body) int {
	return cmp.Or(a.Src.Addr().Compare(b.Src.Addr()), cmp.Compare(a.Src.Bits(), b.Src.Bits()), cmp.Compare(a.Priority, b.Priority))
}

// joins says whether the kernel makes IPv6 routes like r, of one metric, legs of
// one (rt6_qualify_for_ecmp). What it learnt from router advertisements stays
// apart; what others mark as such does not, and the two cannot be told apart.
func joins(r *rtnl.Route) bool {
	return r.NHID == 0 && len(r.NextHops) > 0 && r.NextHops[0].Gateway.IsValid()
}

// What a route's Protocol says of who made it: RTPROT_KERNEL, RTPROT_RA.
const (
	protoKernel = 2
	protoRA     = 9
)

// mayGrow says whether the announcement of r, of the same kind and metric, tells
// what has become of x.
func mayGrow(x, r *rtnl.Route) bool {
	if joins(r) && x.Protocol != protoRA && r.Protocol != protoRA {
		return true
	}
	return x.Type == r.Type && x.NHID == r.NHID && containsLegs(r, x)
}

// containsLegs says whether every leg of part is one of r.
func containsLegs(r, part *rtnl.Route) bool {
	for i := range part.NextHops {
		if legIndex(r.NextHops, &part.NextHops[i]) < 0 {
			return false
		}
	}
	return true
}

func legIndex(legs []rtnl.NextHop, h *rtnl.NextHop) int {
	return slices.IndexFunc(legs, func(l rtnl.NextHop) bool { return l.Oif == h.Oif && l.Gateway == h.Gateway })
}

// remove6 finds the route that an RTM_DELROUTE means, which may name some of its
// legs only, and returns its index and the legs that are left. Where no route is
// meant the index is negative.
func remove6(routes []*body, r *rtnl.Route) (i int, rest []rtnl.NextHop) {
	for i, x := range routes {
		if x.Src != r.Src || x.Priority != r.Priority || x.NHID != r.NHID || x.Type != r.Type && !(joins(&x.Route) && joins(r)) {
			continue
		}
		if len(r.NextHops) == 0 {
			return i, nil
		}
		rest = slices.DeleteFunc(slices.Clone(x.NextHops), func(l rtnl.NextHop) bool { return legIndex(r.NextHops, &l) >= 0 })
		if len(rest) < len(x.NextHops) || len(x.NextHops) == 0 {
			return i, rest
		}
	}
	return -1, nil
}
