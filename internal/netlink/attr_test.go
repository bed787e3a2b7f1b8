package netlink

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
)

// attr is an attribute that claims length bytes and has the payload data,
// unpadded.
func attr(length, typ uint16, data ...byte) []byte {
	return append(native.AppendUint16(native.AppendUint16(nil, length), typ), data...)
}

func TestAttrs(t *testing.T) {
	for _, tt := range []struct {
		name  string
		b     []byte
		want  string // type and payload of each attribute
		short bool
	}{
		{name: "empty"},
		{name: "no-payload", b: attr(4, 1), want: "1: "},
		{name: "unaligned-last", b: join(attr(8, 1, 1, 2, 3, 4), attr(5, 2, 9)), want: "1:01020304 2:09 "},
		{name: "padded", b: join(attr(5, 2, 9, 0, 0, 0), attr(5, 3, 8)), want: "2:09 3:08 "},
		{name: "padding-cut", b: attr(5, 2, 9, 0), want: "2:09 "},
		{name: "trailing-bytes", b: join(attr(4, 1), []byte{1, 2, 3}), want: "1: "},
		{name: "flag-bits", b: join(attr(4, 1|attrNested), attr(4, 2|attrNetByteorder)), want: "1: 2: "},
		{name: "zero-length", b: join(attr(4, 1), attr(0, 2), attr(4, 3)), want: "1: ", short: true},
		{name: "length-below-header", b: attr(3, 1), short: true},
		{name: "length-beyond-end", b: attr(9, 1, 1, 2, 3, 4), short: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := ""
			var last error
			for a, err := range Attrs(tt.b) {
				if last != nil {
					t.Fatalf("Attrs went on after %v", last)
				}
				if last = err; err == nil {
					got += fmt.Sprintf("%d:%x ", a.Type, a.Data)
				}
			}
			if got != tt.want || errors.Is(last, ErrShort) != tt.short || (last != nil) != tt.short {
				t.Errorf("Attrs = %q, %v, want %q, short %t", got, last, tt.want, tt.short)
			}
		})
	}
}

func TestNestedAttrs(t *testing.T) {
	b := AppendNested(nil, 5, func(b []byte) []byte {
		b = AppendUint32(b, 1, 0x01020304)
		return AppendNested(b, 2, func(b []byte) []byte { return AppendAttr(b, 3, []byte("wan\x00")) })
	})
	b = AppendAttr(b, 6, []byte{7})
	if len(b)%4 != 0 {
		t.Fatalf("length = %d, want it aligned", len(b))
	}
	var outer, inner, leaf [8][]byte
	if err := (Policy{5: {Max: Any}, 6: {Min: 1}}).Parse(b, outer[:]); err != nil {
		t.Fatal(err)
	}
	if err := (Policy{1: {Min: 4}, 2: {Max: Any}}).Parse(outer[5], inner[:]); err != nil {
		t.Fatal(err)
	}
	if err := (Policy{3: {Min: 1, Max: 16}}).Parse(inner[2], leaf[:]); err != nil {
		t.Fatal(err)
	}
	if Uint32(inner[1]) != 0x01020304 || String(leaf[3]) != "wan" || Uint8(outer[6]) != 7 {
		t.Errorf("nested = %x, %q, %x, want 01020304, wan, 7", inner[1], leaf[3], outer[6])
	}
}

func TestReadersAnswerZeroForShortPayloads(t *testing.T) {
	full := native.AppendUint64(nil, 0x0102030405060708)
	if got := Uint64(full); got != 0x0102030405060708 {
		t.Errorf("Uint64 = %#x", got)
	}
	for n := range 9 {
		b := full[:n]
		zero := []bool{Uint8(b) == 0, Uint16(b) == 0, Uint32(b) == 0, Uint64(b) == 0}
		want := []bool{n < 1, n < 2, n < 4, n < 8}
		if fmt.Sprint(zero) != fmt.Sprint(want) {
			t.Errorf("%d bytes: zero = %t, want %t", n, zero, want)
		}
	}
	for in, want := range map[string]string{"": "", "wan": "wan", "wan\x00": "wan", "wan\x00x": "wan", "\x00": ""} {
		if got := String([]byte(in)); got != want {
			t.Errorf("String(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestPolicySizes(t *testing.T) {
	p := Policy{1: {Min: 4}, 2: {Min: 1, Max: 3}, 3: {Max: Any}, 5: {Min: 2}}
	payload := bytes.Repeat([]byte{1}, 300)
	for _, tt := range []struct {
		typ  uint16
		size int
		ok   bool
	}{
		{1, 4, true}, {1, 3, false}, {1, 5, false}, {1, 0, false},
		{2, 1, true}, {2, 3, true}, {2, 0, false}, {2, 4, false},
		{3, 0, true}, {3, 300, true},
	} {
		var attrs [6][]byte
		err := p.Parse(AppendAttr(nil, tt.typ, payload[:tt.size]), attrs[:])
		if (err == nil) != tt.ok || err != nil && !errors.Is(err, ErrShort) {
			t.Errorf("Parse(attribute %d of %d bytes) = %v, want ok %t", tt.typ, tt.size, err, tt.ok)
		}
		if tt.ok && (attrs[tt.typ] == nil || len(attrs[tt.typ]) != tt.size) {
			t.Errorf("Parse(attribute %d of %d bytes) filed %x", tt.typ, tt.size, attrs[tt.typ])
		}
	}
}

func TestPolicyPassesOverTheUnwanted(t *testing.T) {
	b := AppendAttr(nil, 0, []byte{1})         // not wanted, of any size
	b = AppendAttr(b, 99, []byte{1})           // beyond the table
	b = AppendAttr(b, 1, []byte{1})            // comes again:
	b = AppendAttr(b, 1|attrNested, []byte{2}) // the last one counts
	attrs := [2][]byte{{9}, {9}}
	if err := (Policy{1: {Min: 1}}).Parse(b, attrs[:]); err != nil || attrs[0] != nil || !bytes.Equal(attrs[1], []byte{2}) {
		t.Errorf("Parse = %x, %v, want the second attribute 1 alone", attrs, err)
	}
	if err := (Policy{}).Parse(attr(99, 1), nil); !errors.Is(err, ErrShort) {
		t.Errorf("Parse(contradictory list) = %v, want ErrShort", err)
	}
}
