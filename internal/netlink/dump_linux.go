package netlink

import (
	"context"
	"iter"
)

// Dump sends a dump request and yields the datagrams of the answer, each a run
// of whole messages that Messages splits, valid until the next one. It ends
// after NLMSG_DONE. An error comes last: *Error for a refusal, ErrInterrupted
// where the state changed meanwhile (everything was yielded all the same).
//
// A consumer that stops early leaves the socket in use by the rest of the dump:
// Close it.
func (s *Socket) Dump(ctx context.Context, typ uint16, fill func([]byte) []byte) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		if len(s.buf) < dumpSize { // for good: the kernel goes by the largest it has seen
			s.buf = make([]byte, dumpSize)
		}
		seq, err := s.Send(typ, FlagDump, fill)
		if err != nil {
			yield(nil, err)
			return
		}
		stop, err := s.until(ctx)
		if err != nil {
			yield(nil, err)
			return
		}
		defer stop()
		for interrupted := false; ; {
			datagram, err := s.recv(ctx, true)
			if err != nil {
				yield(nil, err)
				return
			}
			part, intr, done, err := dumpPart(datagram, seq)
			interrupted = interrupted || intr
			if len(part) > 0 && !yield(part, nil) {
				return
			}
			if err == nil && done && interrupted {
				err = ErrInterrupted
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if done {
				return
			}
		}
	}
}

// dumpPart finds the run of family messages that answer seq in a datagram, and
// whether the dump ends in it.
func dumpPart(datagram []byte, seq uint32) (part []byte, interrupted, done bool, err error) {
	end := 0
	for m, merr := range Messages(datagram) {
		switch {
		case merr != nil:
			return datagram[:end], interrupted, true, merr
		case m.Seq != seq:
			return nil, false, false, nil // the rest of an answer nobody waits for
		}
		interrupted = interrupted || m.Flags&FlagDumpInterrupted != 0
		if m.Type == TypeDone || m.Type == TypeError {
			return datagram[:end], interrupted, true, ParseError(m)
		}
		end = min(end+align(int(m.Len)), len(datagram))
	}
	return datagram[:end], interrupted, false, nil
}
