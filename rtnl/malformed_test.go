package rtnl_test

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/netmond/netmond/internal/netlink"
	"github.com/netmond/netmond/rtnl"
)

// native encodes for the machine that runs the test.
func native() enc {
	if machineOrder() == "little" {
		return enc{binary.LittleEndian}
	}
	return enc{binary.BigEndian}
}

// A malformed message is an error in its place; what stands before and behind it
// is read.
func TestMalformedMessagesAreErrorsInPlace(t *testing.T) {
	e := native()
	rt4 := func(dstLen byte) []byte { return e.rtmsg(0, 2, dstLen, 0, 0, 254, 3, 0, 1) }
	rule4 := cat([]byte{2, 0, 0, 0, 254, 0, 0, 1}, e.u32(0))
	good := e.msg(24, 0, rt4(0), e.attr32(4, 3))
	for name, bad := range map[string][]byte{
		"link-header":            e.msg(16, 0, make([]byte, 15)),
		"link-name-empty":        e.msg(16, 0, e.ifinfo(0, 1, 3, 0), e.attr(3)),
		"link-mtu-short":         e.msg(16, 0, e.ifinfo(0, 1, 3, 0), e.attr(4, 1, 2, 3)),
		"link-info-lies":         e.msg(16, 0, e.ifinfo(0, 1, 3, 0), e.attr(18, cat(e.u16(99), e.u16(1))...)),
		"link-vrf-table-short":   e.msg(16, 0, e.ifinfo(0, 1, 3, 0), e.attr(18, cat(e.text(1, "vrf"), e.attr(2, e.attr(1, 9)...))...)),
		"addr-header":            e.msg(20, 0, []byte{2, 24, 0, 0, 0}),
		"addr-without-address":   e.msg(20, 0, []byte{2, 24, 0, 0}, e.u32(3)),
		"addr-of-other-family":   e.msg(20, 0, []byte{2, 24, 0, 0}, e.u32(3), e.attr(2, ll...)),
		"addr-peer-other-family": e.msg(20, 0, []byte{2, 24, 0, 0}, e.u32(3), e.attr(2, gw4...), e.attr(1, ll...)),
		"addr-of-5-bytes":        e.msg(20, 0, []byte{2, 24, 0, 0}, e.u32(3), e.attr(2, 1, 2, 3, 4, 5)),
		"addr-length-33":         e.msg(20, 0, []byte{2, 33, 0, 0}, e.u32(3), e.attr(2, gw4...)),
		"route-header":           e.msg(24, 0, rt4(0)[:11]),
		"route-dst-of-6-bytes":   e.msg(24, 0, rt4(24), e.attr(1, 1, 2, 3, 4, 5, 6)),
		"route-dst-other-family": e.msg(24, 0, rt4(24), e.attr(1, ll...)),
		"route-length-33":        e.msg(24, 0, rt4(33), e.attr(1, net4...)),
		"route-gateway-5-bytes":  e.msg(24, 0, rt4(0), e.attr(5, 1, 2, 3, 4, 5)),
		"route-via-short":        e.msg(24, 0, rt4(0), e.attr(18, 10, 0, 1)),
		"route-via-odd":          e.msg(24, 0, rt4(0), e.attr(18, 10, 0, 1, 2, 3, 4, 5)),
		"route-attr-lies":        e.msg(24, 0, rt4(0), e.u16(9), e.u16(4), e.u32(3)),
		"route-attr-zero":        e.msg(24, 0, rt4(0), e.u16(0), e.u16(4), e.u32(3)),
		"multipath-length-7":     e.msg(24, 0, rt4(0), e.attr(9, cat(e.u16(7), []byte{0, 0}, e.u32(3))...)),
		"multipath-length-0":     e.msg(24, 0, rt4(0), e.attr(9, make([]byte, 8)...)),
		"multipath-length-9":     e.msg(24, 0, rt4(0), e.attr(9, cat(e.u16(9), []byte{0, 0}, e.u32(3))...)),
		"multipath-attr-lies":    e.msg(24, 0, rt4(0), e.attr(9, e.rtnh(0, 0, 3, cat(e.u16(9), e.u16(5), e.u32(0)))...)),
		"multipath-gateway":      e.msg(24, 0, rt4(0), e.attr(9, e.rtnh(0, 0, 3, e.attr(5, 1, 2, 3, 4, 5))...)),
		"rule-header":            e.msg(32, 0, rule4[:11]),
		"rule-uid-short":         e.msg(32, 0, rule4, e.attr32(20, 1)),
		"rule-tun-id-short":      e.msg(32, 0, rule4, e.attr32(12, 1)),
		"rule-dst-missing":       e.msg(32, 0, cat([]byte{2, 33, 0, 0, 254, 0, 0, 1}, e.u32(0))),
		"nexthop-header":         e.msg(104, 0, make([]byte, 7)),
		"nexthop-without-id":     e.msg(104, 0, make([]byte, 8)),
		"nexthop-gateway":        e.msg(104, 0, make([]byte, 8), e.attr32(1, 1), e.attr(6, 1, 2, 3, 4, 5)),
		"netconf-header":         e.msg(80, 0, []byte{2}),
		"netconf-switch-short":   e.msg(80, 0, []byte{2, 0, 0, 0}, e.attr32(1, 3), e.attr(6, 1)),
	} {
		t.Run(name, func(t *testing.T) {
			var order string
			for ev, err := range rtnl.Events(cat(good, bad, good)) {
				switch {
				case err == nil && ev.Message != nil:
					order += "g"
				case errors.Is(err, netlink.ErrShort) && ev.Message == nil:
					order += "b"
				default:
					t.Errorf("Events = %+v, %v, want an event or ErrShort", ev, err)
				}
			}
			if order != "gbg" {
				t.Errorf("good and bad events = %s, want gbg", order)
			}
		})
	}
}

// A length that contradicts the datagram ends the sequence: nothing behind it can
// be trusted.
func TestWrongFramingEndsTheSequence(t *testing.T) {
	e := native()
	good := e.msg(24, 0, e.rtmsg(0, 2, 0, 0, 0, 254, 3, 0, 1), e.attr32(4, 3))
	bad := e.msg(24, 0, e.rtmsg(0, 2, 0, 0, 0, 254, 3, 0, 1))
	e.PutUint32(bad, 9999)
	n, fails := 0, 0
	for _, err := range rtnl.Events(cat(good, bad, good)) {
		if n++; err != nil {
			fails++
		}
	}
	if n != 2 || fails != 1 {
		t.Errorf("%d events, %d errors, want one of each", n-fails, fails)
	}
}

func TestEventsStopsWithItsConsumer(t *testing.T) {
	e := native()
	good := e.msg(24, 0, e.rtmsg(0, 2, 0, 0, 0, 254, 3, 0, 1), e.attr32(4, 3))
	for _, datagram := range [][]byte{cat(good, good), cat(good[:7]), cat(e.msg(80, 0, []byte{2}), good)} {
		n := 0
		for range rtnl.Events(datagram) {
			n++
			break
		}
		if n != 1 {
			t.Errorf("%d events after break, want 1", n)
		}
	}
}

// What is not of the routing state, or of families that rtnl leaves out, is
// nothing, not an error.
func TestOtherMessagesArePassedOver(t *testing.T) {
	e := native()
	for name, b := range map[string][]byte{
		"neighbour":          e.msg(28, 0, make([]byte, 12)),
		"done":               e.msg(3, 2, e.u32(0)),
		"bridge-port":        e.msg(17, 0, e.ifinfo(7, 1, 3, 0)),
		"address-family":     e.msg(20, 0, []byte{28, 0, 0, 0}, e.u32(3)),
		"mpls-route":         e.msg(24, 0, e.rtmsg(0, 28, 20, 0, 0, 254, 3, 0, 1)),
		"cached-route":       e.msg(24, 0, e.rtmsg(0x200, 2, 0, 0, 0, 254, 3, 0, 1)),
		"multicast-rule":     e.msg(32, 0, cat([]byte{129, 0, 0, 0, 253, 0, 0, 1}, e.u32(0))),
		"netconf-forwarding": e.msg(80, 0, []byte{2, 0, 0, 0}, e.attr32(1, 3), e.attr32(2, 1)),
		"netconf-mpls":       e.msg(80, 0, []byte{28, 0, 0, 0}, e.attr32(1, 3), e.attr32(6, 1)),
	} {
		for ev, err := range rtnl.Events(b) {
			t.Errorf("%s: Events = %+v, %v, want nothing", name, ev, err)
		}
	}
}

// rta_expires of 0 is never; everything else keeps its sign.
func TestExpiresRoundsAwayFromNever(t *testing.T) {
	e := native()
	for ticks, want := range map[int32]int32{
		0: 0, 1: 1, 99: 1, 100: 1, 101: 2, 180000: 1800, -1: -1, -100: -1, -101: -2, 1<<31 - 1: 21474837, -1 << 31: -21474837,
	} {
		b := e.msg(24, 0, e.rtmsg(0, 10, 0, 0, 0, 254, 9, 0, 1), e.attr32(4, 3),
			e.attr(12, cat(e.u32(0), e.u32(0), e.u32(uint32(ticks)), make([]byte, 20))...))
		for ev, err := range rtnl.Events(b) {
			if r, ok := ev.Message.(*rtnl.Route); err != nil || !ok || r.Expires != want {
				t.Errorf("%d ticks: Events = %+v, %v, want %d s", ticks, ev.Message, err, want)
			}
		}
	}
}

// The flags of a dump's answers say something else (NLM_F_DUMP_FILTERED, of a
// multipart message), and are not those of a request.
func TestDumpedEventsHaveNoFlags(t *testing.T) {
	e := native()
	for flags, want := range map[uint16]uint16{0x2: 0, 0x22: 0, 0x602: 0, 0x600: 0x600, 0x605: 0x600, 0x10: 0} {
		for ev, err := range rtnl.Events(e.msg(24, flags, e.rtmsg(0, 2, 0, 0, 0, 254, 3, 0, 1))) {
			if err != nil || ev.Flags != want {
				t.Errorf("flags %#x: Events = %#x, %v, want %#x", flags, ev.Flags, err, want)
			}
		}
	}
}
