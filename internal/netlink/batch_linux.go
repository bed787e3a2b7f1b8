package netlink

import (
	"context"
	"errors"
)

// maxBatch is how many requests go to the kernel at once. All their answers wait
// in the receive buffer, an error or a route for some 1 KiB of the 160 KiB that it
// has at least by default: with many more they would not fit, and with fewer the
// system calls count again.
const maxBatch = 64

// DoAll is Do for len(errs) requests, in as few system calls as there can be: the
// kernel takes the requests of a datagram one after the other (netlink_rcv_skb).
// errs[i] becomes what Do would return for the i-th, whose payload fill appends;
// reply, if not nil, is called with what answers it, of requests that succeed
// without a word not at all. Where answers are lost the requests are made once
// more, so they must be such as may be.
func (s *Socket) DoAll(ctx context.Context, typ, flags uint16, errs []error, fill func(i int, b []byte) []byte, reply func(i int, m Message)) {
	for first := 0; first < len(errs); first += maxBatch {
		b := batch{
			Socket: s, ctx: ctx, typ: typ, flags: flags, errs: errs[first:min(first+maxBatch, len(errs))],
			fill:  func(i int, b []byte) []byte { return fill(first+i, b) },
			reply: func(i int, m Message) { reply(first+i, m) },
		}
		if reply == nil {
			b.reply = func(int, Message) {}
		}
		b.run()
	}
}

// batch is the requests of one datagram.
type batch struct {
	*Socket
	ctx        context.Context
	typ, flags uint16
	errs       []error
	fill       func(i int, b []byte) []byte
	reply      func(i int, m Message)
}

func (b *batch) run() {
	err := b.ask()
	if errors.Is(err, ErrOverrun) {
		err = b.oneByOne()
	}
	if err != nil {
		for i := range b.errs {
			b.errs[i] = err
		}
	}
}

// ask makes the requests. The last one alone asks for an acknowledgement: all
// others are through when it comes, and a refusal is told in any case.
func (b *batch) ask() error {
	clear(b.errs)
	first, last := b.seq+1, len(b.errs)-1
	b.out = b.out[:0]
	for i := range b.errs {
		b.seq++
		h := Header{Type: b.typ, Flags: b.flags | FlagRequest, Seq: b.seq}
		if i == last {
			h.Flags |= FlagAck
		}
		b.out = AppendMessage(b.out, h, func(to []byte) []byte { return b.fill(i, to) })
	}
	stop, err := b.until(b.ctx)
	if err != nil {
		return err
	}
	defer stop()
	if err := b.send(b.out); err != nil {
		return err
	}
	for {
		datagram, err := b.recv(b.ctx, true)
		if err != nil {
			return err
		}
		for m, err := range Messages(datagram) {
			i := int(m.Seq - first)
			switch {
			case err != nil:
				return err
			case i < 0 || i > last: // the rest of an answer nobody waits for
			case m.Type != TypeError:
				b.reply(i, m)
			default:
				if b.errs[i] = ParseError(m); i == last {
					return nil
				}
			}
		}
	}
}

// oneByOne makes the requests again, one at a time, after what is left of their
// answers: until that is read the kernel has no room for others.
func (b *batch) oneByOne() error {
	for {
		datagram, err := b.TryRecv()
		if err != nil && !errors.Is(err, ErrOverrun) {
			return err
		}
		if err == nil && datagram == nil {
			break
		}
	}
	for i := range b.errs {
		b.errs[i] = b.Do(b.ctx, b.typ, b.flags, func(to []byte) []byte { return b.fill(i, to) }, func(m Message) { b.reply(i, m) })
	}
	return nil
}
