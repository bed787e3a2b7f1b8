package netlink

import (
	"errors"
	"fmt"
	"syscall"
)

var (
	// ErrShort marks bytes that contradict their own lengths: a malformed
	// message. The message is skipped, the stream goes on.
	ErrShort = errors.New("netlink: short or inconsistent message")

	// ErrOverrun says that the kernel dropped notifications, or that one did not
	// fit the buffer: what is known of the kernel's state is stale.
	ErrOverrun = errors.New("netlink: notifications were lost")

	// ErrInterrupted says that the kernel's state changed while it was dumped
	// (NLM_F_DUMP_INTR): the dump may lack objects or hold stale ones.
	ErrInterrupted = errors.New("netlink: dump interrupted by a change")
)

// Error is the kernel's refusal of a request (struct nlmsgerr).
type Error struct {
	Errno   syscall.Errno
	Message string // the kernel's extended ACK; often empty
	Offset  uint32 // of the attribute that was refused, in bytes from the request's start; 0 if not said
}

func (e *Error) Error() string {
	if e.Message == "" {
		return "netlink: " + e.Errno.Error()
	}
	return fmt.Sprintf("netlink: %s: %s", e.Errno.Error(), e.Message)
}

// Unwrap gives the errno, so that errors.Is(err, syscall.ENOENT) works.
func (e *Error) Unwrap() error { return e.Errno }

// Attributes of an extended ACK (enum nlmsgerr_attrs).
const (
	ackMessage = 1
	ackOffset  = 2
)

var ackPolicy = Policy{ackMessage: {Max: Any}, ackOffset: {Min: 4}}

// ParseError reads a message of type TypeError, or the status in one of type
// TypeDone. It answers nil for an acknowledgement, *Error for a refusal, and an
// error that wraps ErrShort for a message too short to be either.
func ParseError(m Message) error {
	if m.Type == TypeDone && len(m.Data) < 4 {
		return nil // kernels before 4.14 sent no status
	}
	if len(m.Data) < 4 {
		return fmt.Errorf("%w: acknowledgement of %d bytes", ErrShort, len(m.Data))
	}
	code := int32(native.Uint32(m.Data))
	if code == 0 {
		return nil
	}
	e := &Error{Errno: syscall.Errno(-code)}
	if m.Flags&flagAckTLVs == 0 {
		return e
	}
	tlvs := m.Data[4:]
	if m.Type == TypeError {
		// The request follows the code: its header only where the ACK is capped.
		skip := HeaderLen
		if m.Flags&flagCapped == 0 && len(tlvs) >= 4 {
			skip = int(min(uint32(len(tlvs)), native.Uint32(tlvs)))
		}
		tlvs = tlvs[min(len(tlvs), align(skip)):]
	}
	var attrs [ackOffset + 1][]byte
	if ackPolicy.Parse(tlvs, attrs[:]) == nil {
		e.Message, e.Offset = String(attrs[ackMessage]), Uint32(attrs[ackOffset])
	}
	return e
}
