// Package rtnl reads Linux routing state as Go values: links, addresses, routes,
// nexthop objects, rules and the linkdown switch of each interface, as
// NETLINK_ROUTE tells them (rtnetlink(7), linux/rtnetlink.h).
//
// Events turns a datagram into values, without I/O. Watch joins the multicast
// groups, dumps everything, and then streams: what it yields, applied in order,
// is the kernel's state. Deciding what the state means is left to package
// rtable.
//
// # The stream
//
// A Batch is a run of events that belong together. The first is Full: it
// replaces whatever was known before. After notifications were lost (the
// receive buffer overran, a message was cut, a dump was interrupted) another
// Full batch follows, so a consumer that applies batches in order is always
// right again without knowing why.
//
// The kernel removes many routes without saying so: the IPv4 routes of a link
// that goes down, of a link that loses its last address, of a nexthop object
// that is deleted. Watch knows these occasions and reads the part concerned
// again (verify.go).
//
// A message that does not parse is counted (Watcher.Skipped) and skipped. It
// never ends the stream.
package rtnl

import "net/netip"

// Op is the verb of an event.
type Op uint8

const (
	New Op = iota + 1 // the object is there now, new or changed
	Del               // the object is gone
)

func (o Op) String() string {
	switch o {
	case New:
		return "new"
	case Del:
		return "del"
	}
	return "?"
}

// Flags of an Event: the modifiers of the request that caused it, which say
// where an IPv4 route stands among those of equal destination, TOS and metric
// (linux/netlink.h, fib_table_insert). An event that answers a dump has none.
const (
	FlagReplace uint16 = 0x100
	FlagExcl    uint16 = 0x200
	FlagCreate  uint16 = 0x400
	FlagAppend  uint16 = 0x800
)

// Message is an object of the kernel's routing state: *Link, *Addr, *Route,
// *NextHopObject, *Rule or *Netconf. It is immutable; one allocation may hold
// many, so a consumer that keeps a message for long keeps a copy.
type Message interface{ message() }

func (*Link) message()          {}
func (*Addr) message()          {}
func (*Route) message()         {}
func (*NextHopObject) message() {}
func (*Rule) message()          {}
func (*Netconf) message()       {}

// Event is one change of one object.
type Event struct {
	Op      Op
	Flags   uint16 // Flag*; 0 in a dump
	Message Message
}

// Batch is a run of events, to be applied in order.
//
// An answer to a dump comes in several batches: the first is marked Full or has
// Part set, all but the last have More set, and the last holds what happened
// while it was read. Where a dump must be repeated another first batch follows,
// and what came since the one before is void.
type Batch struct {
	Full bool  // what was known is void; the state starts anew with these events
	Part *Part // this part of the state starts anew with these events
	More bool  // the answer goes on in the next batch

	Events []Event
}

// Part names a part of the state that is read again.
type Part struct {
	Kind   Kind
	Family uint8  // of Routes: IPv4 or IPv6
	Oif    uint32 // of Routes: those with a next hop out of this link, by ifindex; 0 means all
}

// Kind is a kind of object.
type Kind uint8

const (
	Routes Kind = iota + 1
	NextHopObjects
)

// Families of routes, addresses and rules (AF_INET, AF_INET6).
const (
	IPv4 uint8 = afINET
	IPv6 uint8 = afINET6
)

// family is the family of an address.
func family(a netip.Addr) uint8 {
	if a.Is4() {
		return IPv4
	}
	return IPv6
}

// address reads an address of 4 or 16 bytes in network order; anything else,
// and an absent attribute, is the zero Addr.
func address(b []byte) netip.Addr {
	a, _ := netip.AddrFromSlice(b)
	return a
}
