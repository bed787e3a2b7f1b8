package netlink

import (
	"bytes"
	"errors"
	"testing"
)

// FuzzMessages calls Messages on a datagram, and Attrs, Policy.Parse and
// ParseError on what it yields: they end, do not panic, and what is well formed
// encodes to the same bytes, but for the padding.
func FuzzMessages(f *testing.F) {
	f.Add(join(message(16, 20, 4), message(17, 21, 5)))
	f.Add(AppendMessage(nil, Header{Type: 24, Seq: 1}, func(b []byte) []byte {
		return AppendNested(AppendUint32(b, 15, 254), 9, func(b []byte) []byte { return AppendAttr(b, 5, []byte{192, 0, 2, 1}) })
	}))
	f.Add(AppendMessage(nil, Header{Type: TypeError, Flags: flagAckTLVs | flagCapped}, func(b []byte) []byte {
		b = append(b, 0xea, 0xff, 0xff, 0xff)
		return AppendAttr(append(b, make([]byte, HeaderLen)...), ackMessage, []byte("no\x00"))
	}))
	policy := Policy{0: {Max: Any}, 1: {Min: 4}, 5: {Min: 4, Max: 16}, 9: {Max: Any}, 15: {Min: 4}}
	f.Fuzz(func(t *testing.T, datagram []byte) {
		off := 0
		for m, err := range Messages(datagram) {
			if err != nil {
				if !errors.Is(err, ErrShort) {
					t.Errorf("Messages = %v, want ErrShort", err)
				}
				break
			}
			b := AppendMessage(nil, m.Header, func(b []byte) []byte { return append(b, m.Data...) })
			if end := off + int(m.Len); !bytes.Equal(b[:m.Len], datagram[off:end]) {
				t.Errorf("re-encoded %x, want %x", b[:m.Len], datagram[off:end])
			}
			off += len(b)
			if err := ParseError(m); err != nil {
				_ = err.Error() // must not panic, whatever the code
			}
			whole := checkAttrs(t, m.Data)
			var attrs [16][]byte
			if err := policy.Parse(m.Data, attrs[:]); err == nil && !whole {
				t.Errorf("Policy.Parse accepts %x, Attrs does not", m.Data)
			}
			for typ, a := range attrs {
				if a != nil && (len(a) < policy[typ].Min || len(a) > max(policy[typ].Min, policy[typ].Max)) {
					t.Errorf("Policy.Parse filed %d bytes as attribute %d", len(a), typ)
				}
			}
		}
	})
}

// checkAttrs says whether b is a well-formed list, and holds it against its
// encoding.
func checkAttrs(t *testing.T, b []byte) (whole bool) {
	off := 0
	for a, err := range Attrs(b) {
		if err != nil {
			return false
		}
		typ := native.Uint16(b[off+2:]) // with the flag bits, which Attr leaves out
		enc := AppendAttr(nil, typ, a.Data)
		if end := off + attrHeaderLen + len(a.Data); !bytes.Equal(enc[:end-off], b[off:end]) {
			t.Errorf("re-encoded %x, want %x", enc[:end-off], b[off:end])
		}
		off += len(enc)
	}
	return true
}
