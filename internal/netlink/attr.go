package netlink

import (
	"fmt"
	"iter"
)

// attrHeaderLen is the size of struct nlattr in bytes.
const attrHeaderLen = 4

// Bits of nla_type above the type itself (linux/netlink.h).
const (
	attrNested       = 0x8000
	attrNetByteorder = 0x4000
	attrTypeMask     = ^uint16(attrNested | attrNetByteorder)
)

// Attr is one attribute. Data aliases the bytes it was read from.
type Attr struct {
	Type uint16 // without the nested and byte-order bits
	Data []byte
}

// Attrs yields the attributes in b, in order. A length that contradicts b ends
// the sequence with one error that wraps ErrShort. Fewer than four bytes at the
// end are padding.
func Attrs(b []byte) iter.Seq2[Attr, error] {
	return func(yield func(Attr, error) bool) {
		for len(b) >= attrHeaderLen {
			a, rest, err := nextAttr(b)
			if err != nil {
				yield(Attr{}, err)
				return
			}
			if !yield(a, nil) {
				return
			}
			b = rest
		}
	}
}

// nextAttr splits the first attribute off b, which holds at least a header.
func nextAttr(b []byte) (a Attr, rest []byte, err error) {
	n := int(native.Uint16(b))
	if n < attrHeaderLen || n > len(b) {
		return Attr{}, nil, fmt.Errorf("%w: attribute of %d bytes where %d are left", ErrShort, n, len(b))
	}
	a = Attr{Type: native.Uint16(b[2:]) & attrTypeMask, Data: b[attrHeaderLen:n:n]}
	return a, b[min(align(n), len(b)):], nil
}

// The readers below take an attribute's payload and answer zero where it is
// shorter than the type: a Policy has checked the size, and an absent attribute
// is nil.

// Uint8 reads one byte.
func Uint8(b []byte) uint8 {
	if len(b) < 1 {
		return 0
	}
	return b[0]
}

// Uint16 reads two bytes in the machine's order.
func Uint16(b []byte) uint16 {
	if len(b) < 2 {
		return 0
	}
	return native.Uint16(b)
}

// Uint32 reads four bytes in the machine's order.
func Uint32(b []byte) uint32 {
	if len(b) < 4 {
		return 0
	}
	return native.Uint32(b)
}

// Uint64 reads eight bytes in the machine's order.
func Uint64(b []byte) uint64 {
	if len(b) < 8 {
		return 0
	}
	return native.Uint64(b)
}

// String reads a string, which the kernel ends with a NUL.
func String(b []byte) string {
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}

// AppendAttr appends an attribute with the payload data, and its padding.
func AppendAttr(b []byte, typ uint16, data []byte) []byte {
	start := len(b)
	b = native.AppendUint16(b, uint16(attrHeaderLen+len(data)))
	b = native.AppendUint16(b, typ)
	return pad(append(b, data...), start)
}

// AppendUint32 appends an attribute that holds v in the machine's order.
func AppendUint32(b []byte, typ uint16, v uint32) []byte {
	b = native.AppendUint16(b, attrHeaderLen+4)
	b = native.AppendUint16(b, typ)
	return native.AppendUint32(b, v)
}

// AppendNested appends an attribute that holds the attributes fill appends.
func AppendNested(b []byte, typ uint16, fill func([]byte) []byte) []byte {
	start := len(b)
	b = native.AppendUint16(b, 0)
	b = native.AppendUint16(b, typ|attrNested)
	b = fill(b)
	native.PutUint16(b[start:], uint16(len(b)-start))
	return b
}
