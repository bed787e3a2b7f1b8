package rtnl

import (
	"net/netip"
	"strconv"
)

// The String methods print iproute2's syntax, so that a line can be compared
// with `ip route` and typed back into it. Links print as ifN; Append takes a
// function that knows their names.

// Namer gives the name of a link by its ifindex.
type Namer func(ifindex uint32) string

// LinkNumber is the Namer that knows no names: "if3", as iproute2 prints a link
// it cannot find.
func LinkNumber(ifindex uint32) string { return "if" + strconv.FormatUint(uint64(ifindex), 10) }

// String is what `ip route show table all` prints for one route, in one line.
func (r *Route) String() string { return string(r.Append(nil, LinkNumber)) }

// Append appends the text of the route to b.
func (r *Route) Append(b []byte, name Namer) []byte {
	if r.Type != Unicast {
		b = append(b, r.Type.String()...)
		b = append(b, ' ')
	}
	b = appendDst(b, r.Dst)
	if r.Src.IsValid() {
		b = append(b, " from "...)
		b = appendDst(b, r.Src)
	}
	if r.TOS != 0 {
		b = append(b, " tos 0x"...)
		b = strconv.AppendUint(b, uint64(r.TOS), 16)
	}
	if r.NHID != 0 {
		b = appendNumber(b, " nhid ", r.NHID)
	}
	if len(r.NextHops) == 1 {
		b = r.NextHops[0].append(b, name, r.Family())
	}
	if r.Table != TableMain {
		b = append(b, " table "...)
		b = append(b, TableName(r.Table)...)
	}
	if r.Protocol != protocolBoot {
		b = append(b, " proto "...)
		b = append(b, ProtocolName(r.Protocol)...)
	}
	if r.Scope != ScopeUniverse {
		b = append(b, " scope "...)
		b = append(b, ScopeName(r.Scope)...)
	}
	if r.PrefSrc.IsValid() {
		b = append(b, " src "...)
		b = r.PrefSrc.AppendTo(b)
	}
	if r.Priority != 0 {
		b = appendNumber(b, " metric ", r.Priority)
	}
	if len(r.NextHops) == 1 {
		b = r.NextHops[0].appendFlags(b)
	} else {
		for i := range r.NextHops {
			h := &r.NextHops[i]
			b = append(b, " nexthop"...)
			b = h.append(b, name, r.Family())
			b = appendNumber(b, " weight ", uint32(h.Weight))
			b = h.appendFlags(b)
		}
	}
	switch r.Pref {
	case 1:
		b = append(b, " pref high"...)
	case 3:
		b = append(b, " pref low"...)
	}
	return b
}

func (h *NextHop) append(b []byte, name Namer, fam uint8) []byte {
	if h.Gateway.IsValid() {
		b = append(b, " via "...)
		if family(h.Gateway) != fam {
			b = append(b, "inet6 "...)
		}
		b = h.Gateway.AppendTo(b)
	}
	if h.Oif != 0 {
		b = append(b, " dev "...)
		b = append(b, name(h.Oif)...)
	}
	return b
}

func (h *NextHop) appendFlags(b []byte) []byte {
	if h.Flags&HopDead != 0 {
		b = append(b, " dead"...)
	}
	if h.Flags&HopOnlink != 0 {
		b = append(b, " onlink"...)
	}
	if h.Flags&HopPervasive != 0 {
		b = append(b, " pervasive"...)
	}
	return b
}

// appendHex appends n as printf's %#x does: 0 has no 0x.
func appendHex(b []byte, n uint32) []byte {
	if n != 0 {
		b = append(b, "0x"...)
	}
	return strconv.AppendUint(b, uint64(n), 16)
}

func appendNumber(b []byte, word string, n uint32) []byte {
	return strconv.AppendUint(append(b, word...), uint64(n), 10)
}

// appendDst appends a prefix as iproute2 does: "default" for length 0, no
// length for a single address.
func appendDst(b []byte, p netip.Prefix) []byte {
	switch {
	case p.Bits() == 0:
		return append(b, "default"...)
	case p.IsSingleIP():
		return p.Addr().AppendTo(b)
	}
	return p.AppendTo(b)
}

// Routing protocols that `ip rule show` leaves out (RTPROT_*).
const (
	protoUnspec = 0
	protoKernel = 2
)

// String is the rule as `ip rule show` prints it, the IP protocol as a number.
func (r *Rule) String() string {
	b := strconv.AppendUint(nil, uint64(r.Priority), 10)
	b = append(b, ": "...)
	if r.Invert {
		b = append(b, "not "...)
	}
	b = append(b, "from "...)
	if r.Src.IsValid() {
		b = appendDst(b, r.Src)
	} else {
		b = append(b, "all"...)
	}
	if r.Dst.IsValid() {
		b = append(b, " to "...)
		b = appendDst(b, r.Dst)
	}
	if r.TOS != 0 {
		b = append(b, " tos 0x"...)
		b = strconv.AppendUint(b, uint64(r.TOS), 16)
	}
	if r.Mark != 0 || r.Mask != 0 {
		b = appendHex(append(b, " fwmark "...), r.Mark)
		if r.Mask != ^uint32(0) {
			b = appendHex(append(b, '/'), r.Mask)
		}
	}
	if r.Iif != "" {
		b = append(append(b, " iif "...), r.Iif...)
	}
	if r.Oif != "" {
		b = append(append(b, " oif "...), r.Oif...)
	}
	if r.L3mdev {
		b = append(b, " lookup [l3mdev-table]"...)
	}
	if r.UID != nil {
		b = appendNumber(b, " uidrange ", r.UID.First)
		b = appendNumber(b, "-", r.UID.Last)
	}
	if r.IPProto != 0 {
		b = appendNumber(b, " ipproto ", uint32(r.IPProto))
	}
	b = r.Sport.append(b, " sport ")
	b = r.Dport.append(b, " dport ")
	if r.TunID != 0 {
		b = strconv.AppendUint(append(b, " tun_id "...), r.TunID, 10)
	}
	b = r.appendAction(b)
	if r.Protocol != protoUnspec && r.Protocol != protoKernel {
		b = append(append(b, " proto "...), ProtocolName(r.Protocol)...)
	}
	return string(b)
}

func (r *Rule) appendAction(b []byte) []byte {
	switch r.Action {
	case ActionTable:
		if !r.L3mdev {
			b = append(append(b, " lookup "...), TableName(r.Table)...)
		}
		if r.SuppressPrefixLen >= 0 {
			b = appendNumber(b, " suppress_prefixlength ", uint32(r.SuppressPrefixLen))
		}
		if r.SuppressIfGroup >= 0 {
			b = appendNumber(b, " suppress_ifgroup ", uint32(r.SuppressIfGroup))
		}
	case ActionGoto:
		b = appendNumber(b, " goto ", r.Goto)
	case ActionNop:
		b = append(b, " nop"...)
	default:
		b = append(append(b, ' '), RouteType(r.Action).String()...)
	}
	return b
}

func (p PortRange) append(b []byte, word string) []byte {
	if p == (PortRange{}) {
		return b
	}
	b = appendNumber(b, word, uint32(p.First))
	if p.Last != p.First {
		b = appendNumber(b, "-", uint32(p.Last))
	}
	return b
}
