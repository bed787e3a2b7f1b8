package rtable

import (
	"cmp"
	"net/netip"
	"slices"
	"sort"

	"github.com/netmond/netmond/rtnl"
)

// A route is stored in one form, whatever form the kernel told it in, so that
// equal routes are equal values:
//
//   - A route by nexthop object holds no next hops. They are the object's, which
//     may change and shrink without a word about the route (nexthop_compat_mode
//     decides how many words); they are put in again when the route is shown.
//   - The legs of an IPv6 route are sorted: a message tells the newest first, a
//     dump the oldest, and the kernel does not go by their order.
//   - So is its type, where the object is a blackhole.
//   - A leg is marked dead only where the state of its link does not tell: an IPv4
//     one out of a link that has lost its last address (fib_disable_ip), an IPv6 one
//     that waits for the carrier of a link that was down.

// noteTOS notes that a route asks for a type of service.
func (e *edit) noteTOS(tos uint8) {
	if tos != 0 && !slices.Contains(e.cur.tos, tos) {
		e.cur.tos = append(slices.Clip(e.cur.tos), tos)
	}
}

// stored is r in the form in which it is kept.
func (e *edit) stored(r *rtnl.Route) *rtnl.Route {
	e.noteTOS(r.TOS)
	if n := e.cur.objects[r.NHID]; n != nil {
		if refuses := r.Type == rtnl.Blackhole && e.cur.isBlackhole(n); refuses || len(r.NextHops) > 0 {
			s := *r
			s.NextHops = nil
			if refuses {
				s.Type = rtnl.Unicast
			}
			return &s
		}
		return r
	}
	v6 := r.Family() == rtnl.IPv6
	if unsorted := v6 && !slices.IsSortedFunc(r.NextHops, orderLegs); unsorted || marksDead(r) {
		s := *r
		s.NextHops = slices.Clone(r.NextHops)
		for i := range s.NextHops {
			h := &s.NextHops[i]
			if e.cur.tells(familyIndex(r.Family()), h.Oif) {
				h.Flags &^= rtnl.HopDead
			}
		}
		if unsorted {
			sort.SliceStable(s.NextHops, func(i, j int) bool { return orderLegs(s.NextHops[i], s.NextHops[j]) < 0 })
		}
		return &s
	}
	return r
}

func marksDead(r *rtnl.Route) bool {
	for i := range r.NextHops {
		if r.NextHops[i].Flags&rtnl.HopDead != 0 {
			return true
		}
	}
	return false
}

// sameRoute says whether two bodies are the same route, though a leg of it may
// have died or come back (RTNH_COMPARE_MASK).
func sameRoute(a, b *rtnl.Route) bool {
	x, y := *a, *b
	x.NextHops, y.NextHops = nil, nil
	return sameBody(&x, &y) && slices.EqualFunc(a.NextHops, b.NextHops, func(g, h rtnl.NextHop) bool {
		g.Flags, h.Flags = g.Flags&^rtnl.HopDead, h.Flags&^rtnl.HopDead
		return g == h
	})
}

func orderLegs(a, b rtnl.NextHop) int {
	return cmp.Or(cmp.Compare(a.Oif, b.Oif), a.Gateway.Compare(b.Gateway))
}

// shown is the route that b is at dst, with the next hops of its object.
func (t *Table) shown(dst netip.Prefix, b *body) rtnl.Route {
	r := b.Route
	r.Dst = dst
	if r.NHID != 0 && len(r.NextHops) == 0 {
		if n := t.objects[r.NHID]; n != nil {
			r.NextHops = t.legs(n)
			if t.isBlackhole(n) {
				r.Type = rtnl.Blackhole
			}
		}
	}
	return r
}

// shown is the route that b is, or was, at dst.
func (e *edit) shown(dst netip.Prefix, b *body) *rtnl.Route {
	t := &e.cur
	if b.NHID != 0 && t.objects[b.NHID] == nil {
		t = e.base
	}
	r := t.shown(dst, b)
	return &r
}

// rewrite changes the routes of a family that match, which must not depend on
// the prefix. The changes list them, as implied.
func (e *edit) rewrite(fam int, match func(*rtnl.Route) bool, change func(*rtnl.Route)) {
	for _, p := range e.cur.having(fam, match) {
		was := e.cur.fibs[fam][p.table].at(p.dst)
		out := slices.Clone(was)
		for i, b := range was {
			if !match(&b.Route) {
				continue
			}
			r := b.Route
			change(&r)
			out[i], e.cur.bodies = e.cur.bodies.find(&r, e.private)
			e.note(rtnl.New, p.dst, out[i], b, true)
		}
		e.setBucket(fam, p.table, p.dst, len(was), out)
	}
}

// tells says whether the state of the link is reason enough for its legs to be
// dead; a mark on the leg would only repeat it.
func (t *Table) tells(fam int, oif uint32) bool {
	l := t.links[oif]
	return l == nil || !l.Up() || !l.Running() && t.ignoresLinkdown(fam, oif)
}

// reviveLegs does to dead legs what a change of their link does. IPv4 legs live
// again once the link is up (fib_sync_up), IPv6 legs that have outlived its fall
// once it is operational too (addrconf_link_ready, rt6_sync_up).
func (e *edit) reviveLegs(was, l *rtnl.Link) {
	ready := l.Flags&rtnl.FlagRunning != 0
	for fam := range families {
		switch {
		case was.Flags == l.Flags:
		case e.cur.tells(fam, l.Index), !was.Up() && fam == v4, fam == v6 && ready:
			e.markDead(fam, l.Index, false)
		case !was.Up():
			e.markDead(fam, l.Index, true)
		}
	}
}

// markDead marks the legs out of a link as dead, or as alive again.
func (e *edit) markDead(fam int, oif uint32, dead bool) {
	var flag uint8
	if dead {
		flag = rtnl.HopDead
	}
	concerned := func(h rtnl.NextHop) bool { return h.Oif == oif && h.Flags&rtnl.HopDead != flag }
	e.rewrite(fam,
		func(r *rtnl.Route) bool { return slices.ContainsFunc(r.NextHops, concerned) },
		func(r *rtnl.Route) {
			r.NextHops = slices.Clone(r.NextHops)
			for i := range r.NextHops {
				if h := &r.NextHops[i]; h.Oif == oif {
					h.Flags = h.Flags&^rtnl.HopDead | flag
				}
			}
		})
}

// setObject puts the object n in place of the one of its id, which changes the
// routes that use it, alone or in a group.
func (e *edit) setObject(n *rtnl.NextHopObject) {
	type use struct {
		place
		i   int // in the bucket
		was *rtnl.Route
	}
	var uses []use
	ids := e.groupsOf(n.ID)
	for fam := range families {
		for _, p := range e.cur.having(fam, func(r *rtnl.Route) bool { return ids[r.NHID] }) {
			for i, b := range e.cur.fibs[fam][p.table].at(p.dst) {
				if ids[b.NHID] {
					uses = append(uses, use{p, i, e.shown(p.dst, b)})
				}
			}
		}
	}
	own(&e.owned.objects, &e.cur.objects)[n.ID] = n
	for _, u := range uses {
		fam := indexOf(u.dst.Addr())
		out := slices.Clone(e.cur.fibs[fam][u.table].at(u.dst))
		var b *body
		b, e.cur.bodies = e.cur.bodies.find(e.stored(&out[u.i].Route), e.private)
		if b != out[u.i] {
			out[u.i] = b
			e.setBucket(fam, u.table, u.dst, len(out), out)
		}
		if now := e.shown(u.dst, b); !sameBody(now, u.was) {
			e.changes.route(rtnl.New, now, u.was, true)
		}
	}
}

// groupsOf is the object of that id and the groups that it is a member of.
func (e *edit) groupsOf(id uint32) map[uint32]bool {
	ids := map[uint32]bool{id: true}
	for _, g := range e.cur.objects {
		if slices.ContainsFunc(g.Group, func(m rtnl.NextHopMember) bool { return m.ID == id }) {
			ids[g.ID] = true
		}
	}
	return ids
}
