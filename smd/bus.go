package smd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Options of a Bus. The zero value gives the defaults.
type Options struct {
	// Queue is how many messages wait for a subscriber that is busy, 1024 if 0.
	// Twice that many are held for one that is stuck: those it took and those
	// that came since. Fewer lose more in a burst; each costs a pointer.
	Queue int

	// Ring is how many messages are kept for clients that reconnect, 1024 if 0:
	// a quarter of a megabyte when full.
	Ring int

	// Clock returns µs of CLOCK_MONOTONIC. It is called with the bus locked and
	// must not call the bus. The system's clock if nil.
	Clock func() int64
}

// Bus distributes messages to subscribers, as the package's introduction
// promises. The zero value is not usable, call NewBus. Safe for concurrent use.
type Bus struct {
	epoch string
	queue int
	clock func() int64

	wanted atomic.Uint32 // union of all that is subscribed to, read without mu

	mu   sync.Mutex
	seq  uint64 // number of the newest message
	lost uint64
	subs []*subscriber
	ring ring
}

// subscriber is the bus's end of a subscription. queue and left are guarded by
// Bus.mu.
type subscriber struct {
	mask  Class
	queue queue
	left  bool
	wake  chan struct{} // one slot; filled after the queue ceased to be empty
}

// NewBus returns a bus of a new epoch.
func NewBus(o Options) *Bus {
	if o.Queue <= 0 {
		o.Queue = 1024
	}
	if o.Ring <= 0 {
		o.Ring = 1024
	}
	if o.Clock == nil {
		// The runtime's monotonic clock is CLOCK_MONOTONIC, read without a
		// system call, but only differences of it are to be had.
		start, base := time.Now(), monotonic()
		o.Clock = func() int64 { return (base + int64(time.Since(start))) / 1000 }
	}
	return &Bus{
		epoch: strconv.FormatUint(rand.Uint64(), 36),
		queue: o.Queue,
		clock: o.Clock,
		ring:  ring{queue: queue{limit: o.Ring}},
	}
}

// Epoch names this bus's life: two buses practically never share one.
func (b *Bus) Epoch() string { return b.epoch }

// Seq returns the number of the newest message.
func (b *Bus) Seq() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.seq
}

// Lost returns how many messages subscribers that fell behind have lost, each
// counted once for each such subscriber.
func (b *Bus) Lost() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lost
}

// Wanted reports whether anyone listens to one of the classes c, the ring
// included. Where it is false there is no need to build a message.
func (b *Bus) Wanted(c Class) bool { return Class(b.wanted.Load())&c != 0 }

// Publish gives v to all who listen to the class c. It never blocks and never
// runs a subscriber's code.
//
// A json.RawMessage or []byte is taken as it is, must be JSON, and belongs to
// the bus from now on; a type with AppendJSON([]byte) []byte writes itself;
// anything else is marshalled. An error means that v was not published: c is
// not one class, or the JSON is empty, holds a line break or is longer than
// MaxPayload. Where nobody listens, v is not looked at.
func (b *Bus) Publish(c Class, v any) error {
	if !c.single() {
		return fmt.Errorf("smd: publish: %v: want one class", c)
	}
	if !b.Wanted(c) {
		return nil
	}
	m, err := build(c, v)
	if err != nil {
		return fmt.Errorf("smd: publish: %v: %w", c, err)
	}

	var few [16]chan<- struct{} // enough without an allocation in most cases
	wake := few[:0]
	b.mu.Lock()
	m.Time = b.clock()
	if b.ring.expired(m.Time) {
		b.ring.stop()
		b.count()
	}
	if b.Wanted(c) {
		b.seq++
		m.Seq = b.seq
		if b.ring.on {
			b.ring.push(m)
		}
		for _, s := range b.subs {
			if s.mask&c == 0 {
				continue
			}
			if s.queue.empty() {
				wake = append(wake, s.wake)
			}
			if s.queue.push(m) {
				b.lost++
			}
		}
	}
	b.mu.Unlock()

	for _, w := range wake {
		select {
		case w <- struct{}{}:
		default: // told already
		}
	}
	return nil
}

// build returns the message of class c that carries v.
func build(c Class, v any) (*Message, error) {
	var m *Message
	switch v := v.(type) {
	case json.RawMessage:
		m = &Message{Payload: v}
	case []byte:
		m = &Message{Payload: v}
	case appender:
		// Most payloads fit in the room, and are one allocation with it.
		short := new(struct {
			Message
			room [128]byte
		})
		m = &short.Message
		m.Payload = v.AppendJSON(short.room[:0])
	default:
		p, err := marshal(v)
		if err != nil {
			return nil, err
		}
		m = &Message{Payload: p}
	}
	m.Class = c
	switch n := len(m.Payload); {
	case n == 0:
		return nil, errors.New("empty payload")
	case n > MaxPayload:
		return nil, fmt.Errorf("payload of %d bytes: at most %d", n, MaxPayload)
	case bytes.IndexByte(m.Payload, '\n') >= 0:
		return nil, errors.New("payload with a line break: want compact JSON")
	}
	return m, nil
}

// Subscribe returns the messages of the classes in set, from the call of
// Subscribe on, for one range. The subscription ends with ctx or with the
// range, so one that is never ranged over lasts as long as ctx. A message that
// waits when ctx ends is not delivered.
func (b *Bus) Subscribe(ctx context.Context, set Class) iter.Seq[Message] {
	s := b.join(set)
	stop := context.AfterFunc(ctx, func() { b.leave(s) })
	return func(yield func(Message) bool) {
		defer stop()
		defer b.leave(s)
		var batch queue
		for b.next(ctx, s, &batch) {
			for m := range batch.all() {
				if ctx.Err() != nil || !yield(m) {
					return
				}
			}
		}
	}
}

// next waits until something is queued for s and moves all of it to batch,
// whose earlier content is dropped. False means that the subscription or ctx
// has ended. For one goroutine per subscriber.
func (b *Bus) next(ctx context.Context, s *subscriber, batch *queue) bool {
	for ctx.Err() == nil {
		if left := b.drain(s, batch); left || !batch.empty() {
			return !left
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
		}
	}
	return false
}

// drain is next without waiting; it reports whether the subscription has ended.
func (b *Bus) drain(s *subscriber, batch *queue) (left bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	*batch = s.queue.swap(*batch)
	return s.left
}

func (b *Bus) join(set Class) *subscriber {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.add(set)
}

// add is join for who holds mu.
func (b *Bus) add(set Class) *subscriber {
	s := &subscriber{mask: set, queue: queue{limit: b.queue}, wake: make(chan struct{}, 1)}
	b.subs = append(b.subs, s)
	b.count()
	return s
}

// leave ends a subscription; again, it does nothing.
func (b *Bus) leave(s *subscriber) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.remove(s)
}

// remove is leave for who holds mu.
func (b *Bus) remove(s *subscriber) {
	if s.left {
		return
	}
	s.left = true
	s.queue = queue{}
	i := slices.Index(b.subs, s)
	b.subs = slices.Delete(b.subs, i, i+1)
	b.count()
}

// count makes wanted anew. mu is held.
func (b *Bus) count() {
	var set Class
	if b.ring.on {
		set = All
	}
	for _, s := range b.subs {
		set |= s.mask
	}
	b.wanted.Store(uint32(set))
}
