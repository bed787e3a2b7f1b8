package rtable

import (
	"slices"

	"github.com/netmond/netmond/rtnl"
)

// hops are the next hops of r that the query can leave by: alive, and out of the
// bound link where there is one. Where all are, it is the route's own slice.
func (l *lookup) hops(r *body) []rtnl.NextHop {
	all := r.NextHops
	if r.NHID != 0 {
		if n := l.t.objects[r.NHID]; n != nil {
			if l.t.isBlackhole(n) {
				return []rtnl.NextHop{{}}
			}
			all = l.t.legs(n)
		}
	}
	for i := range all {
		if !l.alive(&all[i]) {
			return slices.DeleteFunc(slices.Clone(all), func(h rtnl.NextHop) bool { return !l.alive(&h) })
		}
	}
	return all
}

// alive says whether a next hop is neither dead (its link is down) nor passed
// over for want of carrier, and leaves by the bound link.
func (l *lookup) alive(h *rtnl.NextHop) bool {
	if l.q.Oif != 0 && h.Oif != 0 && h.Oif != l.q.Oif || h.Flags&rtnl.HopDead != 0 {
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
