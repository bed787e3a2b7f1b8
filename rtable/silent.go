package rtable

import (
	"net/netip"
	"slices"

	"github.com/netmond/netmond/rtnl"
)

// What the kernel removes without a message is removed here, at once, and marked
// as implied. rtnl reads the part again afterwards, so a mistake here lives for
// milliseconds; but in those the verdicts would be wrong.

// linkDown does what fib_sync_down_dev does when a link goes down: the IPv4
// routes whose every next hop leaves by a link that is down go, but for those
// whose next hop has no scope, the local ones. IPv6 routes are announced.
func (e *edit) linkDown(oif uint32) {
	e.removeRoutes(v4, func(r *rtnl.Route) bool {
		return r.Scope != rtnl.ScopeHost && r.Uses(oif) && e.allOut(r, oif)
	})
}

// linksDown6 removes the IPv6 routes out of links that went down. The kernel
// announces those, in the same burst, unless skip_notify_on_dev_down is set; so
// it is done at the end of a batch, for what no message has named.
func (e *edit) linksDown6() {
	for _, oif := range e.downs {
		if l := e.cur.links[oif]; l == nil || !l.Up() {
			e.removeRoutes(v6, func(r *rtnl.Route) bool { return r.Uses(oif) && e.allOut(r, oif) })
		}
	}
}

// allOut says whether no next hop of r is left once oif is out of use.
func (e *edit) allOut(r *rtnl.Route, oif uint32) bool {
	for i := range r.NextHops {
		if h := r.NextHops[i].Oif; h != oif && r.NextHops[i].Flags&rtnl.HopDead == 0 {
			if l := e.cur.links[h]; l == nil || l.Up() {
				return false
			}
		}
	}
	return true
}

// linkGone removes everything that was bound to a link that is no more, or has
// moved to another namespace.
func (e *edit) linkGone(ifindex uint32) {
	for local, list := range e.cur.addrs {
		if !slices.ContainsFunc(list, func(a *rtnl.Addr) bool { return a.Link == ifindex }) {
			continue
		}
		addrs := own(&e.owned.addrs, &e.cur.addrs)
		left := make([]*rtnl.Addr, 0, len(list))
		for _, a := range list {
			if a.Link == ifindex {
				e.changes.addr(rtnl.Del, a, nil)
			} else {
				left = append(left, a)
			}
		}
		if len(left) > 0 {
			addrs[local] = left
		} else {
			delete(addrs, local)
		}
	}
	e.objectsOut(ifindex)
	// An IPv4 route goes with any of its legs (fib_sync_down_dev); an IPv6 one loses
	// the leg (fib6_ifdown).
	e.removeRoutes(v4, func(r *rtnl.Route) bool { return r.Uses(ifindex) })
	e.removeLegs(ifindex)
	for _, fam := range []uint8{rtnl.IPv4, rtnl.IPv6} {
		e.netconf(rtnl.Del, &rtnl.Netconf{Family: fam, Link: int32(ifindex)})
	}
}

// addrGone does what follows when an IPv4 address is deleted: with the last one
// of a link its routes go, local ones too (fib_disable_ip), and with the last
// instance of the address the routes that prefer it, of the main table or the
// link's VRF (fib_sync_down_addr). A link that never had an address keeps its
// routes: nothing is deleted from it.
func (e *edit) addrGone(a *rtnl.Addr) {
	if !e.hasIPv4(a.Link) {
		e.disable(a.Link)
	}
	if len(e.cur.addrs[a.Local]) == 0 {
		table := e.cur.mainOf(a.Link)
		e.removeRoutes(v4, func(r *rtnl.Route) bool { return r.PrefSrc == a.Local && r.Table == table })
	}
}

// disable does what fib_disable_ip does when it is forced, by the end of a link's
// last address or because the link joins or leaves a VRF (NETDEV_CHANGEUPPER in
// fib_netdev_event): its IPv4 routes go, local ones too.
func (e *edit) disable(oif uint32) {
	e.removeRoutes(v4, func(r *rtnl.Route) bool { return r.Uses(oif) && e.allOut(r, oif) })
	if l := e.cur.links[oif]; l != nil && l.Up() {
		e.markDead(v4, oif, true)
	}
}

// addrGone6 does what follows when an IPv6 address is deleted: with its last
// instance routes lose their preference for it (fib6_remove_prefsrc).
func (e *edit) addrGone6(a *rtnl.Addr) {
	if len(e.cur.addrs[a.Local]) > 0 {
		return
	}
	e.rewrite(v6,
		func(r *rtnl.Route) bool { return r.PrefSrc == a.Local && r.NHID == 0 },
		func(r *rtnl.Route) { r.PrefSrc = netip.Addr{} })
}

// mainOf is the main table of what is bound to the link: its VRF's, if any.
func (t *Table) mainOf(ifindex uint32) uint32 {
	if l := t.links[ifindex]; l != nil {
		if m := t.links[l.Master]; m != nil && m.VRFTable != 0 {
			return m.VRFTable
		}
		if l.VRFTable != 0 {
			return l.VRFTable
		}
	}
	return rtnl.TableMain
}

func (e *edit) hasIPv4(ifindex uint32) bool {
	for local, list := range e.cur.addrs {
		if local.Is4() && slices.ContainsFunc(list, func(a *rtnl.Addr) bool { return a.Link == ifindex }) {
			return true
		}
	}
	return false
}

// objectsOut removes the nexthop objects that leave by a link which went down or
// lost carrier (nexthop_flush_dev).
func (e *edit) objectsOut(oif uint32) {
	for _, n := range e.cur.objects {
		if len(n.Group) == 0 && !n.Blackhole && n.Hop.Oif == oif {
			e.objectGone(n)
		}
	}
}

// objectGone removes a nexthop object, its routes, and its place in groups; a
// group that has lost its last member goes too.
func (e *edit) objectGone(n *rtnl.NextHopObject) {
	objects := own(&e.owned.objects, &e.cur.objects)
	for fam := range families {
		e.removeRoutes(fam, func(r *rtnl.Route) bool { return r.NHID == n.ID })
	}
	var empty []*rtnl.NextHopObject
	for _, g := range objects { // while n is still there to show what their routes were
		i := slices.IndexFunc(g.Group, func(m rtnl.NextHopMember) bool { return m.ID == n.ID })
		if i < 0 || g.ID == n.ID {
			continue
		}
		left := *g
		if left.Group = slices.Delete(slices.Clone(g.Group), i, i+1); len(left.Group) == 0 {
			empty = append(empty, g)
			continue
		}
		e.changes.object(rtnl.New, &left, g)
		e.setObject(&left)
	}
	if objects[n.ID] != nil {
		delete(objects, n.ID)
		e.changes.object(rtnl.Del, n, nil)
	}
	for _, g := range empty {
		if objects[g.ID] != nil { // not taken along by another
			e.objectGone(g)
		}
	}
}

// clear makes room for r, which was announced as the only one of its key
// (NLM_F_EXCL). What stands there is of a dump that knew more, and is announced
// again where it is not gone.
func (e *edit) clear(fam int, r *rtnl.Route) {
	was := e.cur.fibs[fam][r.Table].at(r.Dst)
	other := func(x *body) bool {
		return x.Src == r.Src && x.TOS == r.TOS && x.Priority == r.Priority && !sameRoute(&x.Route, r)
	}
	if !slices.ContainsFunc(was, other) {
		return
	}
	e.setBucket(fam, r.Table, r.Dst, len(was), slices.DeleteFunc(slices.Clone(was), other))
	for _, x := range was {
		if other(x) {
			e.note(rtnl.Del, r.Dst, x, nil, true)
		}
	}
}

// removeRoutes removes the routes of a family for which doomed answers true,
// which it must decide without the prefix: it is asked once for each body.
func (e *edit) removeRoutes(fam int, doomed func(*rtnl.Route) bool) {
	for _, hit := range e.cur.having(fam, doomed) {
		routes := e.cur.fibs[fam][hit.table].at(hit.dst)
		left := make([]*body, 0, len(routes))
		for _, b := range routes {
			if doomed(&b.Route) {
				e.note(rtnl.Del, hit.dst, b, nil, true)
			} else {
				left = append(left, b)
			}
		}
		e.setBucket(fam, hit.table, hit.dst, len(routes), left)
	}
}

// removeLegs removes the IPv6 next hops out of a link, and the routes that have no
// other.
func (e *edit) removeLegs(oif uint32) {
	out := func(h rtnl.NextHop) bool { return h.Oif == oif }
	for _, hit := range e.cur.having(v6, func(r *rtnl.Route) bool { return r.Uses(oif) }) {
		routes := e.cur.fibs[v6][hit.table].at(hit.dst)
		for i := len(routes) - 1; i >= 0; i-- {
			if routes[i].Uses(oif) {
				e.setLegs(hit, i, slices.DeleteFunc(slices.Clone(routes[i].NextHops), out), true)
			}
		}
	}
}

// touchObject marks the prefixes whose routes use a nexthop object, or a group
// that it is a member of, as touched.
func (e *edit) touchObject(id uint32) {
	ids := e.groupsOf(id)
	e.touchRoutes(func(r *rtnl.Route) bool { return ids[r.NHID] })
}

// touchVia marks the prefixes with a next hop out of a link as touched.
func (e *edit) touchVia(oif uint32) {
	ids := make(map[uint32]bool)
	for _, n := range e.cur.objects {
		ids[n.ID] = slices.ContainsFunc(e.cur.legs(n), func(h rtnl.NextHop) bool { return h.Oif == oif })
	}
	e.touchRoutes(func(r *rtnl.Route) bool { return r.Uses(oif) || ids[r.NHID] })
}

// touchRoutes marks the prefixes of the routes that match as touched. A default
// route stands for all of its family.
func (e *edit) touchRoutes(match func(*rtnl.Route) bool) {
	for fam := range families {
		hits := e.cur.having(fam, match)
		if slices.ContainsFunc(hits, func(p place) bool { return p.dst.Bits() == 0 }) {
			e.changes.touch(defaults[fam])
			continue
		}
		for _, hit := range hits {
			e.changes.touch(hit.dst)
		}
	}
}

// place is a prefix of a table.
type place struct {
	table uint32
	dst   netip.Prefix
}

// having finds the places of a family that hold a route for which match answers
// true. It asks match once for each distinct body; only where one matches are
// the prefixes walked.
func (t *Table) having(fam int, match func(*rtnl.Route) bool) []place {
	want := make(map[*body]bool)
	for b := range t.bodies.all() {
		if match(&b.Route) {
			want[b] = true
		}
	}
	if len(want) == 0 {
		return nil
	}
	tables := make(map[uint32]bool)
	for b := range want {
		tables[b.Table] = true
	}
	var hits []place
	for _, id := range sortedKeys(t.fibs[fam]) {
		if !tables[id] {
			continue
		}
		for dst, b := range t.fibs[fam][id].all() {
			if slices.ContainsFunc(b.routes, func(x *body) bool { return want[x] }) {
				hits = append(hits, place{id, dst})
			}
		}
	}
	return hits
}
