package rtnl

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync/atomic"
	"time"

	"github.com/netmond/netmond/internal/netlink"
)

// Watching is three promises kept together.
//
// Nothing is missed: the groups are joined before the first dump, so what
// changes while a dump runs waits in the event socket and is applied behind it.
// Applying an event that the dump already reflects changes nothing, so the two
// may overlap.
//
// Nothing is late: everything that is queued is read at one go and handed on as
// one batch, before any part is read again.
//
// Nothing stays wrong: where the kernel admits to have dropped events, all is
// dumped again (resync); where it is known to have been silent, the part
// concerned is (verify). Dumps run on a socket of their own, so that they never
// mix with notifications nor wait behind them.

// Watcher watches the kernel's routing state. The zero value is ready to use.
// Its counters are safe for concurrent use; the rest is for one goroutine.
type Watcher struct {
	// ReceiveBuffer is the kernel's buffer for events in bytes; 0 means 4 MiB,
	// some 15,000 routes. A smaller one costs resyncs in a burst, a larger one
	// memory in a burst, and nothing else.
	ReceiveBuffer int

	// Reuse says that the consumer keeps nothing of a batch's memory when it asks
	// for the next one, which may then use it again: a dump leaves no garbage.
	// rtable.Table.Apply keeps nothing.
	Reuse bool

	open    func() (socket, error) // nil for the kernel
	skipped atomic.Uint64
	resyncs atomic.Uint64
	asked   atomic.Bool                        // Resync was called
	wake    atomic.Pointer[context.CancelFunc] // ends the wait for events
}

const (
	defaultReceiveBuffer = 4 << 20

	// batchBytes bounds what one batch holds, in bytes of messages: larger ones
	// cost memory, smaller ones wake the consumer more often in a burst.
	batchBytes = 256 << 10

	// dumpTries is how often an interrupted dump is repeated before its answer is
	// taken as it is: under endless churn the events put right what it lacks.
	dumpTries = 5

	// resyncPause lets a storm pass before the state is read again. Shorter, and
	// the dump loses events in the same storm; longer, and the state is stale.
	resyncPause = 100 * time.Millisecond
)

// Skipped counts the messages that did not parse.
func (w *Watcher) Skipped() uint64 { return w.skipped.Load() }

// Resyncs counts the Full states after the first.
func (w *Watcher) Resyncs() uint64 { return w.resyncs.Load() }

// Resync has everything read again, as after lost events. It returns at once; the
// Full batch comes with the stream.
func (w *Watcher) Resync() {
	w.asked.Store(true)
	if wake := w.wake.Load(); wake != nil {
		(*wake)()
	}
}

// socket is what watching needs of a netlink socket.
type socket interface {
	Recv(context.Context) ([]byte, error)
	TryRecv() ([]byte, error)
	Dump(ctx context.Context, typ uint16, fill func([]byte) []byte) iter.Seq2[[]byte, error]
	Close() error
}

// Watch is new(Watcher).Watch(ctx).
func Watch(ctx context.Context) iter.Seq2[Batch, error] { return new(Watcher).Watch(ctx) }

// Watch joins the groups, dumps all kinds of objects, and then streams. The
// sequence ends when ctx ends, with the context's error, or when no socket can
// be had, with that error; content and overruns never end it. The memory of a
// batch's events may be kept, unless Reuse is set.
func (w *Watcher) Watch(ctx context.Context) iter.Seq2[Batch, error] {
	return func(yield func(Batch, error) bool) {
		events, err := w.openEvents()
		if err != nil {
			yield(Batch{}, err)
			return
		}
		defer events.Close()
		s := &stream{w: w, events: events, yield: yield, verify: newVerifier()}
		if err := s.run(ctx); !errors.Is(err, errStopped) {
			yield(Batch{}, err)
		}
	}
}

// errStopped says that the consumer has left the loop.
var errStopped = errors.New("rtnl: consumer stopped")

// stream is one run of Watch.
type stream struct {
	w      *Watcher
	events socket

	yield  func(Batch, error) bool
	dec    decoder
	room   []Event // for the next batch; nil unless Reuse is set
	stale  bool    // events were lost
	verify verifier
}

func (s *stream) emit(b Batch) error {
	if !s.yield(b, nil) {
		return errStopped
	}
	if s.w.Reuse {
		s.room = b.Events[:0]
		s.dec.rewind()
	}
	return nil
}

func (s *stream) run(ctx context.Context) error {
	if err := s.full(ctx); err != nil {
		return err
	}
	for {
		if s.stale {
			if err := s.resync(ctx); err != nil {
				return err
			}
		}
		if err := s.next(ctx); err != nil {
			return err
		}
	}
}

// next waits for events, hands all that are queued on as one batch, and reads
// again what the kernel may have changed in silence.
func (s *stream) next(ctx context.Context) error {
	if len(s.verify.parts) > 0 { // noted while something else was read
		return s.verifyParts(ctx)
	}
	wait, cancel := s.verify.deadline(ctx)
	s.w.wake.Store(&cancel)
	if s.w.asked.Load() {
		cancel()
	}
	datagram, err := s.events.Recv(wait)
	cancel()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case s.w.asked.Swap(false): // nothing was lost: no need to let a storm pass
		s.w.resyncs.Add(1)
		return s.full(ctx)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled): // a Resync that came late, too
	case errors.Is(err, netlink.ErrOverrun):
		s.stale = true
		return nil
	case err != nil:
		return err
	default:
		b := Batch{Events: s.decode(s.room, datagram)}
		b.Events = s.drain(b.Events, batchBytes-len(datagram))
		s.verify.note(b.Events)
		if len(b.Events) > 0 {
			if err := s.emit(b); err != nil {
				return err
			}
		}
	}
	if s.stale {
		return nil
	}
	return s.verifyParts(ctx)
}

// drain appends the events that are queued, up to about limit bytes of them.
func (s *stream) drain(events []Event, limit int) []Event {
	for limit > 0 {
		datagram, err := s.events.TryRecv()
		if err != nil {
			s.stale = true // an overrun; a dead socket shows in the next Recv
			return events
		}
		if datagram == nil {
			return events
		}
		limit -= len(datagram)
		events = s.decode(events, datagram)
	}
	return events
}

// forget discards what is queued, until nothing is. Having said that it drops
// events, the kernel says so again only after the queue was empty
// (netlink_overrun, netlink_rcv_wake): a dump that starts before could miss some
// in silence. The bound is for a storm that comes faster than it is read.
func (s *stream) forget() {
	for range 1 << 20 {
		datagram, err := s.events.TryRecv()
		if datagram == nil && !errors.Is(err, netlink.ErrOverrun) {
			return
		}
	}
}

func (s *stream) decode(events []Event, datagram []byte) []Event {
	for m, err := range netlink.Messages(datagram) {
		var e Event
		if err == nil {
			e, err = s.dec.event(m)
		}
		if err != nil {
			s.w.skipped.Add(1)
			continue
		}
		if e.Message != nil {
			events = append(events, e)
		}
	}
	return events
}

// resync lets the storm pass, forgets what is queued, and dumps all.
func (s *stream) resync(ctx context.Context) error {
	s.w.resyncs.Add(1)
	if err := s.quiet(ctx); err != nil {
		return err
	}
	return s.full(ctx)
}

// quiet discards events until none has come for resyncPause, or for at most ten
// times that: a storm without end must not keep the state stale for ever.
func (s *stream) quiet(ctx context.Context) error {
	end := time.Now().Add(10 * resyncPause)
	for {
		wait, cancel := context.WithTimeout(ctx, min(resyncPause, time.Until(end)))
		_, err := s.events.Recv(wait)
		cancel()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, context.DeadlineExceeded):
			return nil
		case err != nil && !errors.Is(err, netlink.ErrOverrun):
			return fmt.Errorf("rtnl: %w", err)
		}
	}
}
