package rtable_test

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/netmond/netmond/rtnl"
)

// model is what a Table does, done as plainly as possible: everything is a list
// in order of arrival, and every question walks all of it. It shares no code with
// the package. model_check_test.go tests it; model_lookup_test.go answers queries.
type model struct {
	links   []rtnl.Link
	addrs   []rtnl.Addr
	rules   []rtnl.Rule
	objects []rtnl.NextHopObject
	conf    []rtnl.Netconf // those that are on
	routes  []rtnl.Route

	assumed []uint32
	ready   bool
	split   bool     // the local and the main table of IPv4 are apart
	downs   []uint32 // links that went down in this batch

	isAnswer bool   // this is what a dump says, not what happens
	answer   *model // a dump that is still coming in
	part     *rtnl.Part
}

func (m *model) apply(b rtnl.Batch) {
	if b.Full || b.Part != nil {
		m.answer, m.part = &model{isAnswer: true}, b.Part
		if b.Part != nil {
			m.answer.links, m.answer.conf = m.links, m.conf
		}
		if b.Part != nil && b.Part.Kind == rtnl.Routes {
			m.answer.objects = m.objects
		}
	}
	if m.answer == nil {
		m.events(b.Events)
		m.afterDowns()
		return
	}
	if b.More || b.Full || b.Part != nil {
		m.answer.events(b.Events)
		b.Events = nil
	}
	if b.More {
		return
	}
	m.adopt(m.answer, m.part)
	m.answer, m.part = nil, nil
	m.events(b.Events)
	m.afterDowns()
}

func (m *model) adopt(a *model, part *rtnl.Part) {
	switch {
	case part == nil:
		m.links, m.addrs, m.rules, m.objects, m.conf, m.routes = a.links, a.addrs, a.rules, a.objects, a.conf, a.routes
		m.split = a.split || m.ready && m.split
		m.ready = true
	case part.Kind == rtnl.NextHopObjects:
		m.objects = a.objects
		for i := range m.objects {
			for k := range m.routes {
				m.routes[k] = m.restored(m.routes[k], m.objects[i].ID)
			}
		}
		m.drop(func(r *rtnl.Route) bool { return r.NHID != 0 && m.object(r.NHID) == nil })
	case part.Oif == 0:
		m.drop(func(r *rtnl.Route) bool { return r.Family() == part.Family })
		m.routes = append(m.routes, a.routes...)
	default:
		m.drop(func(r *rtnl.Route) bool { return r.Family() == part.Family && r.Uses(part.Oif) && a.find(r) < 0 })
		for _, r := range a.inOrder() {
			m.put(r, 0)
		}
	}
}

func (m *model) events(events []rtnl.Event) {
	for _, e := range events {
		switch x := e.Message.(type) {
		case *rtnl.Link:
			m.link(e.Op, *x)
		case *rtnl.Addr:
			m.addr(e.Op, *x)
		case *rtnl.Rule:
			m.rule(e.Op, *x)
		case *rtnl.NextHopObject:
			m.setObject(e.Op, *x)
		case *rtnl.Netconf:
			on := slices.Contains(m.conf, rtnl.Netconf{Family: x.Family, Link: x.Link, IgnoreLinkdown: true})
			m.conf = slices.DeleteFunc(slices.Clone(m.conf), func(c rtnl.Netconf) bool { return c.Family == x.Family && c.Link == x.Link })
			if e.Op == rtnl.New && x.IgnoreLinkdown {
				m.conf = append(m.conf, *x)
			}
			for _, l := range m.links {
				if !m.isAnswer && !on && x.IgnoreLinkdown && m.tells(l.Index, x.Family) {
					m.mark(x.Family, l.Index, false)
				}
			}
		case *rtnl.Route:
			r := m.stored(*x)
			switch {
			case e.Op == rtnl.Del, r.Expires < 0 && e.Flags&rtnl.FlagCreate == 0:
				m.del(&r)
			case m.isAnswer:
				m.put(r, e.Flags)
			default:
				m.put(m.grown(r, e.Flags), e.Flags)
			}
		}
	}
}

// same says whether two routes are one, whatever legs are dead and however long
// each has left.
func same(a, b *rtnl.Route) bool {
	x, y := *a, *b
	x.NextHops, y.NextHops = nil, nil
	return x.Dst == y.Dst && x.String() == y.String() && slices.EqualFunc(a.NextHops, b.NextHops, func(g, h rtnl.NextHop) bool {
		g.Flags |= rtnl.HopDead
		h.Flags |= rtnl.HopDead
		return g == h
	})
}

// find is the index of the route, whatever its lifetime, or -1.
func (m *model) find(r *rtnl.Route) int {
	return slices.IndexFunc(m.routes, func(x rtnl.Route) bool { return same(&x, r) })
}

// equals are the indexes of the routes of r's identity.
func (m *model) equals(r *rtnl.Route) (list []int) {
	for i := range m.routes {
		x := &m.routes[i]
		if x.Table == r.Table && x.Dst == r.Dst && x.Src == r.Src && x.TOS == r.TOS && x.Priority == r.Priority {
			list = append(list, i)
		}
	}
	return list
}

// put adds a route as the flags say.
func (m *model) put(r rtnl.Route, flags uint16) {
	if flags&rtnl.FlagExcl != 0 && !m.isAnswer { // it was the only one
		m.drop(func(x *rtnl.Route) bool {
			return x.Table == r.Table && x.Dst == r.Dst && x.Src == r.Src && x.TOS == r.TOS && x.Priority == r.Priority && !same(x, &r)
		})
	}
	m.routes = slices.Clone(m.routes)
	equals, i := m.equals(&r), m.find(&r)
	if r.Family() == rtnl.IPv6 {
		if at := m.place6(&r, equals, flags&rtnl.FlagReplace != 0); at >= 0 {
			m.routes[at] = r
			return
		}
		m.routes = append(m.routes, r)
		return
	}
	switch {
	case len(equals) > 0 && flags&rtnl.FlagReplace != 0:
		m.routes[equals[0]] = r
		if i >= 0 && i != equals[0] {
			m.routes = slices.Delete(m.routes, i, i+1)
		}
	case i >= 0:
		m.routes[i] = r
	case len(equals) > 0 && flags == rtnl.FlagCreate: // prepend
		m.routes = slices.Insert(m.routes, equals[0], r)
	default:
		m.routes = append(m.routes, r)
	}
}

func (m *model) del(r *rtnl.Route) {
	i := m.find(r)
	if r.Family() == rtnl.IPv6 {
		m.delLegs(r)
		return
	}
	if i < 0 {
		return
	}
	m.routes = slices.Delete(slices.Clone(m.routes), i, i+1)
}

// drop removes the routes for which doomed answers true.
func (m *model) drop(doomed func(*rtnl.Route) bool) {
	m.routes = slices.DeleteFunc(slices.Clone(m.routes), func(r rtnl.Route) bool { return doomed(&r) })
}

func (m *model) rule(op rtnl.Op, r rtnl.Rule) {
	i := slices.IndexFunc(m.rules, func(x rtnl.Rule) bool { return x.Equal(&r) })
	switch {
	case op == rtnl.New && i < 0:
		born := map[uint32]uint32{rtnl.TableLocal: 0, rtnl.TableMain: 32766, rtnl.TableDefault: 32767}
		if prio, ok := born[r.Table]; r.Family == rtnl.IPv4 && !(m.isAnswer && ok && r.Equal(plainRule(r.Family, prio, r.Table))) {
			m.split = true
		}
		m.rules = append(slices.Clone(m.rules), r)
	case op == rtnl.Del && i >= 0:
		m.rules = slices.Delete(slices.Clone(m.rules), i, i+1)
		m.split = m.split || r.Family == rtnl.IPv4
	}
}

// plainRule is a rule that only names a table.
func plainRule(fam uint8, prio, table uint32) *rtnl.Rule {
	return &rtnl.Rule{Family: fam, Priority: prio, Action: rtnl.ActionTable, Table: table, SuppressPrefixLen: -1, SuppressIfGroup: -1}
}

// inOrder is the routes as Table.Routes has them.
func (m *model) inOrder() []rtnl.Route {
	routes := slices.Clone(m.routes)
	slices.SortStableFunc(routes, func(a, b rtnl.Route) int {
		if a.Family() != b.Family() {
			return int(a.Family()) - int(b.Family())
		}
		if a.Table != b.Table {
			return compare(a.Table, b.Table)
		}
		if c := a.Dst.Addr().Compare(b.Dst.Addr()); c != 0 {
			return c
		}
		if a.Dst.Bits() != b.Dst.Bits() {
			return a.Dst.Bits() - b.Dst.Bits()
		}
		if a.TOS != b.TOS {
			return int(b.TOS) - int(a.TOS)
		}
		if c := a.Src.Addr().Compare(b.Src.Addr()); c != 0 {
			return c
		}
		if a.Src.Bits() != b.Src.Bits() {
			return a.Src.Bits() - b.Src.Bits()
		}
		return compare(a.Priority, b.Priority)
	})
	return routes
}

func compare(a, b uint32) int {
	if a < b {
		return -1
	} else if a > b {
		return 1
	}
	return 0
}

// String is what Table.String should be.
func (m *model) String() string {
	var b strings.Builder
	for _, r := range m.inOrder() {
		r = m.shown(r)
		b.Write(r.Append(nil, m.linkName))
		b.WriteByte('\n')
	}
	return b.String()
}

func (m *model) linkName(i uint32) string {
	if l := m.linkOf(i); l != nil && l.Name != "" {
		return l.Name
	}
	return rtnl.LinkNumber(i)
}

func (m *model) hasAddr(a netip.Addr) bool {
	return slices.ContainsFunc(m.addrs, func(x rtnl.Addr) bool { return x.Local == a })
}
