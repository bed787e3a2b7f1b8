package conn

import (
	"encoding/binary"
	"net/netip"

	"github.com/netmond/netmond/internal/netlink"
	"github.com/netmond/netmond/rtable"
)

// Claim is a verdict put to the kernel.
type Claim struct {
	Flow    Flow
	Verdict Verdict

	Stands bool  // the answer: the kernel supports the verdict
	Err    error // or why there is none; nil if there is
}

// The codec of the questions asked before a close (struct rtmsg, struct
// ifinfomsg), without I/O.

const (
	rtmGetLink  = 18
	rtmGetRoute = 26

	sizeofRtMsg     = 12
	sizeofIfInfomsg = 16

	rtaDst       = 1
	rtaSrc       = 2
	rtaIif       = 3
	rtaOif       = 4
	rtaGateway   = 5
	rtaMultipath = 9
	rtaMark      = 16
	rtaVia       = 18
	rtaUID       = 25
	rtaIPProto   = 27
	rtaSport     = 28
	rtaDport     = 29
	rtaMax       = rtaDport

	rtmFFIBMatch = 0x2000 // RTM_F_FIB_MATCH: the route itself, not what comes of it

	rtnLocal = 2 // RTN_LOCAL
)

// appendQuestion asks what decides on the claim.
func appendQuestion(b []byte, c *Claim) []byte {
	if c.Verdict.Reason == SourceGone {
		return appendLocalQuery(b, c.Flow.Local.Addr(), c.Flow.Oif)
	}
	return appendRouteQuery(b, c.Flow)
}

// appendRouteQuery asks where the flow's packets go (inet_rtm_getroute). For a
// bound IPv4 flow it asks for the matching route: without one the kernel would
// assume the peer on the link and say yes to anything.
func appendRouteQuery(b []byte, f Flow) []byte {
	dst, src := f.Remote.Addr(), f.Local.Addr()
	var flags uint32
	if f.Oif != 0 && dst.Is4() {
		flags = rtmFFIBMatch
	}
	b = appendRtMsg(b, dst, src, flags)
	b = netlink.AppendAttr(b, rtaDst, dst.WithZone("").AsSlice())
	if src.IsValid() {
		b = netlink.AppendAttr(b, rtaSrc, src.WithZone("").AsSlice())
	}
	if f.Oif != 0 {
		b = netlink.AppendUint32(b, rtaOif, f.Oif)
	}
	b = netlink.AppendUint32(b, rtaMark, f.Mark)
	b = netlink.AppendUint32(b, rtaUID, f.UID)
	return appendPorts(b, TCP, f.Local.Port(), f.Remote.Port())
}

// appendForwardQuery asks where a forwarded flow's packets go: q is forwardQuery's.
func appendForwardQuery(b []byte, q rtable.Query) []byte {
	b = appendRtMsg(b, q.Dst, q.Src, 0)
	b = netlink.AppendAttr(b, rtaDst, q.Dst.AsSlice())
	b = netlink.AppendAttr(b, rtaSrc, q.Src.AsSlice())
	if q.Iif != 0 {
		b = netlink.AppendUint32(b, rtaIif, q.Iif)
	}
	if p := Proto(q.Proto); p == TCP || p == UDP { // with others' ports the kernel does not answer
		b = appendPorts(b, p, q.Sport, q.Dport)
	}
	return b
}

func appendPorts(b []byte, p Proto, sport, dport uint16) []byte {
	b = netlink.AppendAttr(b, rtaIPProto, []byte{byte(p)})
	b = netlink.AppendAttr(b, rtaSport, binary.BigEndian.AppendUint16(nil, sport))
	return netlink.AppendAttr(b, rtaDport, binary.BigEndian.AppendUint16(nil, dport))
}

// appendLocalQuery asks whether a is delivered locally.
func appendLocalQuery(b []byte, a netip.Addr, oif uint32) []byte {
	b = appendRtMsg(b, a, netip.Addr{}, 0)
	b = netlink.AppendAttr(b, rtaDst, a.WithZone("").AsSlice())
	if oif != 0 && a.IsLinkLocalUnicast() && a.Is6() {
		b = netlink.AppendUint32(b, rtaOif, oif)
	}
	return b
}

func appendRtMsg(b []byte, dst, src netip.Addr, flags uint32) []byte {
	srcLen := 0
	if src.IsValid() {
		srcLen = src.BitLen()
	}
	b = append(b, family(dst), byte(dst.BitLen()), byte(srcLen), 0, 0, 0, 0, 0)
	return binary.NativeEndian.AppendUint32(b, flags)
}

// routeReply is what the kernel answers to a route query.
type routeReply struct {
	local bool
	hops  []hopReply // one, but of a matching multipath route all
}

// leaves says whether a way out is by the link.
func (r routeReply) leaves(ifindex uint32) bool {
	for _, h := range r.hops {
		if h.oif == ifindex {
			return true
		}
	}
	return false
}

// hopReply is a way out in a routeReply.
type hopReply struct {
	oif     uint32
	gateway netip.Addr // the zero Addr for on-link
}

var replyPolicy = netlink.Policy{
	rtaOif:       {Min: 4},
	rtaGateway:   {Min: 4, Max: 16},
	rtaVia:       {Min: 6, Max: 18},
	rtaMultipath: {Max: netlink.Any},
}

// parseRouteReply reads an RTM_NEWROUTE payload; false where it is malformed.
func parseRouteReply(b []byte) (routeReply, bool) {
	var attrs [rtaMax + 1][]byte
	if len(b) < sizeofRtMsg || replyPolicy.Parse(b[sizeofRtMsg:], attrs[:]) != nil {
		return routeReply{}, false
	}
	r := routeReply{local: b[7] == rtnLocal}
	if mp := attrs[rtaMultipath]; mp != nil {
		const sizeofRtNexthop = 8
		for len(mp) >= sizeofRtNexthop {
			n := int(netlink.Uint16(mp))
			if n < sizeofRtNexthop || n > len(mp) {
				return routeReply{}, false
			}
			var leg [rtaMax + 1][]byte
			if replyPolicy.Parse(mp[sizeofRtNexthop:n], leg[:]) != nil {
				return routeReply{}, false
			}
			r.hops = append(r.hops, hopReply{netlink.Uint32(mp[4:]), replyGateway(leg[:])})
			mp = mp[min((n+3)&^3, len(mp)):]
		}
		return r, true
	}
	r.hops = []hopReply{{netlink.Uint32(attrs[rtaOif]), replyGateway(attrs[:])}}
	return r, true
}

func replyGateway(attrs [][]byte) netip.Addr {
	b := attrs[rtaGateway]
	if via := attrs[rtaVia]; via != nil {
		b = via[2:]
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}
