package rtable

import (
	"slices"

	"github.com/netmond/netmond/rtnl"
)

// staging is the answer to a dump while it comes in, as a table of its own.
type staging struct {
	part *rtnl.Part // nil for the whole state
	edit *edit
}

// adopt makes the answer count: an edit of t that holds what the kernel says,
// with the net difference as its changes.
func (s *staging) adopt(t *Table) *edit {
	e := newEdit(t, false)
	for _, tos := range s.edit.cur.tos {
		e.noteTOS(tos)
	}
	switch {
	case s.part != nil:
		e.adoptPart(s.part, &s.edit.cur)
	case t.ready:
		e.adoptAll(&s.edit.cur)
	default:
		e.cur = s.edit.cur
		e.cur.ready, e.cur.assumed = true, t.assumed
		e.changes.first, e.changes.everything = true, true
	}
	return e
}

// adoptPart makes the part of the state that p names that of t.
func (e *edit) adoptPart(p *rtnl.Part, t *Table) {
	switch p.Kind {
	case rtnl.NextHopObjects:
		e.adoptObjects(t)
		for fam := range families {
			e.removeRoutes(fam, func(r *rtnl.Route) bool { return r.NHID != 0 && e.cur.objects[r.NHID] == nil })
		}
	case rtnl.Routes:
		fam := familyIndex(p.Family)
		if p.Oif == 0 {
			e.adoptRoutes(fam, t, true)
		} else {
			e.adoptVia(fam, t, p.Oif)
		}
	}
}

// Diff is the net difference between two tables. Either may be nil.
func Diff(old, cur *Table) Changes {
	if cur.Ready() && !old.Ready() {
		return Changes{first: true, everything: true}
	}
	e := newEdit(old.orEmpty(), false)
	e.adoptAll(cur.orEmpty())
	return e.changes
}

// adoptAll makes the whole state that of t.
func (e *edit) adoptAll(t *Table) {
	e.adoptLinks(t)
	e.adoptAddrs(t)
	e.adoptObjects(t)
	e.adoptRules(t)
	for key := range t.conf {
		if !e.cur.conf[key] {
			own(&e.owned.conf, &e.cur.conf)[key] = true
			e.changes.everything = true
		}
	}
	for key := range e.cur.conf {
		if !t.conf[key] {
			delete(own(&e.owned.conf, &e.cur.conf), key)
			e.changes.everything = true
		}
	}
	for fam := range families {
		e.takeRoutes(fam, t)
	}
	e.cur.bodies = t.bodies
}

func (e *edit) adoptLinks(t *Table) {
	for i, l := range t.links {
		was := e.cur.links[i]
		if was != nil && *was == *l {
			continue
		}
		own(&e.owned.links, &e.cur.links)[i] = l
		e.noteLink(rtnl.New, l, was)
	}
	for i, l := range e.cur.links {
		if t.links[i] == nil {
			delete(own(&e.owned.links, &e.cur.links), i)
			e.noteLink(rtnl.Del, l, nil)
		}
	}
}

func (e *edit) adoptAddrs(t *Table) {
	for _, list := range t.addrs {
		for _, a := range list {
			e.setAddr(rtnl.New, a)
		}
	}
	for local, list := range e.cur.addrs {
		for _, a := range list {
			if slices.ContainsFunc(t.addrs[local], func(x *rtnl.Addr) bool { return x.Link == a.Link && x.Net == a.Net }) {
				continue
			}
			addrs := own(&e.owned.addrs, &e.cur.addrs)
			left := slices.DeleteFunc(slices.Clone(addrs[local]), func(x *rtnl.Addr) bool { return x == a })
			if len(left) > 0 {
				addrs[local] = left
			} else {
				delete(addrs, local)
			}
			e.changes.addr(rtnl.Del, a, nil)
		}
	}
}

// adoptObjects makes the nexthop objects those of t.
func (e *edit) adoptObjects(t *Table) {
	for _, n := range t.objects {
		e.object(rtnl.New, n)
	}
	for id, n := range e.cur.objects {
		if t.objects[id] == nil {
			e.touchObject(id)
			delete(own(&e.owned.objects, &e.cur.objects), id)
			e.changes.object(rtnl.Del, n, nil)
		}
	}
}

func (e *edit) adoptRules(t *Table) {
	was := e.cur.split
	for fam, rules := range t.rules {
		for _, r := range e.cur.rules[fam] {
			if !slices.ContainsFunc(rules, r.Equal) {
				e.changes.rule(rtnl.Del, r)
			}
		}
		for _, r := range rules {
			if !slices.ContainsFunc(e.cur.rules[fam], r.Equal) {
				e.changes.rule(rtnl.New, r)
			}
		}
		if !slices.EqualFunc(e.cur.rules[fam], rules, (*rtnl.Rule).Equal) {
			e.changes.everything = true // their order may be all that has changed
		}
		e.cur.rules[fam] = rules
	}
	if e.cur.split = e.cur.split || t.split; e.cur.split && !was {
		e.changes.everything = true
	}
}

// takeRoutes makes the routes of a family those of t, whose tries it takes: after
// a storm there are many, and of the state before little is left.
func (e *edit) takeRoutes(fam int, t *Table) {
	e.differing(fam, t, func(p place, was, routes []*body) { e.noteRoutes(p, was, routes, false) })
	e.cur.fibs[fam], e.owned.fibs[fam] = t.fibs[fam], false
}

// adoptRoutes makes the routes of a family those of t, prefix by prefix.
func (e *edit) adoptRoutes(fam int, t *Table, implied bool) {
	e.differing(fam, t, func(p place, was, routes []*body) { e.replaceRoutes(fam, p, was, routes, implied) })
}

// differing calls f, which may change them, for the places where the routes of a
// family are not those of t.
func (e *edit) differing(fam int, t *Table, f func(p place, was, routes []*body)) {
	for id, there := range t.fibs[fam] {
		for dst, b := range there.all() {
			if was := e.cur.fibs[fam][id].at(dst); !sameRoutes(was, b.routes) {
				f(place{id, dst}, was, b.routes)
			}
		}
	}
	var gone []place
	for id, f := range e.cur.fibs[fam] {
		for dst := range f.all() {
			if t.fibs[fam][id].at(dst) == nil {
				gone = append(gone, place{id, dst})
			}
		}
	}
	for _, p := range gone {
		f(p, e.cur.fibs[fam][p.table].at(p.dst), nil)
	}
}

// adoptVia makes the routes of a family that leave by a link those of t, which
// holds no others. Where their order among equals is new, it cannot be told.
func (e *edit) adoptVia(fam int, t *Table, oif uint32) {
	places := make(map[place]bool)
	for id, f := range t.fibs[fam] {
		for dst := range f.all() {
			places[place{id, dst}] = true
		}
	}
	for _, p := range e.cur.having(fam, func(r *rtnl.Route) bool { return r.Uses(oif) }) {
		places[p] = true
	}
	for p := range places {
		was, there := e.cur.fibs[fam][p.table].at(p.dst), t.fibs[fam][p.table].at(p.dst)
		routes := slices.DeleteFunc(slices.Clone(was), func(x *body) bool { return x.Uses(oif) && !hasRoute(there, x) })
		for _, x := range there {
			switch {
			case slices.ContainsFunc(routes, func(y *body) bool { return sameBody(&x.Route, &y.Route) }):
			case fam == v4:
				routes, _ = insert4(routes, x, 0)
			default:
				routes, _ = insert6(routes, x, 0)
			}
		}
		if !sameRoutes(was, routes) {
			e.replaceRoutes(fam, p, was, routes, true)
		}
	}
}

// sameRoutes says whether two buckets hold the same routes in the same order.
func sameRoutes(a, b []*body) bool {
	return slices.EqualFunc(a, b, func(x, y *body) bool { return sameBody(&x.Route, &y.Route) })
}

// hasRoute says whether b is one of the routes, whatever legs of it are dead.
func hasRoute(routes []*body, b *body) bool {
	return slices.ContainsFunc(routes, func(x *body) bool { return sameRoute(&x.Route, &b.Route) })
}

// replaceRoutes puts routes in place of was and records what that changes.
func (e *edit) replaceRoutes(fam int, p place, was, routes []*body, implied bool) {
	routes = slices.Clone(routes)
	for i, b := range routes { // they may come from a table with bodies of its own
		routes[i], e.cur.bodies = e.cur.bodies.find(&b.Route, e.private)
	}
	e.setBucket(fam, p.table, p.dst, len(was), routes)
	e.noteRoutes(p, was, routes, implied)
}

// noteRoutes records that routes have come in place of was.
func (e *edit) noteRoutes(p place, was, routes []*body, implied bool) {
	for _, b := range was {
		if !hasRoute(routes, b) {
			e.note(rtnl.Del, p.dst, b, nil, implied)
		}
	}
	for _, b := range routes {
		if !hasRoute(was, b) {
			e.note(rtnl.New, p.dst, b, nil, false)
		}
	}
	e.changes.touch(p.dst) // their order may be all that has changed
}
