// Package rtable holds the kernel's routing state as an immutable value.
//
// A Table knows links, addresses, rules, nexthop objects and the routes of
// every table, because what a route means depends on all of them. Apply takes a
// batch of rtnl events and returns the next value together with what has
// changed; the value before stays as it was and can still be asked. So "what did
// this change do to that connection" is two lookups, one in each value, and
// needs no lock, no copy and no history.
//
//	cur, changes := old.Apply(batch)
//	was, _ := old.Lookup(q)
//	now, ok := cur.Lookup(q)
//
// # How it stays cheap
//
// Routes stand in a persistent longest-prefix trie per table and family
// (fib.go): a change copies the path to one prefix and shares the rest. All of a
// route but its prefix is interned (intern.go): a full Internet table has a
// million prefixes and a handful of distinct bodies.
//
// # How it stays true
//
// The kernel removes some routes without a message. Apply removes them too, at
// once (silent.go); package rtnl then reads the part concerned again, and what
// it answers is adopted, whatever Apply had thought. What depends on the state
// of links, as dead and linkdown next hops do, is not stored at all but computed
// in each Lookup from the links.
//
// The package does no I/O, reads no clock and logs nothing. Its semantics are
// those of the kernel's fib_rules_lookup, fib_table_lookup (IPv4) and
// fib6_table_lookup (IPv6); test/kernel compares them.
package rtable

import (
	"iter"
	"maps"
	"net/netip"
	"slices"
	"sort"

	"github.com/netmond/netmond/rtnl"
)

// Table is a value of the kernel's routing state in one network namespace. It
// is immutable and safe for concurrent use; nil is the empty table.
//
// One thing is not copied: between the first and the last batch of an answer
// (rtnl.Batch.More) the part read so far is carried along, and Apply may then be
// called only once on each value.
type Table struct {
	links   map[uint32]*rtnl.Link
	addrs   map[netip.Addr][]*rtnl.Addr // by local address: one may stand on several links
	rules   [families][]*rtnl.Rule      // by priority, then arrival
	objects map[uint32]*rtnl.NextHopObject
	conf    map[confKey]bool // ignore_routes_with_linkdown
	fibs    [families]map[uint32]fib
	bodies  interned
	tos     []uint8 // that IPv4 routes ask for, or have asked for

	split   bool            // IPv4's local and main tables are apart; see merged
	assumed map[uint32]bool // links regarded as having carrier; see AssumeCarrier
	staged  *staging        // an answer that is still coming in
	ready   bool            // a whole state was taken in
}

// Index of a family in the arrays by family.
const (
	v4 = iota
	v6
	families
)

func familyIndex(fam uint8) int {
	if fam == rtnl.IPv4 {
		return v4
	}
	return v6
}

func indexOf(a netip.Addr) int {
	if a.Is4() {
		return v4
	}
	return v6
}

// plain is an address as routes have it: sockets name IPv4 peers in IPv6, and
// link-local ones with their link.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// empty stands in for a nil *Table.
var empty Table

func (t *Table) orEmpty() *Table {
	if t == nil {
		return &empty
	}
	return t
}

// Ready says whether a complete state was taken in.
func (t *Table) Ready() bool { return t.orEmpty().ready }

// Link returns the link with the given ifindex, or nil.
func (t *Table) Link(ifindex uint32) *rtnl.Link { return t.orEmpty().links[ifindex] }

// LinkName names a link, as an rtnl.Namer does: "if7" where it is not known.
func (t *Table) LinkName(ifindex uint32) string {
	if l := t.Link(ifindex); l != nil && l.Name != "" {
		return l.Name
	}
	return rtnl.LinkNumber(ifindex)
}

// LinkByName returns the link of that name, or nil.
func (t *Table) LinkByName(name string) *rtnl.Link {
	for _, l := range t.orEmpty().links {
		if l.Name == name {
			return l
		}
	}
	return nil
}

// Links yields the links by ifindex.
func (t *Table) Links() iter.Seq[*rtnl.Link] {
	return func(yield func(*rtnl.Link) bool) {
		t := t.orEmpty()
		for _, i := range sortedKeys(t.links) {
			if !yield(t.links[i]) {
				return
			}
		}
	}
}

// Addrs yields the addresses, sorted by address.
func (t *Table) Addrs() iter.Seq[*rtnl.Addr] {
	return func(yield func(*rtnl.Addr) bool) {
		t := t.orEmpty()
		addrs := slices.Collect(maps.Keys(t.addrs))
		sort.Slice(addrs, func(i, j int) bool { return addrs[i].Less(addrs[j]) })
		for _, a := range addrs {
			for _, x := range t.addrs[a] {
				if !yield(x) {
					return
				}
			}
		}
	}
}

// Rules yields the rules of a family (rtnl.IPv4, rtnl.IPv6) in the order the
// kernel asks them.
func (t *Table) Rules(family uint8) iter.Seq[*rtnl.Rule] {
	return slices.Values(t.orEmpty().rules[familyIndex(family)])
}

// NextHopObject returns the nexthop object with the given id, or nil.
func (t *Table) NextHopObject(id uint32) *rtnl.NextHopObject { return t.orEmpty().objects[id] }

// NextHopObjects yields the nexthop objects by id.
func (t *Table) NextHopObjects() iter.Seq[*rtnl.NextHopObject] {
	return func(yield func(*rtnl.NextHopObject) bool) {
		t := t.orEmpty()
		for _, id := range sortedKeys(t.objects) {
			if !yield(t.objects[id]) {
				return
			}
		}
	}
}

// HasMarkRules says whether a rule of either family selects by firewall mark.
func (t *Table) HasMarkRules() bool {
	for _, rules := range t.orEmpty().rules {
		for _, r := range rules {
			if r.Mask != 0 || r.Mark != 0 {
				return true
			}
		}
	}
	return false
}

// TOS lists the types of service that rules and routes of a family ask for, and
// perhaps some that they no longer do.
func (t *Table) TOS(family uint8) []uint8 {
	t = t.orEmpty()
	var list []uint8
	if family == rtnl.IPv4 {
		list = slices.Clip(t.tos)
	}
	for _, r := range t.rules[familyIndex(family)] {
		if r.TOS != 0 && !slices.Contains(list, r.TOS) {
			list = append(list, r.TOS)
		}
	}
	return list
}

// HasAddr says whether a is configured on a link.
func (t *Table) HasAddr(a netip.Addr) bool { return len(t.orEmpty().addrs[plain(a)]) > 0 }

// Deprecated says whether a is configured, and on every link that has it is one
// that new connections avoid (RFC 4862 section 5.5.4).
func (t *Table) Deprecated(a netip.Addr) bool {
	list := t.orEmpty().addrs[plain(a)]
	return len(list) > 0 && !slices.ContainsFunc(list, func(x *rtnl.Addr) bool { return x.Flags&rtnl.AddrDeprecated == 0 })
}

// Owns says whether the link with the given ifindex owns the address a: it is
// configured on it, or on a link enslaved to it.
func (t *Table) Owns(ifindex uint32, a netip.Addr) bool {
	for _, x := range t.orEmpty().addrs[plain(a)] {
		// A stack of masters is two or three high (port, bond, bridge); the bound
		// keeps a loop in a half-applied state finite.
		for l, depth := x.Link, 0; l != 0 && depth < 8; depth++ {
			if l == ifindex {
				return true
			}
			link := t.Link(l)
			if link == nil {
				break
			}
			l = link.Master
		}
	}
	return false
}

// AssumeCarrier is t with the given links regarded as having carrier. A link
// whose carrier was lost a moment ago is judged in this view until its grace is
// over.
func (t *Table) AssumeCarrier(ifindexes ...uint32) *Table {
	if t == nil || len(ifindexes) == 0 {
		return t
	}
	view := *t
	view.assumed = make(map[uint32]bool, len(ifindexes))
	for _, i := range ifindexes {
		view.assumed[i] = true
	}
	return &view
}

// Carrier says whether the link has carrier, or is assumed to.
func (t *Table) Carrier(ifindex uint32) bool {
	l := t.Link(ifindex)
	return l != nil && (l.Running() || t.assumed[ifindex])
}

// LinkDown says whether the link is gone, administratively down, or without
// carrier.
func (t *Table) LinkDown(ifindex uint32) bool {
	l := t.Link(ifindex)
	return l == nil || !l.Up() || !t.Carrier(ifindex)
}

// confKey names a linkdown switch.
type confKey struct {
	family uint8
	link   int32
}

// ignoresLinkdown says whether next hops out of the link are passed over while
// it has no carrier: for IPv4 the link's switch or the one for all decides
// (IN_DEV_ORCONF), for IPv6 the link's alone (ip6_ignore_linkdown).
func (t *Table) ignoresLinkdown(fam int, ifindex uint32) bool {
	if len(t.conf) == 0 {
		return false
	}
	if fam == v4 {
		return t.conf[confKey{rtnl.IPv4, int32(ifindex)}] || t.conf[confKey{rtnl.IPv4, rtnl.NetconfAll}]
	}
	return t.conf[confKey{rtnl.IPv6, int32(ifindex)}]
}
