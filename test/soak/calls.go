//go:build linux

package main

import (
	"context"
	"time"
)

// hear takes a word of a call.
func (r *run) hear(w word) {
	c := w.call
	switch {
	case w.wire == nil:
		c.dialing, c.wake = false, w.at.Add(redialAfter)
		c.history = nil
		c.note(w.at, "dial: %v", w.err)
	case w.err == nil:
		c.dialing = false
		r.opened(c, w.wire, w.at)
	case w.wire != c.wire: // the run hung up itself
	default:
		c.wire, c.wake = nil, w.at.Add(redialAfter)
		r.ended = append(r.ended, w)
	}
}

// opened takes a connection into the soak, if the world has stood still while it
// was dialled: else nobody can say what its path was.
//
// Nor can netmond tell a connection that was dialled after a change, but before
// the sockets were read, from one that was there before. This does no harm to a
// connection whose address is that of the link it leaves by, or of none; another
// one looks like what the change has stranded, so the world must have stood still
// for longer (conn's longestIdle, and a look).
func (r *run) opened(c *call, w *wire, at time.Time) {
	a, err := r.asker.where(w.question)
	l := r.links[a.oif]
	doubtful := err != nil || a.refused != 0 || l == nil || !l.running || !r.links.has(w.local) ||
		!l.addrs[w.local] && c.from != loSource && time.Since(r.changedAt) < time.Second
	if r.version != c.version || !c.exempt && doubtful {
		w.Close()
		c.wake = at
		return
	}
	c.wire, c.opened, c.seen, c.told = w, at, "", false
	c.life = life{}
	c.history = nil
	if !c.exempt {
		c.life.home = home{oif: a.oif, owned: l.addrs[w.local], young: time.Since(r.changedAt) < together, since: span{after: r.changedAt, before: r.changedAt}}
		c.note(at, "%s, %s, %s, by %s", c.kind.name, w.name, "open", l.name)
	}
	r.opens++
}

// redial dials what is not open.
func (r *run) redial(ctx context.Context) {
	now := time.Now()
	for _, c := range r.calls {
		if c.wire == nil && !c.dialing && !now.Before(c.wake) {
			c.dialing, c.version = true, r.version
			go c.dial(ctx, r.links, r.words)
		}
	}
}

// ping keeps the connections talking, each in its turn.
func (r *run) ping() {
	for range max(1, len(r.calls)*int(lookEvery)/int(pingEvery)) {
		r.pinged = (r.pinged + 1) % len(r.calls)
		if c := r.calls[r.pinged]; c.wire != nil {
			c.ping()
		}
	}
}

// live counts the open connections.
func (r *run) live() int {
	n := 0
	for _, c := range r.calls {
		if c.wire != nil {
			n++
		}
	}
	return n
}

func (r *run) hangUp() {
	for _, c := range r.calls {
		if c.wire != nil {
			c.Close()
		}
	}
}
