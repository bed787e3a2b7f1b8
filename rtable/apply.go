package rtable

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/netmond/netmond/rtnl"
)

// Apply returns the table after a batch, and what the batch has changed. While
// an answer comes in (rtnl.Batch.More) the table stays as it was; its last batch
// makes it count at once, so that readers see no half of a state.
func (t *Table) Apply(b rtnl.Batch) (*Table, Changes) {
	t = t.orEmpty()
	staged := t.staged
	switch {
	case b.Full:
		staged = &staging{edit: newEdit(&empty, true)}
		staged.edit.cur.assumed = t.assumed
	case b.Part != nil:
		base := &Table{links: t.links, conf: t.conf} // what the form of a stored route depends on
		if b.Part.Kind == rtnl.Routes {
			base.objects = t.objects
		}
		staged = &staging{part: b.Part, edit: newEdit(base, true)}
	}
	if staged == nil {
		e := newEdit(t, false)
		e.events(b.Events)
		return e.finish()
	}
	if b.More || b.Full || b.Part != nil {
		staged.edit.events(b.Events)
		b.Events = nil
	}
	if b.More {
		next := *t
		next.staged = staged
		return &next, Changes{}
	}
	e := staged.adopt(t)
	e.events(b.Events)
	return e.finish()
}

// edit is a table in the making: a copy of its base whose parts are copied when
// they are first written. For one goroutine.
type edit struct {
	base    *Table
	cur     Table
	owned   parts   // what of cur is not shared with base any more
	private bool    // cur shares nothing with any table: tries are changed in place
	recent  []*body // of a private edit: bodies found lately, by slot
	changes Changes
	downs   []uint32 // links that went down in this batch
}

// parts says which parts of a table are an edit's own.
type parts struct {
	links, addrs, objects, conf bool
	fibs                        [families]bool
}

func newEdit(base *Table, private bool) *edit {
	e := &edit{base: base, cur: *base, private: private}
	if private {
		e.recent = make([]*body, 64)
	}
	e.cur.staged = nil
	return e
}

// finish turns the edit into a table.
func (e *edit) finish() (*Table, Changes) {
	e.linksDown6()
	t := e.cur
	t.bodies = t.bodies.pruned(&t)
	return &t, e.changes
}

func (e *edit) events(events []rtnl.Event) {
	for i := range events {
		ev := &events[i]
		switch m := ev.Message.(type) {
		case *rtnl.Route:
			if ev.Op == rtnl.New {
				e.addRoute(m, ev.Flags)
			} else {
				e.delRoute(m)
			}
		case *rtnl.Link:
			e.link(ev.Op, m)
		case *rtnl.Addr:
			e.addr(ev.Op, m)
		case *rtnl.Rule:
			e.rule(ev.Op, m)
		case *rtnl.NextHopObject:
			e.object(ev.Op, m)
		case *rtnl.Netconf:
			e.netconf(ev.Op, m)
		}
	}
}

// own makes *m the edit's own copy, once.
func own[K comparable, V any](owned *bool, m *map[K]V) map[K]V {
	if !*owned {
		*owned = true
		if *m == nil {
			*m = make(map[K]V)
		} else {
			*m = maps.Clone(*m)
		}
	}
	return *m
}

// setBucket puts routes in place of those to dst, was of them.
func (e *edit) setBucket(fam int, table uint32, dst netip.Prefix, was int, routes []*body) {
	fibs := own(&e.owned.fibs[fam], &e.cur.fibs[fam])
	f := fibs[table].with(dst, was, routes, e.private)
	if f.routes == 0 {
		delete(fibs, table)
		return
	}
	fibs[table] = f
}

// note records that the route b at dst has come in place of was, or has gone.
func (e *edit) note(op rtnl.Op, dst netip.Prefix, b, was *body, implied bool) {
	var before *rtnl.Route
	if was != nil {
		before = e.shown(dst, was)
	}
	e.changes.route(op, e.shown(dst, b), before, implied)
}

func (e *edit) addRoute(r *rtnl.Route, flags uint16) {
	// One that is overdue is of no use, though it is deleted later (fib6_check_expired).
	// But of a router's route before 6.9 or so the kernel tells how it is made, with a
	// lifetime that ends at once, and sets the true one then (rt6_add_dflt_router).
	if r.Expires < 0 && flags&rtnl.FlagCreate == 0 {
		e.delRoute(r)
		return
	}
	r = e.stored(r)
	fam := familyIndex(r.Family())
	if e.private {
		e.loadRoute(fam, r, flags)
		return
	}
	if flags&rtnl.FlagExcl != 0 {
		e.clear(fam, r)
	}
	routes := e.cur.fibs[fam][r.Table].at(r.Dst)
	if fam == v6 && flags&rtnl.FlagReplace == 0 {
		r = grown(routes, r)
	}
	var b *body
	b, e.cur.bodies = e.cur.bodies.find(r, false)
	out, was := insert(fam, routes, b, flags)
	if was == b && len(out) == len(routes) {
		return
	}
	e.setBucket(fam, r.Table, r.Dst, len(routes), out)
	if was != nil && sameRoute(&was.Route, &b.Route) { // what is new is the lifetime or a dead leg
		if !sameBody(&was.Route, &b.Route) {
			e.changes.touch(r.Dst)
		}
		return
	}
	e.note(rtnl.New, r.Dst, b, was, false)
}

// loadRoute is addRoute in a table that nobody sees yet: there is no change to
// note, and one walk of the trie finds the place and fills it.
func (e *edit) loadRoute(fam int, r *rtnl.Route, flags uint16) {
	b := e.recentBody(r)
	fibs := own(&e.owned.fibs[fam], &e.cur.fibs[fam])
	f := fibs[r.Table]
	if f.trie == nil {
		f.trie = new(trie)
	}
	f.trie.update(r.Dst, true, func(was *bucket) *bucket {
		if was == nil { // nearly every route of a large table
			f.routes++
			return b.alone
		}
		if fam == v6 && flags&rtnl.FlagReplace == 0 {
			b = e.recentBody(grown(was.routes, r))
		}
		out, _ := insert(fam, was.routes, b, flags)
		f.routes += len(out) - len(was.routes)
		return newBucket(out)
	})
	fibs[r.Table] = f
}

func (e *edit) delRoute(r *rtnl.Route) {
	r = e.stored(r)
	fam := familyIndex(r.Family())
	routes := e.cur.fibs[fam][r.Table].at(r.Dst)
	if fam == v4 {
		if out, was := remove4(routes, r); was != nil {
			e.setBucket(fam, r.Table, r.Dst, len(routes), out)
			e.note(rtnl.Del, r.Dst, was, nil, false)
		}
		return
	}
	if i, rest := remove6(routes, r); i >= 0 {
		e.setLegs(place{r.Table, r.Dst}, i, rest, false)
	}
}

// setLegs leaves the i-th IPv6 route at p with the legs that are left, or removes
// it where none are.
func (e *edit) setLegs(p place, i int, left []rtnl.NextHop, implied bool) {
	routes := e.cur.fibs[v6][p.table].at(p.dst)
	was := routes[i]
	out := slices.Clone(routes)
	if len(left) == 0 {
		e.setBucket(v6, p.table, p.dst, len(routes), slices.Delete(out, i, i+1))
		e.note(rtnl.Del, p.dst, was, nil, implied)
		return
	}
	if len(left) == 1 {
		left[0].Weight = 1 // a route with one leg has no weights
	}
	r := was.Route
	r.NextHops = left
	out[i], e.cur.bodies = e.cur.bodies.find(&r, e.private)
	e.setBucket(v6, p.table, p.dst, len(routes), out)
	e.note(rtnl.New, p.dst, out[i], was, implied)
}

// rule adds or removes a policy rule. Rules of equal priority keep their order
// of arrival (fib_nl_newrule).
func (e *edit) rule(op rtnl.Op, r *rtnl.Rule) {
	fam := familyIndex(r.Family)
	rules := e.cur.rules[fam]
	i := slices.IndexFunc(rules, r.Equal)
	if (op == rtnl.New) == (i >= 0) {
		return
	}
	if op == rtnl.New {
		at := slices.IndexFunc(rules, func(x *rtnl.Rule) bool { return x.Priority > r.Priority })
		if at < 0 {
			at = len(rules)
		}
		kept := *r
		e.cur.rules[fam] = slices.Insert(slices.Clone(rules), at, &kept)
		e.cur.split = e.cur.split || fam == v4 && (!e.private || !original(r))
		e.changes.rule(rtnl.New, &kept)
		return
	}
	e.cur.split = e.cur.split || fam == v4
	e.cur.rules[fam] = slices.Delete(slices.Clone(rules), i, i+1)
	e.changes.rule(rtnl.Del, rules[i])
}

func (e *edit) object(op rtnl.Op, n *rtnl.NextHopObject) {
	was := e.cur.objects[n.ID]
	if op == rtnl.Del {
		if was == nil {
			was = n // not in the dump any more, but routes told again may use it
		}
		e.objectGone(was)
		return
	}
	if was != nil && was.Equal(n) {
		return
	}
	kept := *n
	e.changes.object(rtnl.New, &kept, was)
	e.setObject(&kept)
}

func (e *edit) netconf(op rtnl.Op, n *rtnl.Netconf) {
	key := confKey{n.Family, n.Link}
	ignore := op == rtnl.New && n.IgnoreLinkdown
	if e.cur.conf[key] == ignore {
		return
	}
	conf := own(&e.owned.conf, &e.cur.conf)
	if ignore {
		conf[key] = true
	} else {
		delete(conf, key)
	}
	e.changes.everything = true
	for i := range e.cur.links {
		if fam := familyIndex(n.Family); !e.private && ignore && e.cur.tells(fam, i) {
			e.markDead(fam, i, false) // the link tells from now on
		}
	}
}
