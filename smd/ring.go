package smd

import (
	"slices"
	"strconv"
	"strings"
)

// ringKeep is how long in µs the ring goes on after the last client of the
// socket left. A client that reconnects needs seconds; shorter and a slow
// restart of a client finds a gap, longer and a device where somebody once
// looked builds messages for nobody.
const ringKeep = 60e6

// ring is the newest messages of all classes, for clients that reconnect. While
// it is on, every message numbered after queue.last is in it. Guarded by Bus.mu.
type ring struct {
	queue
	on      bool
	clients int   // that follow events over the socket now
	left    int64 // when the last of them left; µs of Bus.clock
}

// expired reports whether the ring has outlived its use at the time now.
func (r *ring) expired(now int64) bool {
	return r.on && r.clients == 0 && now-r.left > ringKeep
}

func (r *ring) start(seq uint64) {
	r.on, r.last = true, seq
}

func (r *ring) stop() {
	r.on = false
	r.queue = queue{limit: r.limit}
}

// mark is a place in a timeline: EPOCH:SEQ on the wire.
type mark struct {
	epoch string
	seq   uint64
}

func parseMark(text string) (m mark, ok bool) {
	epoch, seq, ok := strings.Cut(text, ":")
	if !ok || epoch == "" {
		return mark{}, false
	}
	n, err := strconv.ParseUint(seq, 10, 64)
	return mark{epoch, n}, err == nil
}

func (m mark) String() string { return m.epoch + ":" + strconv.FormatUint(m.seq, 10) }

// watch is join for a client of the socket: it also keeps the ring going. seq is
// the number the subscription starts after. If since is a place in this
// timeline, resumed is true and the queue begins with what came after it.
func (b *Bus) watch(set Class, since mark) (s *subscriber, seq uint64, resumed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ring.clients++
	if !b.ring.on {
		b.seq++ // the hole since nobody listened
		b.ring.start(b.seq)
	}
	s = b.add(set)
	if since.epoch != b.epoch || since.seq > b.seq {
		return s, b.seq, false
	}
	if since.seq < b.ring.last {
		s.queue.lost, s.queue.last = b.ring.last-since.seq, b.ring.last
	}
	ring := slices.Concat(b.ring.msgs[b.ring.head:], b.ring.msgs[:b.ring.head])
	s.queue.msgs = slices.DeleteFunc(ring, func(m *Message) bool {
		return m.Seq <= since.seq || m.Class&set == 0
	})
	return s, b.seq, true
}

// unwatch is leave for who called watch.
func (b *Bus) unwatch(s *subscriber) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.remove(s)
	b.ring.clients--
	b.ring.left = b.clock()
}
