package rtable

import (
	"iter"
	"maps"
	"net/netip"

	"github.com/netmond/netmond/rtnl"
)

// Changes is the difference between two tables: what has changed, in order, and
// whom it can concern. The zero value says that nothing has. Immutable once
// returned.
type Changes struct {
	list       []Change
	touched    *prefixes           // destinations whose lookup may answer otherwise
	narrow     []netip.Prefix      // the same, in a list
	coarse     bool                // narrow holds more than what was touched
	sources    map[netip.Addr]bool // local addresses that came or went
	links      map[uint32]bool     // links that changed their state
	everything bool                // rules, switches: any lookup may answer otherwise
	first      bool                // the first complete state: all is new, nothing has changed
}

// Change is one changed object.
type Change struct {
	Op      rtnl.Op
	Message rtnl.Message // what is there now, or, for rtnl.Del, what was
	Was     rtnl.Message // what Message replaces; nil if nothing
	Implied bool         // the kernel said nothing: it was removed by inference
}

// Empty says whether nothing has changed.
func (c Changes) Empty() bool {
	return len(c.list) == 0 && c.touched == nil && c.sources == nil && c.links == nil && !c.everything && !c.first
}

// First says whether the changes are the first complete state.
func (c Changes) First() bool { return c.first }

// All yields the changes in order.
func (c Changes) All() iter.Seq[Change] {
	return func(yield func(Change) bool) {
		for _, x := range c.list {
			if !yield(x) {
				return
			}
		}
	}
}

// Len counts the changed objects.
func (c Changes) Len() int { return len(c.list) }

// Touches says whether a lookup of the destination a may answer otherwise than
// before. It errs on the side of true.
func (c Changes) Touches(a netip.Addr) bool {
	return c.everything || c.touched.holds(plain(a))
}

// TouchesFlow says whether a flow between the two addresses can be concerned: by
// its destination, or because its local address came or went.
func (c Changes) TouchesFlow(local, remote netip.Addr) bool {
	return c.Touches(remote) || c.sources[plain(local)]
}

// TouchesLink says whether the state of the link has changed.
func (c Changes) TouchesLink(ifindex uint32) bool { return c.links[ifindex] }

func (c *Changes) touch(p netip.Prefix) {
	if c.touched == nil {
		c.touched = new(prefixes)
	}
	c.touched.put(p)
	c.addNarrow(p)
}

func (c *Changes) source(a netip.Addr) {
	if c.sources == nil {
		c.sources = make(map[netip.Addr]bool)
	}
	c.sources[a] = true
}

func (c *Changes) touchLink(ifindex uint32) {
	if c.links == nil {
		c.links = make(map[uint32]bool)
	}
	c.links[ifindex] = true
}

func (c *Changes) route(op rtnl.Op, r, was *rtnl.Route, implied bool) {
	x := Change{Op: op, Message: r, Implied: implied}
	if was != nil {
		x.Was = was
	}
	c.list = append(c.list, x)
	c.touch(r.Dst)
}

func (c *Changes) link(op rtnl.Op, l, was *rtnl.Link) {
	x := Change{Op: op, Message: l}
	if was != nil {
		x.Was = was
	}
	c.list = append(c.list, x)
	if was == nil || op == rtnl.Del || was.Up() != l.Up() || was.Running() != l.Running() || was.Master != l.Master || was.Name != l.Name || was.VRFTable != l.VRFTable {
		c.touchLink(l.Index)
	}
}

func (c *Changes) addr(op rtnl.Op, a, was *rtnl.Addr) {
	x := Change{Op: op, Message: a}
	if was != nil {
		x.Was = was
	}
	c.list = append(c.list, x)
	if was == nil {
		c.source(a.Local)
	}
}

func (c *Changes) rule(op rtnl.Op, r *rtnl.Rule) {
	c.list = append(c.list, Change{Op: op, Message: r})
	c.everything = true
}

func (c *Changes) object(op rtnl.Op, n, was *rtnl.NextHopObject) {
	x := Change{Op: op, Message: n}
	if was != nil {
		x.Was = was
	}
	c.list = append(c.list, x)
}

// Links yields the links whose state has changed, by ifindex.
func (c Changes) Links() iter.Seq[uint32] { return maps.Keys(c.links) }

// Merge is the changes of several steps as one, for asking what they touch: it
// leaves out the list that All yields.
func Merge(steps []Changes) Changes {
	if len(steps) == 1 {
		return steps[0]
	}
	var out Changes
	for _, c := range steps {
		out.everything = out.everything || c.everything
		out.first = out.first || c.first
		if c.touched != nil {
			if out.touched == nil {
				out.touched = new(prefixes)
			}
			out.touched.putAll(c.touched)
		}
		out.coarse = out.coarse || c.coarse
		for _, p := range c.narrow {
			out.addNarrow(p)
		}
		for a := range c.sources {
			out.source(a)
		}
		for l := range c.links {
			out.touchLink(l)
		}
	}
	return out
}

// Through is what a change of the link's state would touch, as changes: the
// destinations with a next hop out of it.
func (t *Table) Through(ifindex uint32) Changes {
	e := newEdit(t.orEmpty(), false)
	e.touchVia(ifindex)
	e.changes.touchLink(ifindex)
	return e.changes
}
