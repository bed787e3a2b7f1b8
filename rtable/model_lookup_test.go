package rtable_test

import (
	"net/netip"
	"slices"
	"syscall"

	"github.com/netmond/netmond/rtable"
	"github.com/netmond/netmond/rtnl"
)

// lookup is Table.Lookup by walking lists. The answer's Rule points to a copy.
func (m *model) lookup(q rtable.Query) (rtable.Answer, bool) {
	q.Dst, q.Src = q.Dst.Unmap(), q.Src.Unmap()
	if !q.Dst.IsValid() {
		return rtable.Answer{Errno: syscall.EINVAL}, false
	}
	var vrf uint32
	if l := m.linkOf(q.Oif); l != nil {
		if q.Dst.Is4() && !l.Up() {
			return rtable.Answer{Errno: syscall.ENETUNREACH}, false
		}
		if l.Kind == "vrf" {
			vrf, q.Oif = l.VRFTable, 0
		} else if master := m.linkOf(l.Master); master != nil && master.Kind == "vrf" {
			vrf = master.VRFTable
		}
	} else if q.Oif != 0 && len(m.links) > 0 {
		return rtable.Answer{Errno: syscall.ENODEV}, false
	}
	if q.Dst.Is4() && q.Src.IsValid() && q.Iif == 0 && !m.local(q.Src) {
		return rtable.Answer{Errno: syscall.ENETUNREACH}, false
	}
	if q.Dst.Is4() && !m.split {
		return m.lookupMerged(q)
	}
	rules := m.rulesFor(q.Dst)
	for i := 0; i < len(rules); i++ {
		r := &rules[i]
		if m.selected(r, q, vrf) == r.Invert {
			continue
		}
		switch r.Action {
		case rtnl.ActionTable:
			table := r.Table
			if r.L3mdev {
				table = vrf
			}
			a, found := m.search(q, table)
			if !found || a.Errno == 0 && m.passesOver(r, a) {
				continue
			}
			a.Rule = r
			if r.Family == 0 { // stands for having no rules
				a.Rule = nil
			}
			return a, a.Errno == 0
		case rtnl.ActionGoto:
			for j := i + 1; j < len(rules); j++ {
				if rules[j].Priority == r.Goto {
					i = j - 1
					break
				}
			}
		case rtnl.ActionUnreachable:
			return rtable.Answer{Rule: r, Errno: syscall.ENETUNREACH}, false
		case rtnl.ActionProhibit:
			return rtable.Answer{Rule: r, Errno: syscall.EACCES}, false
		case rtnl.ActionBlackhole:
			return rtable.Answer{Rule: r, Errno: syscall.EINVAL}, false
		}
	}
	return rtable.Answer{Errno: syscall.ENETUNREACH}, false
}

// lookupMerged is lookup where no rule was ever made: local and main are one.
func (m *model) lookupMerged(q rtable.Query) (rtable.Answer, bool) {
	a, found := m.search(q, rtnl.TableLocal, rtnl.TableMain)
	if !found {
		a, found = m.search(q, rtnl.TableDefault)
	}
	if !found {
		return rtable.Answer{Errno: syscall.ENETUNREACH}, false
	}
	for _, r := range m.rulesFor(q.Dst) {
		if r.Family != 0 && r.Table == a.Route.Table {
			a.Rule = &r
			break
		}
	}
	return a, a.Errno == 0
}

// rulesFor is the rules of a family in order; without any, those that a kernel
// without policy routing acts by.
func (m *model) rulesFor(dst netip.Addr) []rtnl.Rule {
	var rules []rtnl.Rule
	for _, r := range m.rules {
		if (r.Family == rtnl.IPv4) == dst.Is4() {
			rules = append(rules, r)
		}
	}
	if rules == nil {
		for _, table := range []uint32{rtnl.TableLocal, rtnl.TableMain, rtnl.TableDefault} {
			rules = append(rules, rtnl.Rule{Action: rtnl.ActionTable, Table: table, SuppressPrefixLen: -1, SuppressIfGroup: -1})
		}
	}
	slices.SortStableFunc(rules, func(a, b rtnl.Rule) int { return compare(a.Priority, b.Priority) })
	return rules
}

func (m *model) selected(r *rtnl.Rule, q rtable.Query, vrf uint32) bool {
	iif, uid := q.Iif, q.UID
	if iif == 0 {
		iif = 1
	} else {
		uid = 0
	}
	in := func(p netip.Prefix, a netip.Addr) bool {
		return !p.IsValid() || p.Bits() == 0 || a.IsValid() && p.Contains(a)
	}
	port := func(r rtnl.PortRange, p uint16) bool {
		return r.First == 0 && r.Last == 0 || p >= r.First && p <= r.Last
	}
	named := func(name string, i uint32) bool {
		return name == "" || m.linkOf(i) != nil && m.linkOf(i).Name == name || m.linkOf(i) == nil && i == 1 && name == "lo"
	}
	return in(r.Src, q.Src) && in(r.Dst, q.Dst) && named(r.Iif, iif) && named(r.Oif, q.Oif) &&
		r.Mark&r.Mask == q.Mark&r.Mask && r.TunID == 0 && (!r.L3mdev || vrf != 0) &&
		(r.UID == nil || uid >= r.UID.First && uid <= r.UID.Last) &&
		(r.TOS == 0 || r.TOS == q.TOS) && (r.IPProto == 0 || r.IPProto == q.Proto) && port(r.Sport, q.Sport) && port(r.Dport, q.Dport)
}

func (m *model) passesOver(r *rtnl.Rule, a rtable.Answer) bool {
	if a.Route.Dst.Bits() <= int(r.SuppressPrefixLen) {
		return true
	}
	if r.SuppressIfGroup < 0 || len(a.Hops) == 0 {
		return false
	}
	l := m.linkOf(a.Hops[0].Oif)
	return l != nil && l.Group == uint32(r.SuppressIfGroup)
}

// local says whether a is an address of the device, or the local table says so.
func (m *model) local(a netip.Addr) bool {
	if m.hasAddr(a) {
		return true
	}
	for bits := a.BitLen(); bits >= 0; bits-- {
		if at := m.routesAt(rtnl.TableLocal, a, bits); len(at) > 0 {
			return at[0].Type == rtnl.Local
		}
	}
	return false
}

// routesAt is the routes of a table to the prefix of that length that holds dst.
func (m *model) routesAt(table uint32, dst netip.Addr, bits int) []rtnl.Route {
	p := netip.PrefixFrom(dst, bits).Masked()
	var list []rtnl.Route
	for _, r := range m.routes {
		if r.Table == table && r.Dst == p {
			list = append(list, r)
		}
	}
	slices.SortStableFunc(list, func(a, b rtnl.Route) int {
		if a.TOS != b.TOS {
			return int(b.TOS) - int(a.TOS)
		}
		return compare(a.Priority, b.Priority)
	})
	return list
}

// search answers for one table, or several as if they were one; false where the
// next rule is to be asked.
func (m *model) search(q rtable.Query, tables ...uint32) (rtable.Answer, bool) {
	begun := false        // an IPv6 prefix was not passed over
	var missed netip.Addr // whose IPv4 prefixes are given up
	for i := range (q.Dst.BitLen() + 1) * len(tables) {
		bits, table := q.Dst.BitLen()-i/len(tables), tables[i%len(tables)]
		at := m.routesAt(table, q.Dst, bits)
		if len(at) > 0 && at[0].Dst.Addr() == missed {
			continue
		}
		sources, others := sourcesFor(at, q)
		if q.Dst.Is6() && !begun && bits > 0 && len(sources) == 1 && others {
			continue
		}
		begun = begun || len(at) > 0
		for _, from := range sources {
			var fit []rtnl.Route // that can take the packet
			for _, r := range at {
				if r.Src != from || r.TOS != 0 && r.TOS != q.TOS {
					continue
				}
				if _, ok := m.ways(&r, q); ok {
					fit = append(fit, r)
				} else if q.Dst.Is4() && r.NHID != 0 && len(fit) == 0 {
					missed = r.Dst.Addr()
					break
				}
			}
			if len(fit) == 0 {
				continue
			}
			if q.Dst.Is6() { // by metric, then preference
				rank := map[uint8]int{3: 2, 0: 1, 1: 0}
				slices.SortStableFunc(fit, func(a, b rtnl.Route) int {
					if a.Priority != b.Priority {
						return compare(a.Priority, b.Priority)
					}
					if d := m.drops(a.NHID); d != m.drops(b.NHID) {
						return map[bool]int{true: -1, false: 1}[d]
					}
					if a.Pref != b.Pref || q.Iif == 0 {
						return rank[a.Pref] - rank[b.Pref]
					}
					back := func(r *rtnl.Route) int {
						hops := r.NextHops
						if n := m.object(r.NHID); n != nil {
							hops = m.legs(n)
						}
						if slices.ContainsFunc(hops, func(h rtnl.NextHop) bool { return h.Oif == q.Iif }) {
							return 0
						}
						return 1
					}
					return back(&a) - back(&b)
				})
			}
			return m.answerWith(fit, q)
		}
	}
	return rtable.Answer{}, false
}

// sourcesFor is the source prefixes of the routes that the query can use, longest
// first, the last one for any source; and whether there are others.
func sourcesFor(at []rtnl.Route, q rtable.Query) (sources []netip.Prefix, others bool) {
	src := q.Src
	if !src.IsValid() {
		src = netip.IPv6Unspecified()
	}
	for bits := 128; bits >= 0; bits-- {
		for _, r := range at {
			if r.Src.Bits() != bits || slices.Contains(sources, r.Src) {
				continue
			}
			if r.Src.Contains(src) {
				sources = append(sources, r.Src)
			} else {
				others = true
			}
		}
	}
	return append(sources, netip.Prefix{}), others
}

// answerWith takes the first of the routes, and the ways of those equal to it.
func (m *model) answerWith(fit []rtnl.Route, q rtable.Query) (rtable.Answer, bool) {
	best := fit[0]
	a := rtable.Answer{Route: best, Errno: refusal(best.Type)}
	if best.Type == rtnl.Throw {
		return a, false
	}
	alien := q.Iif != 0 && q.Dst.Is4() && (best.Type == rtnl.Multicast || best.Type == rtnl.Anycast)
	if (m.drops(best.NHID) || alien) && a.Errno == 0 {
		a.Errno = syscall.EINVAL
	}
	for i, r := range fit {
		equal := !m.drops(best.NHID) && r.Type == rtnl.Unicast && best.Type == rtnl.Unicast && r.Priority == best.Priority
		if q.Dst.Is4() {
			equal = equal && best.Dst.Bits() == 0 && r.TOS == best.TOS && r.Scope == best.Scope
		} else {
			equal = equal && r.Src == best.Src && r.Pref == best.Pref
		}
		if i == 0 || equal {
			hops, _ := m.ways(&r, q)
			a.Hops = append(a.Hops, hops...)
		}
	}
	return a, true
}

func refusal(t rtnl.RouteType) syscall.Errno {
	return map[rtnl.RouteType]syscall.Errno{
		rtnl.Blackhole: syscall.EINVAL, rtnl.Unreachable: syscall.EHOSTUNREACH, rtnl.Prohibit: syscall.EACCES,
	}[t]
}

// ways are the next hops of r in use, and whether r can take the packet.
func (m *model) ways(r *rtnl.Route, q rtable.Query) ([]rtnl.NextHop, bool) {
	switch {
	case r.Type == rtnl.Throw || refusal(r.Type) != 0:
		if q.Oif == 0 || len(r.NextHops) == 0 {
			return r.NextHops, true
		}
	case r.Type == rtnl.Local, r.Type == rtnl.Anycast && (q.Dst.Is4() || r.Protocol == 2):
		var hops []rtnl.NextHop
		for _, h := range r.NextHops {
			if q.Oif == 0 || h.Oif == q.Oif {
				hops = append(hops, h)
			}
		}
		return hops, q.Oif == 0 || len(hops) > 0
	}
	hops := r.NextHops
	if m.drops(r.NHID) {
		return []rtnl.NextHop{{}}, true
	}
	if n := m.object(r.NHID); n != nil {
		hops = m.legs(n)
	}
	var alive, bound []rtnl.NextHop
	for _, h := range hops {
		if h.Flags&rtnl.HopDead == 0 && m.alive(h.Oif, q.Dst.Is4()) {
			alive = append(alive, h)
			if q.Oif == 0 || h.Oif == 0 || h.Oif == q.Oif {
				bound = append(bound, h)
			}
		}
	}
	if n := m.object(r.NHID); n != nil && len(n.Group) > 0 && q.Dst.Is6() && len(bound) > 0 {
		return alive, true // once one leads out of the bound link, all of a group count
	}
	return bound, len(bound) > 0
}
