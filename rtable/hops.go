package rtable

import (
	"slices"

	"github.com/netmond/netmond/rtnl"
)

// hops are the next hops of r that the query can leave by: alive, and out of the
// bound link where there is one. Where all are, it is the route's own slice.
func (l *lookup) hops(r *body) []rtnl.NextHop {
	n := l.object(r)
	switch {
	case n == nil:
		return only(r.NextHops, l.leaves)
	case l.t.isBlackhole(n):
		return []rtnl.NextHop{{}}
	}
	all := l.t.legs(n)
	if l.fam == v6 && len(n.Group) > 0 && len(only(all, l.leaves)) > 0 {
		return only(all, l.alive)
	}
	return only(all, l.leaves)
}

// object is the nexthop object of a route; nil for a route without one.
func (l *lookup) object(r *body) *rtnl.NextHopObject {
	if r.NHID == 0 {
		return nil
	}
	return l.t.objects[r.NHID]
}

// only is the next hops that are so. Where all are, it is the slice itself.
func only(hops []rtnl.NextHop, so func(*rtnl.NextHop) bool) []rtnl.NextHop {
	for i := range hops {
		if !so(&hops[i]) {
			return slices.DeleteFunc(slices.Clone(hops), func(h rtnl.NextHop) bool { return !so(&h) })
		}
	}
	return hops
}

// leaves says whether a next hop is alive and leaves by the bound link. An IPv6
// group needs one such member, and then chooses among all of them
// (ip6_pol_route calls fib6_select_path without have_oif_match).
func (l *lookup) leaves(h *rtnl.NextHop) bool {
	return (l.q.Oif == 0 || h.Oif == 0 || h.Oif == l.q.Oif) && l.alive(h)
}

// alive says whether a next hop is neither dead (its link is down) nor passed
// over for want of carrier.
func (l *lookup) alive(h *rtnl.NextHop) bool {
	if h.Flags&rtnl.HopDead != 0 {
		return false
	}
	link := l.t.links[h.Oif]
	if link == nil { // gone, but for a table of routes alone, as in an example
		return h.Oif == 0 || len(l.t.links) == 0
	}
	return link.Up() && (link.Running() || l.t.assumed[h.Oif] || !l.t.ignoresLinkdown(l.fam, h.Oif))
}

// isBlackhole says whether a nexthop object drops what comes its way: it is a
// blackhole, or a group of one, which may have no other members.
func (t *Table) isBlackhole(n *rtnl.NextHopObject) bool {
	if len(n.Group) == 1 {
		m := t.objects[n.Group[0].ID]
		return m != nil && m.Blackhole
	}
	return n.Blackhole
}

// legs are the ways out of a nexthop object: its own, or those of its members
// with their weights. Groups do not nest (nh_check_attr_group).
func (t *Table) legs(n *rtnl.NextHopObject) []rtnl.NextHop {
	if len(n.Group) == 0 {
		if n.Blackhole {
			return nil
		}
		return []rtnl.NextHop{n.Hop}
	}
	legs := make([]rtnl.NextHop, 0, len(n.Group))
	for _, m := range n.Group {
		if o := t.objects[m.ID]; o != nil && !o.Blackhole && len(o.Group) == 0 {
			h := o.Hop
			h.Weight = m.Weight
			legs = append(legs, h)
		}
	}
	return legs
}

// NextHops are the ways out of a route, with its nexthop object resolved, whether
// alive or not. They must not be changed.
func (t *Table) NextHops(r *rtnl.Route) []rtnl.NextHop {
	if r.NHID != 0 {
		if n := t.NextHopObject(r.NHID); n != nil {
			return t.legs(n)
		}
	}
	return r.NextHops
}
