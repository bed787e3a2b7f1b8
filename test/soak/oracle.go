//go:build linux

package main

import (
	"net/netip"
	"time"
)

// What netmond promises, at its defaults, and what it is granted beyond.
const (
	settle = 150 * time.Millisecond
	grace  = 3 * time.Second

	// margin is the time for the work itself: to read and to judge a thousand
	// connections on a busy machine, and once more a second later where kernel and
	// table were not of one mind.
	margin = 2 * time.Second

	// together is how far apart two changes may be that are read at one time (conn's
	// longestIdle, and a look).
	together = 600 * time.Millisecond

	// lag is how long after the path is back the owner may still hear of a close
	// that was right when it was made.
	lag = 500 * time.Millisecond
)

// cause says why a path is dead; empty where it lives.
type cause string

const (
	noSource  cause = "its address is gone"
	refused   cause = "the kernel refuses"
	down      cause = "its link is down"
	carrier   cause = "its link has just lost its carrier"
	lost      cause = "its link has no carrier"
	elsewhere cause = "it leaves by a link without its address"
	ledBack   cause = "it leaves by a link without its address, as it did until it was led home"
)

// home is where a connection lives: the link it left by when its path was last
// seen alive, or in the grace, and whether that link had its address. A connection whose address
// is elsewhere (on lo, say) does not care by which link it leaves, and nor does one
// that has been led home for less than the settle time.
type home struct {
	oif   uint32
	owned bool
	led   bool // it had another, without its address, before
	young bool // nobody knows whether it had: it was dialled soon after a change
	since span // when it was led here, or that change was made

	excused bool // it was led back, and netmond need not know that it is stranded
}

// look judges a path at a time: a is the kernel's answer for it.
func look(ls links, from netip.Addr, h home, a answer, at span) (cause, home) {
	l := ls[a.oif]
	here := h
	if h.excused { // and so may have lived elsewhere
		here = home{oif: h.oif, owned: h.owned, led: true, since: at}
	}
	if l != nil && (a.oif != h.oif || l.addrs[from] != h.owned) {
		here = home{oif: a.oif, owned: l.addrs[from], led: l.addrs[from] && !h.owned, since: at}
	}
	switch {
	case !ls.has(from):
		return noSource, h
	case a.refused != 0:
		return refused, h
	case l == nil || !l.up:
		return down, h
	case h.owned && !l.addrs[from] && a.oif != h.oif:
		switch {
		case h.led && at.before.Sub(h.since.after) < settle/2:
			return "", here
		case h.excused, h.young && at.after.Sub(h.since.before) < together,
			h.led && at.after.Sub(h.since.before) < settle+margin: // who knows when netmond heard of it
			h.excused = true
			return ledBack, h
		}
		return elsewhere, h
	case !l.running && l.graced: // which counts as having it
		return carrier, here
	case !l.running:
		return lost, h
	}
	return "", here
}

// span is an interval in which something happened, and how long the machine had
// stalled until it began.
type span struct {
	after, before time.Time
	stalled       time.Duration
}

// episode is a time in which a path was dead.
type episode struct {
	began, ended span // ended is zero while it lasts
	known        span // when netmond had to know of it
	cause        cause
	carrier      bool // there was never more to it than a carrier just lost
	touched      bool // a lost carrier had to do with it
}

// life is the history of a connection's path. For one goroutine.
type life struct {
	home home
	last []episode // the newest last
	dead int       // episodes in all
}

// remembered bounds the episodes of a life that are kept.
const remembered = 4

// see notes what a look between two moments showed.
func (l *life) see(c cause, h home, at span) {
	l.home = h
	var e *episode
	if n := len(l.last); n > 0 && l.last[n-1].ended == (span{}) {
		e = &l.last[n-1]
	}
	switch {
	case c == "" && e != nil:
		e.ended = at
	case c == "":
	case e == nil:
		l.dead++
		if len(l.last) == remembered {
			l.last = append(l.last[:0], l.last[1:]...)
		}
		l.last = append(l.last, episode{began: at, known: at, cause: c, carrier: c == carrier, touched: c == carrier || c == lost})
	default:
		if e.cause == ledBack {
			e.known = at
		}
		e.cause = c
		e.carrier = e.carrier && c == carrier
		e.touched = e.touched || c == carrier || c == lost
	}
}

// now is the episode that lasts; nil where the path lives.
func (l *life) now() *episode {
	if n := len(l.last); n > 0 && l.last[n-1].ended == (span{}) {
		return &l.last[n-1]
	}
	return nil
}

// deserved finds the episode for which a connection was rightly closed at a
// moment; nil where there is none. What is in doubt is in favour of netmond.
func (l *life) deserved(at time.Time) *episode {
	for i := len(l.last) - 1; i >= 0; i-- {
		e := &l.last[i]
		until := at
		if e.ended != (span{}) {
			if at.Sub(e.ended.before) > lag {
				continue
			}
			if e.ended.before.Before(until) {
				until = e.ended.before
			}
		}
		need := settle
		if e.carrier {
			need = grace
		}
		if until.Sub(e.began.after) >= need {
			return e
		}
	}
	return nil
}

// limit is how long a dead connection may live.
func (e *episode) limit() time.Duration {
	if e.touched {
		return settle + grace + margin
	}
	return settle + margin
}

// age is how long netmond has had to know that the path is dead, but for the time in
// which the machine stood still.
func (e *episode) age(at time.Time, stalled time.Duration) time.Duration {
	return max(0, at.Sub(e.known.before)-(stalled-e.known.stalled))
}
