package rtnl_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"strings"
	"testing"

	"github.com/netmond/netmond/internal/netlink"
)

// enc encodes messages in either byte order, from the layouts of the headers
// linux/netlink.h, rtnetlink.h, if_link.h, if_addr.h, fib_rules.h, nexthop.h and
// netconf.h. It shares nothing with the code under test, and its output is held
// against the kernel's (TestEncoderAgreesWithTheKernel). It makes the fixtures
// of big-endian order, and those of what the capturing kernel lacks (VRF).
type enc struct{ order }

type order interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

func cat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func (e enc) u16(n uint16) []byte { return e.AppendUint16(nil, n) }
func (e enc) u32(n uint32) []byte { return e.AppendUint32(nil, n) }

// msg is a message: nlmsghdr of a notification, then the parts.
func (e enc) msg(typ, flags uint16, parts ...[]byte) []byte {
	body := cat(parts...)
	return padded(cat(e.u32(uint32(16+len(body))), e.u16(typ), e.u16(flags), e.u32(0), e.u32(0), body))
}

// attr is an attribute with its padding.
func (e enc) attr(typ uint16, payload ...byte) []byte {
	return padded(cat(e.u16(uint16(4+len(payload))), e.u16(typ), payload))
}

func (e enc) attr32(typ uint16, n uint32) []byte { return e.attr(typ, e.u32(n)...) }
func (e enc) text(typ uint16, s string) []byte   { return e.attr(typ, append([]byte(s), 0)...) }

func padded(b []byte) []byte {
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// rtmsg is struct rtmsg: family, dst_len, src_len, tos, table, protocol, scope,
// type, flags.
func (e enc) rtmsg(flags uint32, bytes ...byte) []byte { return cat(bytes, e.u32(flags)) }

// rtnh is struct rtnexthop and its attributes.
func (e enc) rtnh(flags, hops byte, ifindex uint32, attrs ...[]byte) []byte {
	a := cat(attrs...)
	return cat(e.u16(uint16(8+len(a))), []byte{flags, hops}, e.u32(ifindex), a)
}

// ifinfo is struct ifinfomsg.
func (e enc) ifinfo(family byte, typ uint16, ifindex, flags uint32) []byte {
	return cat([]byte{family, 0}, e.u16(typ), e.u32(ifindex), e.u32(flags), e.u32(0))
}

var (
	gw4  = []byte{192, 0, 2, 1}
	net4 = []byte{198, 51, 100, 0}
	v6   = func(hi, lo byte) []byte { return []byte{0x20, 1, 0x0d, 0xb8, 0, hi, 15: lo} } // 2001:db8:hi::lo
	ll   = []byte{0xfe, 0x80, 15: 1}                                                      // fe80::1
)

// made are the fixtures that are made by hand: testdata/made-NAME.le.hex and
// .be.hex hold the bytes and what they mean.
var made = []struct {
	name string
	make func(e enc) []byte
}{
	{"link", func(e enc) []byte {
		return cat(
			e.msg(16, 0, e.ifinfo(0, 1, 3, 0x11043), e.text(3, "wan"), e.attr32(4, 1500), e.attr32(5, 2),
				e.attr32(10, 4), e.attr(16, 6), e.attr32(27, 7), e.attr(33, 1), e.attr(18|0x8000, e.text(1, "veth")...)),
			// A port leaves its bridge: not the end of the link.
			e.msg(17, 0, e.ifinfo(7, 1, 3, 0x11043), e.text(3, "wan"), e.attr32(10, 4)),
			// A VRF, and a port of it.
			e.msg(16, 0, e.ifinfo(0, 1, 9, 0x11043), e.text(3, "blue"), e.attr32(4, 65575), e.attr(16, 6), e.attr(33, 1),
				e.attr(18, cat(e.text(1, "vrf"), e.attr(2, e.attr32(1, 51820)...))...)),
			e.msg(16, 0, e.ifinfo(0, 1, 10, 0x11043), e.text(3, "lan"), e.attr32(4, 1500), e.attr(16, 6), e.attr32(10, 9),
				e.attr(18, cat(e.text(4, "vrf"), e.attr(5, e.attr32(1, 51820)...))...)),
			e.msg(17, 0, e.ifinfo(0, 772, 11, 8), e.text(3, "lo9"), e.attr32(4, 65536)),
		)
	}},
	{"addr", func(e enc) []byte {
		return cat(
			e.msg(20, 0, []byte{2, 24, 0x81, 0}, e.u32(3), e.attr(1, 192, 0, 2, 9), e.attr(2, 192, 0, 2, 9),
				e.attr(4, 192, 0, 2, 255), e.text(3, "wan:1"), e.attr32(8, 0x281), e.attr(6, make([]byte, 16)...)),
			e.msg(20, 0, []byte{2, 32, 0x80, 0}, e.u32(3), e.attr(1, 198, 51, 100, 2), e.attr(2, 198, 51, 100, 1), e.text(3, "if3")),
			e.msg(21, 0, []byte{10, 64, 0xe0, 253}, e.u32(3), e.attr(1, ll...), e.attr32(8, 0x8e0)),
		)
	}},
	{"route4", func(e enc) []byte {
		return cat(
			e.msg(24, 0x600, e.rtmsg(0, 2, 0, 0, 0, 254, 4, 0, 1), e.attr32(15, 254), e.attr32(6, 100),
				e.attr(5, gw4...), e.attr32(4, 3)),
			e.msg(24, 0x100, e.rtmsg(4, 2, 24, 0, 0x10, 252, 3, 0, 1), e.attr32(15, 51820), e.attr(1, net4...), e.attr(7, 192, 0, 2, 9),
				e.attr(18, cat(e.u16(10), ll)...), e.attr32(4, 3), e.attr(8, e.attr32(2, 1400)...)),
			e.msg(24, 0xc00, e.rtmsg(0, 2, 24, 0, 0, 254, 3, 0, 1), e.attr32(15, 254), e.attr(1, net4...), e.attr32(30, 20),
				e.attr(9, cat(e.rtnh(0, 2, 3, e.attr(5, gw4...)), e.rtnh(4|1|16, 255, 4, e.attr(18, cat(e.u16(10), ll)...)), e.rtnh(0, 0, 5))...)),
			e.msg(24, 0x400, e.rtmsg(0, 2, 32, 0, 0, 254, 2, 253, 7), e.attr32(15, 254), e.attr(1, net4...), e.attr32(6, 1<<32-1)),
			e.msg(25, 0, e.rtmsg(0, 2, 24, 0, 0, 254, 3, 0, 1), e.attr32(15, 254), e.attr(1, net4...)),
			// A multicast route and a cached exception: not of the FIB.
			e.msg(24, 0, e.rtmsg(0, 128, 0, 0, 0, 254, 17, 0, 5)),
			e.msg(24, 0, e.rtmsg(0x200, 2, 32, 0, 0, 254, 0, 0, 1), e.attr(1, net4...)),
		)
	}},
	{"route6", func(e enc) []byte {
		return cat(
			e.msg(24, 0x600, e.rtmsg(0, 10, 48, 48, 0, 254, 3, 0, 1), e.attr32(15, 254), e.attr(1, v6(1, 0)...), e.attr(2, v6(2, 0)...),
				e.attr32(6, 1024), e.attr(5, v6(0, 1)...), e.attr32(4, 3), e.attr(20, 0)),
			e.msg(24, 0x100, e.rtmsg(0, 10, 0, 0, 0, 254, 9, 0, 1), e.attr32(15, 254), e.attr32(6, 1024), e.attr(5, ll...), e.attr32(4, 3),
				e.attr(12, cat(e.u32(0), e.u32(0), e.u32(180000), e.u32(0), make([]byte, 16))...), e.attr(20, 1)),
			e.msg(24, 0x600, e.rtmsg(0, 10, 48, 0, 0, 254, 3, 0, 7), e.attr32(15, 254), e.attr(1, v6(3, 0)...), e.attr32(6, 7), e.attr32(4, 1)),
			e.msg(25, 0, e.rtmsg(0, 10, 64, 0, 0, 254, 3, 0, 1), e.attr32(15, 254), e.attr(1, v6(4, 0)...), e.attr32(6, 1024),
				e.attr(9, cat(e.rtnh(0, 0, 3, e.attr(5, v6(0, 1)...)), e.rtnh(0, 3, 4, e.attr(5, v6(0, 2)...)))...)),
		)
	}},
	{"rule", func(e enc) []byte {
		return cat(
			// family, dst_len, src_len, tos, table, two reserved, action, flags
			e.msg(32, 0, []byte{2, 24, 25, 0x10, 252, 0, 0, 1}, e.u32(2), e.attr32(15, 51820), e.attr32(14, 0), e.attr32(13, 3),
				e.text(3, "lan"), e.text(17, "wan"), e.attr32(6, 100), e.attr32(10, 5), e.attr32(16, 0xff),
				e.attr(1, net4...), e.attr(2, 192, 0, 2, 0), e.attr(20, cat(e.u32(1000), e.u32(1999))...), e.attr(22, 6),
				e.attr(23, cat(e.u16(1), e.u16(2))...), e.attr(24, cat(e.u16(53), e.u16(53))...), e.attr(21, 4)),
			e.msg(32, 0, []byte{10, 0, 0, 0, 0, 0, 0, 1}, e.u32(0), e.attr32(15, 0), e.attr32(14, 1<<32-1), e.attr(19, 1), e.attr32(6, 1000), e.attr(21, 2)),
			e.msg(32, 0, []byte{2, 0, 0, 0, 0, 0, 0, 2}, e.u32(0), e.attr32(4, 32766), e.attr32(6, 101)),
			e.msg(32, 0, []byte{2, 0, 0, 0, 0, 0, 0, 6}, e.u32(0), e.attr(12, 0, 0, 0, 1, 0, 0, 0, 7), e.attr32(6, 102)),
			e.msg(32, 0, []byte{10, 0, 128, 0, 254, 0, 0, 1}, e.u32(0), e.attr32(15, 254), e.attr(2, v6(0, 9)...), e.attr(25, 46)), // dscp, since 6.13
			e.msg(33, 0, []byte{2, 0, 0, 0, 0, 0, 0, 7}, e.u32(4), e.attr32(6, 103), e.attr32(16, 0), e.attr32(10, 5)),
			e.msg(32, 0, []byte{128, 0, 0, 0, 253, 0, 0, 1}, e.u32(0)), // of multicast routing
		)
	}},
	{"nexthop", func(e enc) []byte {
		return cat(
			// family, scope, protocol, reserved, flags
			e.msg(104, 0x600, []byte{2, 253, 4, 0}, e.u32(4|1), e.attr32(1, 10), e.attr(6, gw4...), e.attr32(5, 3)),
			e.msg(104, 0x500, []byte{0, 0, 0, 0}, e.u32(0), e.attr32(1, 20), e.attr(3, e.u16(0)...),
				e.attr(2, cat(e.u32(10), []byte{0, 0, 0, 0}, e.u32(11), []byte{0x2b, 1, 0, 0})...)), // weights 1 and 300
			e.msg(104, 0, []byte{2, 0, 0, 0}, e.u32(0), e.attr32(1, 30), e.attr(4)),
			e.msg(104, 0, []byte{10, 0, 0, 0}, e.u32(0), e.attr32(1, 40), e.attr(11), e.attr(6, ll...)),
			e.msg(105, 0, []byte{2, 253, 0, 0}, e.u32(0), e.attr32(1, 10), e.attr(6, gw4...), e.attr32(5, 3)),
		)
	}},
	{"netconf", func(e enc) []byte {
		return cat(
			e.msg(80, 0, []byte{2, 0, 0, 0}, e.attr32(1, 3), e.attr32(6, 1)),
			e.msg(80, 0, []byte{10, 0, 0, 0}, e.attr32(1, 1<<32-1), e.attr32(2, 0), e.attr32(6, 0)),
			e.msg(80, 0, []byte{2, 0, 0, 0}, e.attr32(1, 1<<32-2), e.attr32(2, 1)), // of another switch
			e.msg(81, 0, []byte{2, 0, 0, 0}, e.attr32(1, 3)),
		)
	}},
}

// The bytes of the fixtures that are made by hand are those of the encoder, on
// machines of either order.
func TestMadeFixturesAreWhatTheEncoderMakes(t *testing.T) {
	for suffix, e := range map[string]enc{".le.hex": {binary.LittleEndian}, ".be.hex": {binary.BigEndian}} {
		for _, m := range made {
			path := "testdata/made-" + m.name + suffix
			if _, err := os.Stat(path); err != nil {
				t.Error(err)
				continue
			}
			f := readFixture(t, path)
			want := m.make(e)
			if *update {
				f.datagrams = [][]byte{want}
				f.write(t)
			}
			if len(f.datagrams) != 1 || !bytes.Equal(f.datagrams[0], want) {
				t.Errorf("%s = %x, want one datagram %x", path, f.datagrams, want)
			}
		}
	}
}

// The encoder writes what the kernel writes: the first datagrams of captured
// fixtures, byte for byte.
func TestEncoderAgreesWithTheKernel(t *testing.T) {
	e := enc{binary.LittleEndian}
	for name, want := range map[string][]byte{
		"route4": e.msg(24, 0x600, e.rtmsg(0, 2, 0, 0, 0, 254, 4, 0, 1), e.attr32(15, 254), e.attr32(6, 100), e.attr(5, gw4...), e.attr32(4, 3)),
		"route4-multipath": e.msg(24, 0x600, e.rtmsg(0, 2, 24, 0, 0, 254, 3, 0, 1), e.attr32(15, 254), e.attr(1, net4...),
			e.attr(9, cat(e.rtnh(0, 2, 3, e.attr(5, gw4...)), e.rtnh(4, 255, 3, e.attr(18, cat(e.u16(10), ll)...)), e.rtnh(0, 0, 3))...)),
		"nexthop": e.msg(104, 0x600, []byte{2, 253, 0, 0}, e.u32(0), e.attr32(1, 10), e.attr32(5, 3), e.attr(6, gw4...)),
	} {
		f := readFixture(t, "testdata/"+name+".hex")
		got := bytes.Clone(f.datagrams[0])
		// Sequence, port and request flags are of the command that caused it.
		binary.LittleEndian.PutUint16(got[6:], binary.LittleEndian.Uint16(got[6:])&^5)
		copy(got[8:16], make([]byte, 8))
		if !bytes.Equal(got, want) {
			t.Errorf("%s: the kernel wrote %x, the encoder writes %x", name, got, want)
		}
	}
}

// Fixtures must not lose the message they were captured for.
func TestBridgeLeaveHoldsTheMisleadingDelete(t *testing.T) {
	const rtmDelLink, afBridge = 17, 7
	f := readFixture(t, "testdata/bridge-leave.hex")
	for _, d := range f.datagrams {
		for off := 0; off+netlink.HeaderLen < len(d); off += int(binary.LittleEndian.Uint32(d[off:])+3) &^ 3 {
			if binary.LittleEndian.Uint16(d[off+4:]) == rtmDelLink && d[off+netlink.HeaderLen] == afBridge {
				if strings.Contains(strings.Join(f.want, "\n"), "del link") {
					t.Errorf("%s expects a deletion of the link", f.path)
				}
				return
			}
		}
	}
	t.Errorf("%s has no RTM_DELLINK of AF_BRIDGE", f.path)
}
