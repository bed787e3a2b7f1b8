package smd

import "iter"

// queue keeps the newest messages, up to a limit, and counts those that had to
// make room. It serves as a subscriber's queue and as the ring. The zero value
// has no room; for one goroutine, or under the bus's mutex.
type queue struct {
	limit int
	msgs  []*Message // grows to limit, then a circle that starts at head
	head  int
	lost  uint64 // messages that made room
	last  uint64 // the number of the last of them
}

// push adds m and reports whether the oldest message was lost to it.
func (q *queue) push(m *Message) bool {
	if len(q.msgs) < q.limit {
		q.msgs = append(q.msgs, m)
		return false
	}
	q.lost++
	q.last = q.msgs[q.head].Seq
	q.msgs[q.head] = m
	if q.head++; q.head == len(q.msgs) {
		q.head = 0
	}
	return true
}

// all yields the gap, if there is one, and then the messages, oldest first.
func (q *queue) all() iter.Seq[Message] {
	return func(yield func(Message) bool) {
		if q.lost > 0 && !yield(Message{Seq: q.last, Lost: q.lost}) {
			return
		}
		for _, part := range [2][]*Message{q.msgs[q.head:], q.msgs[:q.head]} {
			for _, m := range part {
				if !yield(*m) {
					return
				}
			}
		}
	}
}

func (q *queue) empty() bool { return len(q.msgs) == 0 && q.lost == 0 }

// swap takes everything out of q and leaves it empty. done is what an earlier
// swap returned and is no longer in use: its memory serves again.
func (q *queue) swap(done queue) queue {
	clear(done.msgs) // lets go of the messages
	full := *q
	*q = queue{limit: q.limit, msgs: done.msgs[:0]}
	return full
}
