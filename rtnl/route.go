package rtnl

import (
	"fmt"
	"net/netip"

	"github.com/netmond/netmond/internal/netlink"
)

// Route is a route of one table (struct rtmsg).
type Route struct {
	Dst      netip.Prefix
	Src      netip.Prefix // IPv6 source prefix (RTA_SRC); the zero Prefix for any source
	Table    uint32       // 254 main, 255 local, 253 default
	Priority uint32       // the metric; lower wins
	TOS      uint8        // IPv4 only; 0 matches any
	Type     RouteType
	Scope    uint8 // RT_SCOPE_*, IPv4 only
	Protocol uint8 // RTPROT_*: who made it
	Pref     uint8 // RFC 4191 router preference, IPv6 only: 0 medium, 1 high, 3 low
	PrefSrc  netip.Addr
	NHID     uint32 // the nexthop object it uses; 0 for none
	Expires  int32  // seconds until the kernel drops it, as of the message; 0 means never, negative that it is overdue. Never count it down: refreshes are not announced

	// NextHops holds one element for most routes, several for a multipath route,
	// none where the type or the nexthop object leaves nothing to say. It must
	// not be changed.
	NextHops []NextHop
}

// NextHop is one way out of a route (struct rtnexthop).
type NextHop struct {
	Gateway netip.Addr // of either family (RTA_VIA); the zero Addr means on-link
	Oif     uint32     // ifindex; 0 if not said
	Weight  uint16     // share of the traffic, 1 to 256
	Flags   uint8      // Hop*; linkdown is left out: it follows from the link
	Encap   uint16     // LWTUNNEL_ENCAP_*; 0 for none
}

// Next hop flags (linux/rtnetlink.h, RTNH_F_*).
const (
	HopDead      = 1 // out of use, as of the message
	HopPervasive = 2
	HopOnlink    = 4

	// The rest is the kernel's view of the link at the time of the message;
	// computed from the link instead, since it changes without a message.
	hopVolatile = ^uint8(HopDead | HopPervasive | HopOnlink)
)

// Well-known tables (enum rt_class_t).
const (
	TableDefault = 253
	TableMain    = 254
	TableLocal   = 255
)

// Scopes (enum rt_scope_t).
const (
	ScopeUniverse = 0
	ScopeSite     = 200
	ScopeLink     = 253
	ScopeHost     = 254
	ScopeNowhere  = 255
)

// RouteType says what becomes of a packet that meets the route (RTN_*).
type RouteType uint8

const (
	Unicast     RouteType = 1
	Local       RouteType = 2
	Broadcast   RouteType = 3
	Anycast     RouteType = 4
	Multicast   RouteType = 5
	Blackhole   RouteType = 6 // dropped; a lookup answers EINVAL
	Unreachable RouteType = 7 // EHOSTUNREACH
	Prohibit    RouteType = 8 // EACCES
	Throw       RouteType = 9 // the next rule decides
)

// Family is IPv4 or IPv6.
func (r *Route) Family() uint8 { return family(r.Dst.Addr()) }

// Default says whether the route is a default route.
func (r *Route) Default() bool { return r.Dst.Bits() == 0 }

// Uses says whether a next hop leaves by the link with the given ifindex.
func (r *Route) Uses(oif uint32) bool {
	for i := range r.NextHops {
		if r.NextHops[i].Oif == oif {
			return true
		}
	}
	return false
}

// rtmFCloned marks an entry of the exception cache (RTM_F_CLONED).
const rtmFCloned = 0x200

var routePolicy = netlink.Policy{
	rtaDst:       {Min: 4, Max: 16},
	rtaSrc:       {Min: 4, Max: 16},
	rtaOif:       {Min: 4},
	rtaGateway:   {Min: 4, Max: 16},
	rtaPriority:  {Min: 4},
	rtaPrefSrc:   {Min: 4, Max: 16},
	rtaMultipath: {Max: netlink.Any},
	rtaCacheinfo: {Min: 12, Max: netlink.Any},
	rtaTable:     {Min: 4},
	rtaVia:       {Min: 6, Max: 18},
	rtaPref:      {Min: 1},
	rtaEncapType: {Min: 2},
	rtaNHID:      {Min: 4},
}

var hopPolicy = netlink.Policy{
	rtaGateway:   {Min: 4, Max: 16},
	rtaVia:       {Min: 6, Max: 18},
	rtaEncapType: {Min: 2},
}

// parseRoute reads an RTM_NEWROUTE or RTM_DELROUTE payload into r, with memory
// for next hops from d. It answers false for what is no unicast FIB entry:
// other families, multicast routing, cached exceptions.
func (d *decoder) parseRoute(r *Route, b []byte) (bool, error) {
	if len(b) < sizeofRtMsg {
		return false, fmt.Errorf("rtnl: route: %w", netlink.ErrShort)
	}
	fam, flags := b[0], netlink.Uint32(b[8:])
	if fam != afINET && fam != afINET6 || flags&rtmFCloned != 0 {
		return false, nil
	}
	var attrs [rtaMax + 1][]byte // not of d: writes to the heap cost more while it is collected
	if err := routePolicy.Parse(b[sizeofRtMsg:], attrs[:]); err != nil {
		return false, fmt.Errorf("rtnl: route: %w", err)
	}
	*r = Route{
		TOS:      b[3],
		Table:    uint32(b[4]),
		Protocol: b[5],
		Scope:    b[6],
		Type:     RouteType(b[7]),
		Priority: netlink.Uint32(attrs[rtaPriority]),
		Pref:     netlink.Uint8(attrs[rtaPref]),
		NHID:     netlink.Uint32(attrs[rtaNHID]),
		PrefSrc:  address(attrs[rtaPrefSrc]),
	}
	if t := attrs[rtaTable]; t != nil {
		r.Table = netlink.Uint32(t)
	}
	if fam == afINET6 {
		r.Scope = 0 // IPv6 has none
	}
	if c := attrs[rtaCacheinfo]; c != nil {
		r.Expires = seconds(int32(netlink.Uint32(c[8:])))
	}
	var err error
	if r.Dst, err = prefix(fam, attrs[rtaDst], b[1]); err != nil {
		return false, err
	}
	if b[2] != 0 {
		if r.Src, err = prefix(fam, attrs[rtaSrc], b[2]); err != nil {
			return false, err
		}
	}
	r.NextHops, err = d.parseHops(attrs[:], uint8(flags))
	return err == nil, err
}

// seconds converts rta_expires, which is in USER_HZ (struct rta_cacheinfo), away
// from zero: the last half second is not "never", nor is the half second behind it.
func seconds(ticks int32) int32 {
	const userHZ = 100
	s := ticks / userHZ
	switch rest := ticks % userHZ; {
	case rest > 0:
		s++
	case rest < 0:
		s--
	}
	return s
}

// parseHops reads the next hops: those of RTA_MULTIPATH, else the one that the
// route's own attributes say, else none.
func (d *decoder) parseHops(attrs [][]byte, flags uint8) ([]NextHop, error) {
	if mp := attrs[rtaMultipath]; mp != nil {
		return d.parseMultipath(mp)
	}
	if attrs[rtaOif] == nil && attrs[rtaGateway] == nil && attrs[rtaVia] == nil {
		return nil, nil
	}
	via, err := gateway(attrs)
	if err != nil {
		return nil, err
	}
	return d.hop(NextHop{
		Gateway: via,
		Oif:     netlink.Uint32(attrs[rtaOif]),
		Weight:  1,
		Flags:   flags &^ hopVolatile,
		Encap:   netlink.Uint16(attrs[rtaEncapType]),
	}), nil
}

// parseMultipath reads a list of struct rtnexthop, each with its attributes.
func (d *decoder) parseMultipath(b []byte) ([]NextHop, error) {
	n := 0
	for rest := b; len(rest) >= sizeofRtNexthop; n++ {
		size := int(netlink.Uint16(rest))
		if size < sizeofRtNexthop || size > len(rest) {
			return nil, fmt.Errorf("rtnl: multipath: %w: next hop of %d bytes where %d are left", netlink.ErrShort, size, len(rest))
		}
		rest = rest[min((size+3)&^3, len(rest)):]
	}
	if n == 0 {
		return nil, nil
	}
	hops := d.hops.take(n)
	var attrs [rtaMax + 1][]byte
	for i := range hops {
		size := int(netlink.Uint16(b))
		if err := hopPolicy.Parse(b[sizeofRtNexthop:size], attrs[:]); err != nil {
			return nil, fmt.Errorf("rtnl: multipath: %w", err)
		}
		hops[i] = NextHop{
			Flags:  b[2] &^ hopVolatile,
			Weight: uint16(b[3]) + 1,
			Oif:    netlink.Uint32(b[4:]),
			Encap:  netlink.Uint16(attrs[rtaEncapType]),
		}
		var err error
		if hops[i].Gateway, err = gateway(attrs[:]); err != nil {
			return nil, err
		}
		b = b[min((size+3)&^3, len(b)):]
	}
	return hops, nil
}

// gateway reads RTA_GATEWAY, or RTA_VIA, which names the family (RFC 5549).
func gateway(attrs [][]byte) (netip.Addr, error) {
	b := attrs[rtaGateway]
	if via := attrs[rtaVia]; via != nil {
		b = via[2:]
	}
	if b == nil {
		return netip.Addr{}, nil
	}
	a := address(b)
	if !a.IsValid() {
		return a, fmt.Errorf("rtnl: gateway: %w: %d bytes", netlink.ErrShort, len(b))
	}
	return a, nil
}

// prefix joins an address attribute, absent for the default route, and a length.
func prefix(fam uint8, b []byte, bits uint8) (netip.Prefix, error) {
	a := address(b)
	switch {
	case b == nil && fam == afINET:
		a = netip.IPv4Unspecified()
	case b == nil:
		a = netip.IPv6Unspecified()
	case !a.IsValid() || family(a) != fam:
		return netip.Prefix{}, fmt.Errorf("rtnl: prefix: %w: %d bytes", netlink.ErrShort, len(b))
	}
	p, err := a.Prefix(int(bits))
	if err != nil {
		return p, fmt.Errorf("rtnl: prefix: %w: length %d", netlink.ErrShort, bits)
	}
	return p, nil
}
