//go:build linux

package main

import (
	"errors"
	"syscall"
	"time"
)

// look asks for the path of every connection, and judges those that have ended.
func (r *run) look() error {
	start := time.Now()
	at := r.from
	if at.after.IsZero() {
		at.after = start
	}
	ls, err := readLinks()
	if err != nil {
		return err
	}
	if !ls.same(r.links) {
		r.version++ // carrier comes and goes by itself
	}
	at.before = time.Now()
	ls.since(r.links, at)
	r.links = ls
	r.listen() // before anything is said to live on
	ended := r.ended
	r.ended = nil
	known := make(map[question]answer)
	path := func(c *call, w *wire) (cause, home, error) {
		a, ok := known[w.question]
		if !ok {
			if a, err = r.asker.where(w.question); err != nil {
				return "", home{}, err
			}
			known[w.question] = a
		}
		at.before = time.Now()
		why, h := look(ls, w.local, c.life.home, a, at)
		return why, h, nil
	}
	see := func(c *call, w *wire) error {
		if c.exempt {
			return nil
		}
		why, h, err := path(c, w)
		if err != nil {
			return err
		}
		at.before = time.Now()
		c.life.see(why, h, at)
		if why != c.seen {
			c.note(at.before, "path: %s", orAlive(why))
			c.seen = why
		}
		return nil
	}
	for _, w := range ended {
		if err := see(w.call, w.wire); err != nil {
			return err
		}
		r.judge(w)
	}
	for _, c := range r.calls {
		if c.wire == nil {
			continue
		}
		if err := see(c, c.wire); err != nil {
			return err
		}
		r.stranded(c)
	}
	r.looked = time.Now()
	r.stalled += max(0, r.looked.Sub(start)-usual)
	r.from = span{after: r.looked, stalled: r.stalled}
	r.lives += r.live()
	r.looks++
	return nil
}

func orAlive(c cause) string {
	if c == "" {
		return "lives"
	}
	return string(c)
}

// judge says whether a connection ended rightly.
func (r *run) judge(w word) {
	c := w.call
	rec, told := r.daemon.why(w.wire.name)
	if !errors.Is(w.err, syscall.ECONNABORTED) {
		r.otherwise++
		if c.life.dead == 0 {
			r.fault(c, w.at, "was lost, and not by netmond: %v", w.err)
		}
		return
	}
	c.note(w.at, "closed: %s, was %s, event %s (told: %v)", rec.Reason, rec.Was, rec.Event, told)
	e := c.life.deserved(w.at)
	switch {
	case c.exempt || e == nil && c.life.dead == 0:
		r.fault(c, w.at, "was healthy, and netmond closed it")
	case e == nil:
		r.fault(c, w.at, "had not been dead for long enough, and netmond closed it")
	default:
		r.closes++
		age := e.age(w.at, r.stalled)
		if e.touched {
			r.oldestCarrier = max(r.oldestCarrier, age)
		} else {
			r.oldest = max(r.oldest, age)
		}
		r.byCause[e.cause]++
	}
}

// stranded looks whether a connection ought to be closed by now.
func (r *run) stranded(c *call) {
	e := c.life.now()
	if c.exempt || e == nil || e.cause == ledBack || c.told || e.age(time.Now(), r.stalled) <= e.limit() {
		return
	}
	c.told = true
	r.fault(c, time.Now(), "is dead since %s, for %s, and lives on", e.began.before.Format("15:04:05.000"), e.cause)
}
