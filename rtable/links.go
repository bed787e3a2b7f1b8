package rtable

import (
	"slices"

	"github.com/netmond/netmond/rtnl"
)

// kindVRF is the kind of a link that is a VRF.
const kindVRF = "vrf"

func (e *edit) link(op rtnl.Op, l *rtnl.Link) {
	was := e.cur.links[l.Index]
	links := own(&e.owned.links, &e.cur.links)
	if op == rtnl.Del {
		if was != nil {
			delete(links, l.Index)
			e.noteLink(rtnl.Del, was, nil)
		}
		e.linkGone(l.Index)
		return
	}
	// A dump may have known the state before the event told it: so what follows goes
	// by what the link is, not by what it became.
	if was == nil || *was != *l {
		kept := *l
		links[l.Index] = &kept
		e.noteLink(rtnl.New, &kept, was)
	}
	if was != nil {
		e.reviveLegs(was, l)
		if was.Master != l.Master && (e.vrf(was.Master) || e.vrf(l.Master)) {
			e.disable(l.Index)
		}
		if was.Up() && !l.Up() {
			e.downs = append(e.downs, l.Index)
		}
	}
	if !l.Up() {
		e.linkDown(l.Index)
	}
	if !l.Up() || !l.Running() {
		e.objectsOut(l.Index)
	}
}

// vrf says whether a link is a VRF.
func (e *edit) vrf(ifindex uint32) bool {
	l := e.cur.links[ifindex]
	return l != nil && l.Kind == kindVRF
}

// noteLink records that a link has changed, and whom that can concern.
func (e *edit) noteLink(op rtnl.Op, l, was *rtnl.Link) {
	e.changes.link(op, l, was)
	if op == rtnl.Del {
		l, was = new(rtnl.Link), l
	}
	if was == nil {
		was = new(rtnl.Link)
	}
	if was.Index != l.Index || was.Up() != l.Up() || was.Running() != l.Running() {
		e.touchVia(max(was.Index, l.Index))
	}
	if e.steers(was, l) {
		e.changes.everything = true
	}
}

// steers says whether a change of a link can lead lookups elsewhere by more than
// the routes out of it: it is a VRF, or a rule goes by its name, its group or its
// master. The zero Link is one that is not there.
func (e *edit) steers(was, now *rtnl.Link) bool {
	if (was.Kind == kindVRF || now.Kind == kindVRF) && (was.Kind != now.Kind || was.Up() != now.Up() || was.VRFTable != now.VRFTable) {
		return true
	}
	for _, rules := range e.cur.rules {
		for _, r := range rules {
			switch {
			case r.L3mdev && was.Master != now.Master:
			case r.SuppressIfGroup >= 0 && was.Group != now.Group:
			case was.Name != now.Name && r.Iif != "" && (r.Iif == was.Name || r.Iif == now.Name):
			case was.Name != now.Name && r.Oif != "" && (r.Oif == was.Name || r.Oif == now.Name):
			default:
				continue
			}
			return true
		}
	}
	return false
}

func (e *edit) addr(op rtnl.Op, a *rtnl.Addr) {
	e.setAddr(op, a)
	switch {
	case op == rtnl.New && a.Local.Is4():
		e.markDead(v4, a.Link, false) // fib_sync_up
	case op == rtnl.New:
	case a.Local.Is4():
		e.addrGone(a)
	default:
		e.addrGone6(a)
	}
}

// setAddr adds or removes an address and nothing else.
func (e *edit) setAddr(op rtnl.Op, a *rtnl.Addr) {
	list := e.cur.addrs[a.Local]
	i := slices.IndexFunc(list, func(x *rtnl.Addr) bool { return x.Link == a.Link && x.Net == a.Net })
	var was *rtnl.Addr
	if i >= 0 {
		was = list[i]
	}
	if op == rtnl.New {
		if was != nil && *was == *a {
			return
		}
		kept := *a
		list = slices.Clone(list)
		if i >= 0 {
			list[i] = &kept
		} else {
			at := indexOrLen(list, func(x *rtnl.Addr) bool { return x.Link > a.Link })
			list = slices.Insert(list, at, &kept)
		}
		own(&e.owned.addrs, &e.cur.addrs)[a.Local] = list
		e.changes.addr(rtnl.New, &kept, was)
		return
	}
	if was == nil {
		return
	}
	addrs := own(&e.owned.addrs, &e.cur.addrs)
	if list = slices.Delete(slices.Clone(list), i, i+1); len(list) > 0 {
		addrs[a.Local] = list
	} else {
		delete(addrs, a.Local)
	}
	e.changes.addr(rtnl.Del, was, nil)
}
