package ubus

import (
	"encoding/binary"
	"errors"
)

// Blobs (libubox, blob.h)
//
// Everything on the bus is made of attributes: four bytes in network order that hold
// a bit, an id of seven bits and a length of twenty-four, then the payload. The length
// counts the four bytes and the payload, not the padding that brings the next
// attribute to a multiple of four. A payload may be attributes again.

const (
	attrHeader   = 4
	attrExtended = 1 << 31 // the payload begins with a name (blobmsg.h)
	attrLength   = 1<<24 - 1
)

// errMalformed is all that is said about bytes that are no blob; there is no
// use in telling more of another program's defect.
var errMalformed = errors.New("ubus: malformed message")

// An attr is one attribute. Its payload aliases what it was cut from.
type attr struct {
	id       uint8
	extended bool
	payload  []byte
}

// cutAttr takes the first attribute off b. Like libubox it wants the padding
// to be there.
func cutAttr(b []byte) (a attr, rest []byte, err error) {
	if len(b) < attrHeader {
		return attr{}, nil, errMalformed
	}
	word := binary.BigEndian.Uint32(b)
	n := int(word & attrLength)
	if n < attrHeader || pad(n) > len(b) {
		return attr{}, nil, errMalformed
	}
	return attr{uint8(word >> 24 & 0x7f), word&attrExtended != 0, b[attrHeader:n]}, b[pad(n):], nil
}

// openAttr appends the header of an attribute; closeAttr, given the length of b
// before, enters the length and pads. What is appended between is the payload.
func openAttr(b []byte, id uint8, extended bool) []byte {
	word := uint32(id) << 24
	if extended {
		word |= attrExtended
	}
	return binary.BigEndian.AppendUint32(b, word)
}

func closeAttr(b []byte, start int) []byte {
	word := binary.BigEndian.Uint32(b[start:]) &^ attrLength
	binary.BigEndian.PutUint32(b[start:], word|uint32(len(b)-start))
	return appendPadding(b, start)
}

// appendPadding brings b to a multiple of four bytes after start.
func appendPadding(b []byte, start int) []byte {
	n := len(b) - start
	return append(b, 0, 0, 0)[:start+pad(n)]
}

func appendUint32Attr(b []byte, id uint8, v uint32) []byte {
	start := len(b)
	return closeAttr(binary.BigEndian.AppendUint32(openAttr(b, id, false), v), start)
}

func appendStringAttr(b []byte, id uint8, s string) []byte {
	start := len(b)
	return closeAttr(append(append(openAttr(b, id, false), s...), 0), start)
}

func appendNestedAttr(b []byte, id uint8, payload []byte) []byte {
	start := len(b)
	return closeAttr(append(openAttr(b, id, false), payload...), start)
}

func pad(n int) int { return (n + 3) &^ 3 }
