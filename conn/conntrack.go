package conn

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/netmond/netmond/internal/netlink"
)

// The ctnetlink codec (linux/netfilter/nfnetlink_conntrack.h), without I/O.
// Attributes hold network order throughout.

const (
	// NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_*
	ctGet    = 1<<8 | 1
	ctDelete = 1<<8 | 2

	sizeofNfgenmsg = 4

	ctaTupleOrig  = 1
	ctaTupleReply = 2
	ctaStatus     = 3
	ctaMark       = 8
	ctaID         = 12
	ctaZone       = 18
	ctaMax        = ctaZone

	ctaTupleIP    = 1
	ctaTupleProto = 2

	ctaIPv4Src = 1
	ctaIPv4Dst = 2
	ctaIPv6Src = 3
	ctaIPv6Dst = 4

	ctaProtoNum        = 1
	ctaProtoSrcPort    = 2
	ctaProtoDstPort    = 3
	ctaProtoICMPID     = 4
	ctaProtoICMPType   = 5
	ctaProtoICMPCode   = 6
	ctaProtoICMPv6ID   = 7
	ctaProtoICMPv6Type = 8
	ctaProtoICMPv6Code = 9
	ctaProtoMax        = ctaProtoICMPv6Code

	ipsSrcNAT = 1 << 4 // IPS_SRC_NAT: the source is translated
	ipsDstNAT = 1 << 5 // IPS_DST_NAT: the destination is
)

// tracked connection, as conntrack has it.
type ctEntry struct {
	proto       uint8
	orig, reply tuple
	status      uint32
	mark        uint32
	id          uint32 // names the entry until it is gone
	zone        uint16
}

// tuple is one direction of a tracked connection. Of ICMP the source's port is the
// identifier and the destination's type and code, as the kernel has them (union
// nf_conntrack_man_proto); of protocols without ports they are 0.
type tuple struct{ src, dst netip.AddrPort }

var (
	ctPolicy = netlink.Policy{
		ctaTupleOrig:  {Max: netlink.Any},
		ctaTupleReply: {Max: netlink.Any},
		ctaStatus:     {Min: 4},
		ctaMark:       {Min: 4},
		ctaID:         {Min: 4},
		ctaZone:       {Min: 2},
	}
	tuplePolicy   = netlink.Policy{ctaTupleIP: {Max: netlink.Any}, ctaTupleProto: {Max: netlink.Any}}
	tupleIPPolicy = netlink.Policy{
		ctaIPv4Src: {Min: 4}, ctaIPv4Dst: {Min: 4}, ctaIPv6Src: {Min: 16}, ctaIPv6Dst: {Min: 16},
	}
	tupleProtoPolicy = netlink.Policy{
		ctaProtoNum: {Min: 1}, ctaProtoSrcPort: {Min: 2}, ctaProtoDstPort: {Min: 2},
		ctaProtoICMPID: {Min: 2}, ctaProtoICMPType: {Min: 1}, ctaProtoICMPCode: {Min: 1},
		ctaProtoICMPv6ID: {Min: 2}, ctaProtoICMPv6Type: {Min: 1}, ctaProtoICMPv6Code: {Min: 1},
	}
)

// parseCT reads the payload of an IPCTNL_MSG_CT_NEW.
func parseCT(b []byte) (ctEntry, error) {
	var attrs [ctaMax + 1][]byte
	if len(b) < sizeofNfgenmsg {
		return ctEntry{}, fmt.Errorf("conn: conntrack: %w", netlink.ErrShort)
	}
	if err := ctPolicy.Parse(b[sizeofNfgenmsg:], attrs[:]); err != nil {
		return ctEntry{}, fmt.Errorf("conn: conntrack: %w", err)
	}
	e := ctEntry{status: be32(attrs[ctaStatus]), mark: be32(attrs[ctaMark]), id: be32(attrs[ctaID])}
	if z := attrs[ctaZone]; z != nil {
		e.zone = binary.BigEndian.Uint16(z)
	}
	var err error
	if e.orig, e.proto, err = parseTuple(attrs[ctaTupleOrig]); err != nil {
		return e, err
	}
	e.reply, _, err = parseTuple(attrs[ctaTupleReply])
	return e, err
}

func be32(b []byte) uint32 {
	if b == nil {
		return 0
	}
	return binary.BigEndian.Uint32(b)
}

func parseTuple(b []byte) (t tuple, proto uint8, err error) {
	var attrs [3][]byte
	var ip [5][]byte
	var pr [ctaProtoMax + 1][]byte
	if err = tuplePolicy.Parse(b, attrs[:]); err == nil {
		if err = tupleIPPolicy.Parse(attrs[ctaTupleIP], ip[:]); err == nil {
			err = tupleProtoPolicy.Parse(attrs[ctaTupleProto], pr[:])
		}
	}
	if err != nil {
		return t, 0, fmt.Errorf("conn: conntrack: %w", err)
	}
	src, dst := ip[ctaIPv4Src], ip[ctaIPv4Dst]
	if src == nil {
		src, dst = ip[ctaIPv6Src], ip[ctaIPv6Dst]
	}
	s, ok1 := netip.AddrFromSlice(src)
	d, ok2 := netip.AddrFromSlice(dst)
	if !ok1 || !ok2 {
		return t, 0, fmt.Errorf("conn: conntrack: %w: tuple without addresses", netlink.ErrShort)
	}
	port := func(b []byte) uint16 {
		if b == nil {
			return 0
		}
		return binary.BigEndian.Uint16(b)
	}
	proto = netlink.Uint8(pr[ctaProtoNum])
	sport, dport := port(pr[ctaProtoSrcPort]), port(pr[ctaProtoDstPort])
	if id, typ, code := icmpAttrs(proto); id != 0 {
		sport, dport = port(pr[id]), uint16(netlink.Uint8(pr[typ]))<<8|uint16(netlink.Uint8(pr[code]))
	}
	return tuple{netip.AddrPortFrom(s, sport), netip.AddrPortFrom(d, dport)}, proto, nil
}

// icmpAttrs are the attributes that name a flow of ICMP; 0 for other protocols.
func icmpAttrs(proto uint8) (id, typ, code uint16) {
	switch Proto(proto) {
	case ICMP:
		return ctaProtoICMPID, ctaProtoICMPType, ctaProtoICMPCode
	case ICMPv6:
		return ctaProtoICMPv6ID, ctaProtoICMPv6Type, ctaProtoICMPv6Code
	}
	return 0, 0, 0
}

// appendNfgen appends struct nfgenmsg.
func appendNfgen(b []byte, fam byte) []byte { return append(b, fam, 0, 0, 0) }

// appendTuple appends a tuple as the attribute typ.
func appendTuple(b []byte, typ uint16, t tuple, proto uint8) []byte {
	return netlink.AppendNested(b, typ, func(b []byte) []byte {
		b = netlink.AppendNested(b, ctaTupleIP, func(b []byte) []byte {
			src, dst := uint16(ctaIPv4Src), uint16(ctaIPv4Dst)
			if t.src.Addr().Is6() {
				src, dst = ctaIPv6Src, ctaIPv6Dst
			}
			b = netlink.AppendAttr(b, src, t.src.Addr().AsSlice())
			return netlink.AppendAttr(b, dst, t.dst.Addr().AsSlice())
		})
		return netlink.AppendNested(b, ctaTupleProto, func(b []byte) []byte {
			b = netlink.AppendAttr(b, ctaProtoNum, []byte{proto})
			if id, typ, code := icmpAttrs(proto); id != 0 {
				b = netlink.AppendAttr(b, id, binary.BigEndian.AppendUint16(nil, t.src.Port()))
				b = netlink.AppendAttr(b, typ, []byte{byte(t.dst.Port() >> 8)})
				return netlink.AppendAttr(b, code, []byte{byte(t.dst.Port())})
			}
			b = netlink.AppendAttr(b, ctaProtoSrcPort, binary.BigEndian.AppendUint16(nil, t.src.Port()))
			return netlink.AppendAttr(b, ctaProtoDstPort, binary.BigEndian.AppendUint16(nil, t.dst.Port()))
		})
	})
}

// appendDelete appends the request that names exactly the flow's entry.
func appendDelete(b []byte, f Flow) []byte {
	orig := tuple{f.Client, f.Dialled}
	if !f.Dialled.IsValid() {
		orig = tuple{f.Remote, f.Local}
	}
	b = appendNfgen(b, family(f.Local.Addr()))
	b = appendTuple(b, ctaTupleOrig, orig, uint8(f.Proto))
	if zone := uint16(f.Cookie >> 32); zone != 0 {
		b = netlink.AppendAttr(b, ctaZone, binary.BigEndian.AppendUint16(nil, zone))
	}
	return netlink.AppendAttr(b, ctaID, binary.BigEndian.AppendUint32(nil, uint32(f.Cookie)))
}

// flow is the entry as a flow: from the address that the peer sees to the peer,
// with the host behind it, which either has opened. It answers false where that
// host's address is not translated.
func (e *ctEntry) flow() (Flow, bool) {
	f := Flow{
		Proto: Proto(e.proto), State: Established,
		Mark: e.mark, MarkKnown: true, Cookie: uint64(e.id) | uint64(e.zone)<<32,
	}
	id, _, _ := icmpAttrs(e.proto)
	switch {
	case e.status&ipsSrcNAT != 0 && e.reply.dst.Addr() != e.orig.src.Addr():
		f.Local, f.Remote, f.Client, f.Dialled = e.reply.dst, e.reply.src, e.orig.src, e.orig.dst
		if id != 0 {
			f.Local = netip.AddrPortFrom(f.Local.Addr(), e.reply.src.Port())
			f.Remote = netip.AddrPortFrom(f.Remote.Addr(), 0)
		}
	case e.status&ipsDstNAT != 0 && e.reply.src.Addr() != e.orig.dst.Addr() && id == 0:
		f.Local, f.Remote, f.Client = e.orig.dst, e.orig.src, e.reply.src
	default:
		return Flow{}, false
	}
	return f, true
}
