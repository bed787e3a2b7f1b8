package rtable_test

import (
	"slices"

	"github.com/netmond/netmond/rtnl"
)

// The model's view of IPv6 multipath routes: see insert6 and remove6.

// grown is r as a dump would tell it: with what the first leg said, where r adds
// legs to an IPv6 route.
func (m *model) grown(r rtnl.Route, flags uint16) rtnl.Route {
	if r.Family() == rtnl.IPv4 || flags&(rtnl.FlagReplace|rtnl.FlagExcl) != 0 {
		return r
	}
	for _, i := range m.equals(&r) {
		if x := &m.routes[i]; multipath(x) && multipath(&r) && len(x.NextHops) < len(r.NextHops) && holdsLegs(&r, x) {
			r.Pref, r.Protocol, r.PrefSrc = x.Pref, x.Protocol, x.PrefSrc
			return r
		}
	}
	return r
}

// multipath says whether r is of the kind that takes further legs.
func multipath(r *rtnl.Route) bool {
	return r.NHID == 0 && len(r.NextHops) > 0 && r.NextHops[0].Gateway.IsValid()
}

// holdsLegs says whether the legs of x are all legs of r.
func holdsLegs(r, x *rtnl.Route) bool {
	for _, h := range x.NextHops {
		if !slices.ContainsFunc(r.NextHops, func(g rtnl.NextHop) bool { return g.Oif == h.Oif && g.Gateway == h.Gateway }) {
			return false
		}
	}
	return true
}

// place6 is the index of the IPv6 route that r takes the place of, or -1.
func (m *model) place6(r *rtnl.Route, equals []int, replace bool) int {
	for _, i := range equals {
		x := &m.routes[i]
		const ra = 9
		grows := x.Type == r.Type && x.NHID == r.NHID && holdsLegs(r, x)
		if multipath(r) && x.Protocol != ra && r.Protocol != ra {
			grows = true
		}
		if multipath(x) == multipath(r) && (replace || grows) {
			return i
		}
	}
	if replace && len(equals) > 0 {
		return equals[0]
	}
	return -1
}

func (m *model) delLegs(r *rtnl.Route) {
	for _, i := range m.equals(r) {
		x := m.routes[i]
		if x.Type != r.Type || x.NHID != r.NHID {
			continue
		}
		var left []rtnl.NextHop
		for _, h := range x.NextHops {
			if !slices.ContainsFunc(r.NextHops, func(g rtnl.NextHop) bool { return g.Oif == h.Oif && g.Gateway == h.Gateway }) {
				left = append(left, h)
			}
		}
		if len(r.NextHops) == 0 || len(left) == 0 {
			m.routes = slices.Delete(slices.Clone(m.routes), i, i+1)
			return
		}
		if len(left) < len(x.NextHops) {
			m.shorten(i, left)
			return
		}
	}
}

func (m *model) shorten(i int, left []rtnl.NextHop) {
	m.routes = slices.Clone(m.routes)
	if len(left) == 1 {
		left[0].Weight = 1
	}
	m.routes[i].NextHops = left
}
