package netlink

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
)

// message is a message of type typ with n bytes of payload, unpadded; its header
// claims length bytes.
func message(typ uint16, length uint32, n int) []byte {
	b := native.AppendUint32(nil, length)
	b = native.AppendUint16(b, typ)
	b = native.AppendUint16(b, FlagMulti)
	b = native.AppendUint32(b, 7)
	b = native.AppendUint32(b, 42)
	for i := range n {
		b = append(b, byte(i+1))
	}
	return b
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestMessages(t *testing.T) {
	ok := message(16, 20, 4)
	for _, tt := range []struct {
		name     string
		datagram []byte
		want     string // type and payload of each message
		short    bool
	}{
		{name: "empty"},
		{name: "one", datagram: ok, want: "16:01020304 "},
		{name: "header-alone", datagram: message(TypeDone, 16, 0), want: "3: "},
		{name: "unaligned-last", datagram: join(ok, message(17, 21, 5)), want: "16:01020304 17:0102030405 "},
		{name: "unaligned-then-padding", datagram: join(message(17, 17, 1), []byte{0, 0, 0}, ok), want: "17:01 16:01020304 "},
		{name: "padding-cut", datagram: join(ok, message(17, 17, 1), []byte{0}), want: "16:01020304 17:01 "},
		{name: "short-header", datagram: join(ok, ok[:15]), want: "16:01020304 ", short: true},
		{name: "zero-length", datagram: join(ok, message(16, 0, 4), ok), want: "16:01020304 ", short: true},
		{name: "length-below-header", datagram: message(16, 15, 4), short: true},
		{name: "length-beyond-end", datagram: join(ok, message(16, 21, 4)), want: "16:01020304 ", short: true},
		{name: "length-2^32-1", datagram: message(16, 1<<32-1, 4), short: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := ""
			var last error
			for m, err := range Messages(tt.datagram) {
				if last != nil {
					t.Fatalf("Messages went on after %v", last)
				}
				if last = err; err == nil {
					got += fmt.Sprintf("%d:%x ", m.Type, m.Data)
				}
			}
			if got != tt.want || errors.Is(last, ErrShort) != tt.short || (last != nil) != tt.short {
				t.Errorf("Messages = %q, %v, want %q, short %t", got, last, tt.want, tt.short)
			}
		})
	}
}

func TestMessagesReadsTheWholeHeader(t *testing.T) {
	for m, err := range Messages(message(16, 20, 4)) {
		if want := (Header{Len: 20, Type: 16, Flags: FlagMulti, Seq: 7, PID: 42}); m.Header != want || err != nil {
			t.Errorf("Messages = %+v, %v, want %+v", m.Header, err, want)
		}
		if cap(m.Data) != 4 {
			t.Errorf("cap(Data) = %d, want 4: an append must not reach the next message", cap(m.Data))
		}
	}
}

func TestMessagesStopsWithItsConsumer(t *testing.T) {
	n := 0
	for range Messages(join(message(16, 20, 4), message(16, 20, 4))) {
		n++
		break
	}
	if n != 1 {
		t.Errorf("%d messages after break, want 1", n)
	}
}

func TestAppendMessage(t *testing.T) {
	fill := func(b []byte) []byte { return append(b, 1, 2, 3, 4, 5) }
	b := AppendMessage([]byte{9}, Header{Len: 999, Type: 17, Flags: FlagMulti, Seq: 7, PID: 42}, fill)
	if want := join([]byte{9}, message(17, 21, 5), []byte{0, 0, 0}); !bytes.Equal(b, want) {
		t.Errorf("AppendMessage = %x, want %x", b, want)
	}
	if b := AppendMessage(nil, Header{Type: TypeDone}, nil); len(b) != HeaderLen || native.Uint32(b) != HeaderLen {
		t.Errorf("AppendMessage without payload = %x, want a header that says its length", b)
	}
}
