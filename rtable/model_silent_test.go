package rtable_test

import (
	"net/netip"
	"slices"

	"github.com/netmond/netmond/rtnl"
)

// The model's view of what the kernel removes without a message: see silent.go.

func (m *model) linkOf(i uint32) *rtnl.Link {
	for k := range m.links {
		if m.links[k].Index == i {
			return &m.links[k]
		}
	}
	return nil
}

func (m *model) object(id uint32) *rtnl.NextHopObject {
	for k := range m.objects {
		if m.objects[k].ID == id {
			return &m.objects[k]
		}
	}
	return nil
}

// stored is r as it is kept: see stored.go.
func (m *model) stored(r rtnl.Route) rtnl.Route {
	if m.object(r.NHID) != nil {
		if r.NextHops = nil; m.drops(r.NHID) && r.Type == rtnl.Blackhole {
			r.Type = rtnl.Unicast
		}
		return r
	}
	r.NextHops = slices.Clone(r.NextHops)
	for i := range r.NextHops {
		h := &r.NextHops[i]
		if m.tells(h.Oif, r.Family()) {
			h.Flags &^= rtnl.HopDead
		}
	}
	if r.Family() == rtnl.IPv6 {
		slices.SortStableFunc(r.NextHops, func(a, b rtnl.NextHop) int {
			if a.Oif != b.Oif {
				return compare(a.Oif, b.Oif)
			}
			return a.Gateway.Compare(b.Gateway)
		})
	}
	return r
}

// drops says whether a nexthop object is a blackhole, or a group of one.
func (m *model) drops(id uint32) bool {
	n := m.object(id)
	if n != nil && len(n.Group) == 1 {
		n = m.object(n.Group[0].ID)
	}
	return n != nil && n.Blackhole
}

// shown is r as it is told.
func (m *model) shown(r rtnl.Route) rtnl.Route {
	if n := m.object(r.NHID); n != nil && len(r.NextHops) == 0 {
		if r.NextHops = m.legs(n); m.drops(n.ID) {
			r.Type = rtnl.Blackhole
		}
	}
	return r
}

// legs are the ways out of a nexthop object.
func (m *model) legs(n *rtnl.NextHopObject) (legs []rtnl.NextHop) {
	if len(n.Group) == 0 && !n.Blackhole {
		return []rtnl.NextHop{n.Hop}
	}
	for _, x := range n.Group {
		if o := m.object(x.ID); o != nil && !o.Blackhole && len(o.Group) == 0 {
			h := o.Hop
			h.Weight = x.Weight
			legs = append(legs, h)
		}
	}
	return legs
}

// afterDowns removes the IPv6 routes of links that went down.
func (m *model) afterDowns() {
	for _, i := range m.downs {
		if l := m.linkOf(i); l == nil || !l.Up() {
			m.drop(func(r *rtnl.Route) bool { return r.Family() == rtnl.IPv6 && m.stranded(r, i) })
		}
	}
	m.downs = nil
}

func (m *model) link(op rtnl.Op, l rtnl.Link) {
	old := m.linkOf(l.Index)
	m.links = slices.DeleteFunc(slices.Clone(m.links), func(x rtnl.Link) bool { return x.Index == l.Index })
	if op == rtnl.Del {
		m.linkGone(l.Index)
		return
	}
	m.links = append(m.links, l)
	if old != nil {
		m.revive(old, &l)
		isVRF := func(i uint32) bool { x := m.linkOf(i); return x != nil && x.Kind == "vrf" }
		if old.Master != l.Master && (isVRF(old.Master) || isVRF(l.Master)) {
			m.disable(l.Index)
		}
		if old.Up() && !l.Up() {
			m.downs = append(m.downs, l.Index)
		}
	}
	if !l.Up() {
		m.drop(func(r *rtnl.Route) bool {
			return r.Family() == rtnl.IPv4 && r.Scope != rtnl.ScopeHost && m.stranded(r, l.Index)
		})
	}
	if !l.Up() || !l.Running() {
		m.flushObjects(l.Index)
	}
}

// stranded says whether r leaves by the link, and by no other that is up.
func (m *model) stranded(r *rtnl.Route, oif uint32) bool {
	other := slices.ContainsFunc(r.NextHops, func(h rtnl.NextHop) bool {
		l := m.linkOf(h.Oif)
		return h.Oif != oif && h.Flags&rtnl.HopDead == 0 && (l == nil || l.Up())
	})
	return r.Uses(oif) && !other
}

func (m *model) linkGone(i uint32) {
	m.addrs = slices.DeleteFunc(slices.Clone(m.addrs), func(a rtnl.Addr) bool { return a.Link == i })
	m.conf = slices.DeleteFunc(slices.Clone(m.conf), func(c rtnl.Netconf) bool { return c.Link == int32(i) })
	m.flushObjects(i)
	m.drop(func(r *rtnl.Route) bool { return r.Family() == rtnl.IPv4 && r.Uses(i) })
	for k := len(m.routes) - 1; k >= 0; k-- {
		if !m.routes[k].Uses(i) {
			continue
		}
		left := slices.DeleteFunc(slices.Clone(m.routes[k].NextHops), func(h rtnl.NextHop) bool { return h.Oif == i })
		if len(left) > 0 {
			m.shorten(k, left)
		} else {
			m.routes = slices.Delete(slices.Clone(m.routes), k, k+1)
		}
	}
}

func (m *model) addr(op rtnl.Op, a rtnl.Addr) {
	i := slices.IndexFunc(m.addrs, func(x rtnl.Addr) bool { return x.Link == a.Link && x.Local == a.Local && x.Net == a.Net })
	m.addrs = slices.Clone(m.addrs)
	switch {
	case op == rtnl.New:
		if i >= 0 {
			m.addrs[i] = a
		} else {
			m.addrs = append(m.addrs, a)
		}
		if a.Local.Is4() {
			m.mark(rtnl.IPv4, a.Link, false)
		}
	default:
		if i >= 0 {
			m.addrs = slices.Delete(m.addrs, i, i+1)
		}
		m.addrGone(a)
	}
}

func (m *model) addrGone(a rtnl.Addr) {
	if a.Local.Is6() {
		for i := range m.routes {
			if r := &m.routes[i]; r.PrefSrc == a.Local && r.NHID == 0 && !m.hasAddr(a.Local) {
				m.routes = slices.Clone(m.routes)
				m.routes[i].PrefSrc = netip.Addr{}
			}
		}
		return
	}
	if !slices.ContainsFunc(m.addrs, func(x rtnl.Addr) bool { return x.Link == a.Link && x.Local.Is4() }) {
		m.disable(a.Link)
	}
	if !m.hasAddr(a.Local) {
		table := uint32(rtnl.TableMain)
		if l := m.linkOf(a.Link); l != nil && l.VRFTable != 0 {
			table = l.VRFTable
		}
		if l := m.linkOf(a.Link); l != nil && m.linkOf(l.Master) != nil && m.linkOf(l.Master).VRFTable != 0 {
			table = m.linkOf(l.Master).VRFTable
		}
		m.drop(func(r *rtnl.Route) bool { return r.Family() == rtnl.IPv4 && r.PrefSrc == a.Local && r.Table == table })
	}
}

// disable takes a link's IPv4 routes.
func (m *model) disable(i uint32) {
	m.drop(func(r *rtnl.Route) bool { return r.Family() == rtnl.IPv4 && m.stranded(r, i) })
	if l := m.linkOf(i); l != nil && l.Up() {
		m.mark(rtnl.IPv4, i, true)
	}
}

func (m *model) setObject(op rtnl.Op, n rtnl.NextHopObject) {
	if op == rtnl.Del {
		m.objectGone(n.ID)
		return
	}
	m.objects = slices.DeleteFunc(slices.Clone(m.objects), func(x rtnl.NextHopObject) bool { return x.ID == n.ID })
	m.objects = append(m.objects, n)
	m.routes = slices.Clone(m.routes)
	for i := range m.routes {
		m.routes[i] = m.restored(m.routes[i], n.ID)
	}
}

// restored is r as it is kept once the object of that id is known.
func (m *model) restored(r rtnl.Route, id uint32) rtnl.Route {
	g := m.object(r.NHID)
	if g != nil && (g.ID == id || slices.ContainsFunc(g.Group, func(x rtnl.NextHopMember) bool { return x.ID == id })) {
		return m.stored(r)
	}
	return r
}

func (m *model) flushObjects(oif uint32) {
	for _, n := range slices.Clone(m.objects) {
		if len(n.Group) == 0 && !n.Blackhole && n.Hop.Oif == oif {
			m.objectGone(n.ID)
		}
	}
}

func (m *model) objectGone(id uint32) {
	m.objects = slices.DeleteFunc(slices.Clone(m.objects), func(n rtnl.NextHopObject) bool { return n.ID == id })
	m.drop(func(r *rtnl.Route) bool { return r.NHID == id })
	for _, g := range slices.Clone(m.objects) {
		left := slices.DeleteFunc(slices.Clone(g.Group), func(x rtnl.NextHopMember) bool { return x.ID == id })
		if len(left) == len(g.Group) {
			continue
		}
		if g.Group = left; len(left) == 0 {
			m.objectGone(g.ID)
		} else {
			m.setObject(rtnl.New, g)
		}
	}
}
