package smd

import "time"

// What one user may ask of the costly verbs: a burst for a person who looks
// around or a script at its start, then a steady rate. Larger, and a user
// without rights can keep a small processor busy with dumps of its sockets;
// smaller, and a monitor that asks every second is turned away.
const (
	costBurst = 20
	costEvery = 250 * time.Millisecond
)

// bucket is a token bucket. The zero value is full. For one goroutine.
type bucket struct {
	full time.Time // when all tokens are back
}

// take takes a token. If there is none it returns how long until there is one.
func (b *bucket) take(now time.Time) (wait time.Duration, ok bool) {
	if b.full.Before(now) {
		b.full = now
	}
	full := b.full.Add(costEvery)
	if wait := full.Sub(now) - costBurst*costEvery; wait > 0 {
		return wait, false
	}
	b.full = full
	return 0, true
}

// limits holds the buckets of all users, in a channel with room for one: who has
// taken the map out of it owns it until he puts it back.
type limits chan map[uint32]bucket

func newLimits() limits {
	l := make(limits, 1)
	l <- map[uint32]bucket{}
	return l
}

func (l limits) take(uid uint32, now time.Time) (wait time.Duration, ok bool) {
	users := <-l
	defer func() { l <- users }()
	if len(users) >= 64 { // forget who is at rest
		for u, b := range users {
			if b.full.Before(now) {
				delete(users, u)
			}
		}
	}
	b := users[uid]
	wait, ok = b.take(now)
	users[uid] = b
	return wait, ok
}
