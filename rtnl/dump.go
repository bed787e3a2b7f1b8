package rtnl

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/netmond/netmond/internal/netlink"
)

// dump describes one dump request.
type dump struct {
	typ    uint16
	header int // size of the fixed header in bytes
	family uint8
	oif    uint32 // routes out of this link only, where the kernel filters (4.20)
}

// fullDumps are the dumps that make a Full state. Links, addresses, nexthop
// objects and rules come first, so that routes find what they refer to.
var fullDumps = []dump{
	{typ: rtmGetLink, header: sizeofIfInfomsg},
	{typ: rtmGetNetconf, header: sizeofNetconfmsg, family: afINET},
	{typ: rtmGetNetconf, header: sizeofNetconfmsg, family: afINET6},
	{typ: rtmGetAddr, header: sizeofIfAddrmsg, family: afINET},
	{typ: rtmGetAddr, header: sizeofIfAddrmsg, family: afINET6},
	{typ: rtmGetNexthop, header: sizeofNhmsg},
	{typ: rtmGetRule, header: sizeofFibRuleHdr, family: afINET},
	{typ: rtmGetRule, header: sizeofFibRuleHdr, family: afINET6},
	{typ: rtmGetRoute, header: sizeofRtMsg, family: afINET},
	{typ: rtmGetRoute, header: sizeofRtMsg, family: afINET6},
}

// fill builds the request. Strict checking wants every field zero that is no
// filter.
func (d dump) fill(b []byte) []byte {
	start := len(b)
	b = append(b, make([]byte, d.header)...)
	b[start] = d.family
	if d.oif != 0 {
		b = netlink.AppendUint32(b, rtaOif, d.oif)
	}
	if d.typ == rtmGetLink {
		const skipStats = 1 << 3 // RTEXT_FILTER_SKIP_STATS: counters nobody reads
		b = netlink.AppendUint32(b, iflaExtMask, skipStats)
	}
	return b
}

// full reads the whole state.
func (s *stream) full(ctx context.Context) error {
	return s.read(ctx, Batch{Full: true}, fullDumps)
}

// read emits the answers of dumps, each datagram a batch with More set, the
// first one marked as head is, and then, without More, what happened meanwhile.
//
// An interrupted or broken dump starts it again, dumpTries times; then the one is
// ended as it is, and the other is an error. Lost events start a full state again
// and leave a part as it is: a resync follows.
func (s *stream) read(ctx context.Context, head Batch, dumps []dump) error {
	for try := 1; ; try++ {
		if head.Full {
			s.forget() // the dump tells
			s.stale, s.verify = false, newVerifier()
		}
		interrupted, err := s.dumpAll(ctx, head, dumps)
		broken := errors.Is(err, netlink.ErrShort) || errors.Is(err, netlink.ErrOverrun)
		if (interrupted || broken) && try < dumpTries {
			continue
		}
		if err != nil {
			return err
		}
		b := Batch{Events: s.drain(nil, 1<<30)}
		if s.stale && head.Full && try < dumpTries {
			if err := s.quiet(ctx); err != nil {
				return err
			}
			continue
		}
		s.verify.note(b.Events)
		return s.emit(b)
	}
}

// dumpAll runs the dumps once, on a socket of their own: a broken dump leaves one
// that the kernel goes on filling.
func (s *stream) dumpAll(ctx context.Context, head Batch, dumps []dump) (interrupted bool, err error) {
	conn, err := s.w.openDumps()
	if err != nil {
		return false, err
	}
	defer conn.Close()
	b := head
	b.More = true
	for _, d := range dumps {
		for datagram, err := range conn.Dump(ctx, d.typ, d.fill) {
			switch {
			case errors.Is(err, netlink.ErrInterrupted):
				interrupted = true
				continue
			case errNothing(err):
				continue
			case err != nil:
				return false, fmt.Errorf("rtnl: dump: %w", err)
			}
			b.Events = s.decode(s.room, datagram)
			s.verify.learn(b.Events)
			if err := s.emit(b); err != nil {
				return false, err
			}
			b = Batch{More: true}
		}
	}
	if b.Full || b.Part != nil { // the answer was empty
		return interrupted, s.emit(b)
	}
	return interrupted, nil
}

// errNothing says that there is nothing to dump: the kernel is built without
// IPv6, policy rules or nexthop objects, or the link asked about is gone.
func errNothing(err error) bool {
	return errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.EAFNOSUPPORT) ||
		errors.Is(err, syscall.EPFNOSUPPORT) || errors.Is(err, syscall.ENODEV)
}
