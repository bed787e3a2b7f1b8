package netlink

import (
	"fmt"
	"iter"
)

// HeaderLen is the size of a message header in bytes (struct nlmsghdr).
const HeaderLen = 16

// Header is struct nlmsghdr. Len counts the header and the payload in bytes,
// without the padding that follows.
type Header struct {
	Len   uint32
	Type  uint16
	Flags uint16
	Seq   uint32
	PID   uint32 // the port of the request that is answered; 0 in notifications
}

// Message is one netlink message. Data is the payload and aliases the datagram
// it was read from.
type Message struct {
	Header
	Data []byte
}

// Messages yields the messages of one datagram in order.
//
// Where a length contradicts the datagram it yields one error that wraps
// ErrShort and ends: behind a wrong length nothing can be trusted. The last
// message need not be padded.
func Messages(datagram []byte) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		for off := 0; off < len(datagram); {
			rest := datagram[off:]
			if len(rest) < HeaderLen {
				yield(Message{}, fmt.Errorf("%w: %d bytes left of a header at %d", ErrShort, len(rest), off))
				return
			}
			m := Message{Header: Header{
				Len:   native.Uint32(rest),
				Type:  native.Uint16(rest[4:]),
				Flags: native.Uint16(rest[6:]),
				Seq:   native.Uint32(rest[8:]),
				PID:   native.Uint32(rest[12:]),
			}}
			if m.Len < HeaderLen || uint64(m.Len) > uint64(len(rest)) {
				yield(Message{}, fmt.Errorf("%w: message of %d bytes where %d are left at %d", ErrShort, m.Len, len(rest), off))
				return
			}
			m.Data = rest[HeaderLen:m.Len:m.Len]
			if !yield(m, nil) {
				return
			}
			off += align(int(m.Len))
		}
	}
}

// AppendMessage appends a message to b: the header, then the payload that fill
// appends, then the padding. The length is set last.
func AppendMessage(b []byte, h Header, fill func([]byte) []byte) []byte {
	start := len(b)
	b = native.AppendUint32(b, 0)
	b = native.AppendUint16(b, h.Type)
	b = native.AppendUint16(b, h.Flags)
	b = native.AppendUint32(b, h.Seq)
	b = native.AppendUint32(b, h.PID)
	if fill != nil {
		b = fill(b)
	}
	native.PutUint32(b[start:], uint32(len(b)-start))
	return pad(b, start)
}

// pad appends zeros until the part of b from start on has an aligned length.
func pad(b []byte, start int) []byte {
	for (len(b)-start)&3 != 0 {
		b = append(b, 0)
	}
	return b
}
