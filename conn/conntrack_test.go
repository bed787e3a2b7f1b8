package conn

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"

	"github.com/netmond/netmond/internal/netlink"
)

func endpoint(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// captured is what testdata/conntrack.hex holds, in its order.
var captured = []ctEntry{
	{proto: 6, status: 0x19e, id: 0x04ae756d,
		orig:  tuple{endpoint("192.0.2.2:40001"), endpoint("203.0.113.9:443")},
		reply: tuple{endpoint("203.0.113.9:443"), endpoint("192.0.2.3:40001")}},
	{proto: 6, status: 0x1be, id: 0xe5b9c1cc,
		orig:  tuple{endpoint("192.0.2.2:40002"), endpoint("198.51.100.7:443")},
		reply: tuple{endpoint("203.0.113.9:443"), endpoint("192.0.2.3:40002")}},
	{proto: 6, status: 0x19e, id: 0x5ad1fbcf,
		orig:  tuple{endpoint("[2001:db8::3]:40003"), endpoint("[2001:db8::2]:443")},
		reply: tuple{endpoint("[2001:db8::2]:443"), endpoint("[2001:db8::4]:40003")}},
	{proto: 17, status: 0x188, id: 0xa1625e6f, mark: 0x100, zone: 5,
		orig:  tuple{endpoint("192.0.2.2:40004"), endpoint("192.0.2.3:53")},
		reply: tuple{endpoint("192.0.2.3:53"), endpoint("192.0.2.2:40004")}},
	{proto: 1, status: 0x19a, id: 0x15b6d0e4,
		orig:  tuple{endpoint("192.0.2.2:4660"), endpoint("203.0.113.9:2048")}, // echo request 0x1234
		reply: tuple{endpoint("203.0.113.9:4660"), endpoint("192.0.2.3:0")}},
}

func TestConntrackFixtures(t *testing.T) {
	if bigEndian {
		t.Skip("the fixtures are of the other byte order; TestParseCT builds its own")
	}
	answers := fixture(t, "conntrack.hex")
	if len(answers) != len(captured) {
		t.Fatalf("%d answers, want %d", len(answers), len(captured))
	}
	for i, b := range answers {
		if got, err := parseCT(b); err != nil || got != captured[i] {
			t.Errorf("parseCT(answer %d) = %+v, %v, want %+v", i, got, err, captured[i])
		}
		if f, ok := captured[i].flow(); ok { // the kernel's own words for the tuple
			n := sizeofNfgenmsg + int(binary.LittleEndian.Uint16(b[sizeofNfgenmsg:]))
			if got := appendDelete(nil, f); !bytes.HasPrefix(got, append([]byte{b[0], 0, 0, 0}, b[sizeofNfgenmsg:n]...)) {
				t.Errorf("appendDelete(answer %d) =\n%x, want it to begin with the tuple of\n%x", i, got, b)
			}
		}
	}
}

// conntrack is an entry as the kernel fills it, built from the headers.
func (o order) conntrack(e ctEntry) []byte {
	tuple := func(b []byte, typ uint16, t tuple) []byte {
		first, ip := uint16(1), []byte(nil)
		if t.src.Addr().Is6() {
			first = 3
		}
		ip = o.attr(ip, first, t.src.Addr().AsSlice())
		ip = o.attr(ip, first+1, t.dst.Addr().AsSlice())
		proto := o.attr(nil, 1, []byte{e.proto})
		switch {
		case e.proto == 1:
			proto = o.attr(proto, 4, binary.BigEndian.AppendUint16(nil, t.src.Port()))
			proto = o.attr(proto, 5, []byte{byte(t.dst.Port() >> 8)})
			proto = o.attr(proto, 6, []byte{byte(t.dst.Port())})
		case t.src.Port() != 0:
			proto = o.attr(proto, 2, binary.BigEndian.AppendUint16(nil, t.src.Port()))
			proto = o.attr(proto, 3, binary.BigEndian.AppendUint16(nil, t.dst.Port()))
		}
		return o.attr(b, typ|0x8000, o.attr(o.attr(nil, 1|0x8000, ip), 2|0x8000, proto))
	}
	b := []byte{family(e.orig.src.Addr()), 0, 0, 0}
	b = tuple(b, 1, e.orig)
	b = tuple(b, 2, e.reply)
	if e.zone != 0 {
		b = o.attr(b, 18, binary.BigEndian.AppendUint16(nil, e.zone))
	}
	b = o.attr(b, 3, binary.BigEndian.AppendUint32(nil, e.status))
	b = o.attr(b, 8, binary.BigEndian.AppendUint32(nil, e.mark))
	return o.attr(b, 12, binary.BigEndian.AppendUint32(nil, e.id))
}

func TestParseCT(t *testing.T) {
	for i, want := range captured {
		if got, err := parseCT(native.conntrack(want)); err != nil || got != want {
			t.Errorf("parseCT(%d) = %+v, %v, want %+v", i, got, err, want)
		}
	}
	whole := native.conntrack(captured[0])
	half := native.attr([]byte{2, 0, 0, 0}, 1|0x8000, native.attr(nil, 1|0x8000, native.attr(nil, 1, []byte{192, 0, 2, 2})))
	for _, tt := range []struct {
		name string
		b    []byte
	}{
		{"empty", nil},
		{"header-cut", whole[:3]},
		{"header-only", whole[:4]},
		{"no-reply", whole[:4+52]},
		{"attribute-cut", whole[:len(whole)-2]},
		{"source-only", half},
		{"mark-of-two-bytes", native.attr(bytes.Clone(whole), 8, []byte{0, 7})},
	} {
		if e, err := parseCT(tt.b); !errors.Is(err, netlink.ErrShort) {
			t.Errorf("%s: parseCT = %+v, %v, want ErrShort", tt.name, e, err)
		}
	}
}

func TestConntrackFlow(t *testing.T) {
	edit := func(i int, f func(*ctEntry)) ctEntry {
		e := captured[i]
		f(&e)
		return e
	}
	for _, tt := range []struct {
		name string
		e    ctEntry
		want Flow // the zero Flow for none
	}{
		{"source", captured[0], Flow{Proto: TCP, Local: endpoint("192.0.2.3:40001"), Remote: endpoint("203.0.113.9:443"),
			Client: endpoint("192.0.2.2:40001"), Dialled: endpoint("203.0.113.9:443"), Cookie: 0x04ae756d}},
		{"both", captured[1], Flow{Proto: TCP, Local: endpoint("192.0.2.3:40002"), Remote: endpoint("203.0.113.9:443"),
			Client: endpoint("192.0.2.2:40002"), Dialled: endpoint("198.51.100.7:443"), Cookie: 0xe5b9c1cc}},
		{"ipv6", captured[2], Flow{Proto: TCP, Local: endpoint("[2001:db8::4]:40003"), Remote: endpoint("[2001:db8::2]:443"),
			Client: endpoint("[2001:db8::3]:40003"), Dialled: endpoint("[2001:db8::2]:443"), Cookie: 0x5ad1fbcf}},
		{"zone and mark", edit(0, func(e *ctEntry) { e.zone, e.mark = 5, 0x100 }), Flow{Proto: TCP, Local: endpoint("192.0.2.3:40001"),
			Remote: endpoint("203.0.113.9:443"), Client: endpoint("192.0.2.2:40001"), Dialled: endpoint("203.0.113.9:443"),
			Mark: 0x100, Cookie: 5<<32 | 0x04ae756d}},
		{"not translated", captured[3], Flow{}},
		{"destination alone", edit(1, func(e *ctEntry) { e.status, e.reply.dst = 0x1ae, e.orig.src }), Flow{Proto: TCP,
			Local: endpoint("198.51.100.7:443"), Remote: endpoint("192.0.2.2:40002"), Client: endpoint("203.0.113.9:443"), Cookie: 0xe5b9c1cc}},
		{"its port alone", edit(1, func(e *ctEntry) {
			e.status, e.reply = 0x1ae, tuple{endpoint("198.51.100.7:8443"), e.orig.src}
		}), Flow{}},
		{"no ports", edit(0, func(e *ctEntry) {
			e.proto, e.orig, e.reply = 47, tuple{endpoint("192.0.2.2:0"), endpoint("203.0.113.9:0")}, tuple{endpoint("203.0.113.9:0"), endpoint("192.0.2.3:0")}
		}), Flow{Proto: 47, Local: endpoint("192.0.2.3:0"), Remote: endpoint("203.0.113.9:0"), Client: endpoint("192.0.2.2:0"), Dialled: endpoint("203.0.113.9:0"), Cookie: 0x04ae756d}},
		{"port alone", edit(0, func(e *ctEntry) { e.reply.dst = endpoint("192.0.2.2:1024") }), Flow{}},
		{"echo", captured[4], Flow{Proto: ICMP, Local: endpoint("192.0.2.3:4660"), Remote: endpoint("203.0.113.9:0"),
			Client: endpoint("192.0.2.2:4660"), Dialled: endpoint("203.0.113.9:2048"), Cookie: 0x15b6d0e4}},
		{"echo from outside", edit(4, func(e *ctEntry) { e.status, e.reply.dst = 0x1aa, e.orig.src; e.reply.src = endpoint("192.0.2.3:4660") }), Flow{}},
	} {
		if tt.want.Proto != 0 {
			tt.want.State, tt.want.MarkKnown = Established, true
		}
		if got, ok := tt.e.flow(); got != tt.want || ok != (tt.want.Proto != 0) {
			t.Errorf("%s: flow = %+v, %v, want %+v", tt.name, got, ok, tt.want)
		}
	}
}

// named reads which entry a request names.
func named(t *testing.T, b []byte) (orig tuple, proto uint8, id uint32, zone uint16) {
	t.Helper()
	var attrs [ctaMax + 1][]byte
	if err := ctPolicy.Parse(b[sizeofNfgenmsg:], attrs[:]); err != nil {
		t.Fatal(err)
	}
	orig, proto, err := parseTuple(attrs[ctaTupleOrig])
	if err != nil {
		t.Fatal(err)
	}
	if attrs[ctaZone] != nil {
		zone = binary.BigEndian.Uint16(attrs[ctaZone])
	}
	return orig, proto, be32(attrs[ctaID]), zone
}

// FuzzParseCT calls parseCT: it ends without a panic, and the entry of a flow is
// the one that is deleted with it.
func FuzzParseCT(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := parseCT(b)
		if err != nil {
			return
		}
		flow, ok := e.flow()
		if !ok {
			return
		}
		orig, proto, id, zone := named(t, appendDelete(nil, flow))
		if orig != e.orig || proto != e.proto || id != e.id || zone != e.zone {
			t.Errorf("appendDelete(%+v) names %v %d %#x zone %d", e, orig, proto, id, zone)
		}
	})
}
