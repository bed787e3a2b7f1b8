package netlink

import (
	"errors"
	"syscall"
	"testing"
)

// refusal appends the code of a refusal: the negative errno.
func refusal(b []byte, errno syscall.Errno) []byte {
	return native.AppendUint32(b, uint32(-int32(errno)))
}

func TestParseError(t *testing.T) {
	refused := refusal(nil, syscall.EINVAL)
	request := message(26, 22, 6) // the request that is refused, unaligned
	tlvs := AppendUint32(AppendAttr(nil, ackMessage, []byte("no such table\x00")), ackOffset, 36)
	extended := Error{Errno: syscall.EINVAL, Message: "no such table", Offset: 36}
	plain := Error{Errno: syscall.EINVAL}
	for _, tt := range []struct {
		name  string
		typ   uint16
		flags uint16
		data  []byte
		want  Error // zero for none
	}{
		{"ack", TypeError, 0, join(make([]byte, 4), request), Error{}},
		{"ack-capped", TypeError, flagCapped, join(make([]byte, 4), request[:HeaderLen]), Error{}},
		{"refused", TypeError, 0, join(refused, request), plain},
		{"refused-alone", TypeError, 0, refused, plain},
		{"extended", TypeError, flagAckTLVs, join(refused, request, []byte{0, 0}, tlvs), extended},
		{"extended-capped", TypeError, flagAckTLVs | flagCapped, join(refused, request[:HeaderLen], tlvs), extended},
		{"extended-without-attributes", TypeError, flagAckTLVs, join(refused, request), plain},
		{"extended-nothing-follows", TypeError, flagAckTLVs | flagCapped, refused, plain},
		{"extended-request-lies", TypeError, flagAckTLVs, join(refused, message(26, 1<<32-1, 6), tlvs), plain},
		{"extended-attributes-lie", TypeError, flagAckTLVs | flagCapped, join(refused, request[:HeaderLen], attr(99, 1)), plain},
		{"done", TypeDone, FlagMulti, make([]byte, 4), Error{}},
		{"done-before-4.14", TypeDone, FlagMulti, nil, Error{}},
		{"done-refused", TypeDone, FlagMulti, refused, plain},
		{"done-extended", TypeDone, FlagMulti | flagAckTLVs, join(refused, tlvs), extended},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := ParseError(Message{Header{Type: tt.typ, Flags: tt.flags}, tt.data})
			var e *Error
			switch {
			case tt.want == Error{}:
				if err != nil {
					t.Errorf("ParseError = %v, want nil", err)
				}
			case !errors.As(err, &e) || *e != tt.want:
				t.Errorf("ParseError = %#v, want %#v", err, tt.want)
			case !errors.Is(err, syscall.EINVAL):
				t.Errorf("%v is no EINVAL", err)
			}
		})
	}
	if err := ParseError(Message{Header{Type: TypeError}, refused[:3]}); !errors.Is(err, ErrShort) {
		t.Errorf("ParseError(3 bytes) = %v, want ErrShort", err)
	}
}

func TestErrorText(t *testing.T) {
	for want, e := range map[string]*Error{
		"netlink: no such device":                        {Errno: syscall.ENODEV},
		"netlink: invalid argument: Invalid prefix":      {Errno: syscall.EINVAL, Message: "Invalid prefix"},
		"netlink: no such file or directory: not in FIB": {Errno: syscall.ENOENT, Message: "not in FIB", Offset: 9},
	} {
		if got := e.Error(); got != want {
			t.Errorf("Error = %q, want %q", got, want)
		}
	}
}
