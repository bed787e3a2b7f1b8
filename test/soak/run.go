//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"
)

// run is the soak as it goes on. All of it belongs to one goroutine.
type run struct {
	*world
	*weather
	daemon *daemon
	asker  *asker
	calls  []*call
	words  chan word
	ended  []word // ends that are to be judged after the next look

	changedAt time.Time // when the last change was made
	version   int       // of the world: what is dialled while it changes has no certain home
	links     links
	looked    time.Time     // when the last look ended
	from      span          // the beginning of the next one's interval
	stalled   time.Duration // how long the machine has kept the run waiting
	pinged    int           // the call that was pinged last
	log       []string      // the last changes

	tally
}

func newRun(w *world, d *daemon, seed uint64, n int) (*run, error) {
	a, err := newAsker()
	if err != nil {
		return nil, err
	}
	r := &run{world: w, weather: newWeather(seed), daemon: d, asker: a, words: make(chan word, 64)}
	r.byCause = make(map[cause]int)
	for _, k := range kinds() {
		for i := range max(1, n*k.share/100) {
			r.calls = append(r.calls, &call{kind: k, peer: k.to(i)})
		}
	}
	r.links, err = readLinks()
	return r, err
}

// The run's rhythm.
const (
	lookEvery   = 100 * time.Millisecond
	pingEvery   = 2 * time.Second // of one connection
	sampleEvery = 5 * time.Second
	redialAfter = 300 * time.Millisecond
	patience    = 30 * time.Second

	// usual is the most that a command, a look, or waking up takes. What is beyond
	// is the machine's: all network namespaces share one lock for their
	// configuration, and whoever removes one holds it for long.
	usual = 100 * time.Millisecond
)

// open dials all calls and waits until they are open.
func (r *run) open(ctx context.Context) (err error) {
	if err := r.until(ctx, "all connections are open", func() bool { return r.live() == len(r.calls) }); err != nil {
		return err
	}
	r.start = time.Now()
	r.early, err = r.daemon.holding(ctx)
	return err
}

// rain lets changes come for so long.
func (r *run) rain(ctx context.Context, long time.Duration) error {
	sample, minute := r.start.Add(sampleEvery), r.start.Add(time.Minute)
	behind := time.Duration(0)
	for {
		at, c, mend := r.next()
		if at+behind > long {
			return nil
		}
		due := r.start.Add(at + behind)
		behind += max(0, time.Since(due)) // the rest comes no faster for it
		for first := true; first || time.Now().Before(due); first = false {
			if err := r.turn(ctx, due); err != nil {
				return err
			}
			if now := time.Now(); now.After(sample) {
				h, err := r.daemon.holding(ctx)
				if err != nil {
					return err
				}
				r.samples = append(r.samples, h)
				sample = now.Add(sampleEvery)
			} else if now.After(minute) {
				r.say()
				minute = minute.Add(time.Minute)
			}
		}
		if err := r.change(c, mend); err != nil {
			return err
		}
	}
}

// dry mends everything, and waits until each connection is open again and what
// was to be closed is closed.
func (r *run) dry(ctx context.Context) error {
	for _, s := range r.struck {
		_ = ip(s.ns, s.mend...)
	}
	r.struck = nil
	r.version++
	if err := ip("", r.lines(nil)...); err != nil {
		r.log = append(r.log, fmt.Sprintf("at the end: %v", err)) // rules that are there already
	}
	calm := time.Now().Add(settle + grace + margin)
	err := r.until(ctx, "all connections are open again", func() bool { return time.Now().After(calm) && r.live() == len(r.calls) })
	if err != nil {
		return err
	}
	for _, c := range r.calls {
		c.ping()
	}
	err = r.until(ctx, "the healthy connections echo", func() bool {
		for _, c := range r.calls {
			if c.wire != nil && c.life.dead == 0 && c.echoed.Load() < int64(c.sent) {
				return false
			}
		}
		return true
	})
	if err != nil {
		return err
	}
	return r.rest(ctx)
}

// rest waits until the daemon holds what it held at first: its checks for portals
// take a while to end. What it never lets go of is a leak.
func (r *run) rest(ctx context.Context) (err error) {
	for end := time.Now().Add(patience); ; {
		r.late, err = r.daemon.holding(ctx)
		if err != nil || leaks(r.early, r.late, nil) == nil || time.Now().After(end) {
			return err
		}
		if err := r.turn(ctx, time.Now().Add(lookEvery)); err != nil {
			return err
		}
	}
}

// until turns until f answers true.
func (r *run) until(ctx context.Context, what string, f func() bool) error {
	end := time.Now().Add(patience)
	for !f() {
		if time.Now().After(end) {
			return fmt.Errorf("waited %v in vain: %s; %s", patience, what, r.missing())
		}
		if err := r.turn(ctx, time.Now().Add(lookEvery)); err != nil {
			return err
		}
	}
	return nil
}

// missing describes the calls that are not open.
func (r *run) missing() string {
	var b strings.Builder
	for _, c := range r.calls {
		if c.wire == nil {
			fmt.Fprintf(&b, "\n%s to %s: %s", c.kind.name, c.peer, strings.Join(c.history, "; "))
		}
	}
	return b.String()
}

// turn does what there is to do until due, or until the next look, and looks.
func (r *run) turn(ctx context.Context, due time.Time) error {
	if next := r.looked.Add(lookEvery); next.Before(due) {
		due = next
	}
	if now := time.Now(); due.Before(now) {
		due = now
	}
	r.redial(ctx)
	tick := time.NewTimer(time.Until(due))
	defer tick.Stop()
	for waiting := true; waiting; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-r.daemon.ended:
			return r.daemon.failure
		case w := <-r.words:
			r.hear(w)
		case <-tick.C:
			waiting = false
		}
	}
	r.stalled += max(0, time.Since(due)-usual)
	r.ping()
	return r.look()
}

// listen hears all that was said and not yet heard.
func (r *run) listen() {
	for {
		select {
		case w := <-r.words:
			r.hear(w)
		default:
			return
		}
	}
}

// change strikes with a change or mends it.
func (r *run) change(c change, mend bool) error {
	r.version++
	defer func() { r.changedAt = time.Now() }()
	verb, commands := "strike", c.strike
	if mend {
		verb, commands = "mend", c.mend
	}
	start := time.Now()
	_ = ip(c.ns, commands...) // what another change has taken is not there
	if mend {
		_ = ip("", r.lines(r.struck)...) // likewise
	}
	const kept = 400
	took := time.Since(start)
	r.stalled += max(0, took-usual)
	line := fmt.Sprintf("%s %s %s (%d ms)", start.Format("15:04:05.000"), verb, c.name, took.Milliseconds())
	r.log = append(r.log[max(0, len(r.log)-kept+1):], line)
	r.changed++
	return r.look()
}

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
		why, h := look(ls, w.local, c.life.home, a)
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
		c.life.home = home{a.oif, l.addrs[w.local]}
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
	if c.exempt || e == nil || c.told || e.age(time.Now(), r.stalled) <= e.limit() {
		return
	}
	c.told = true
	r.fault(c, time.Now(), "is dead since %s, for %s, and lives on", e.began.before.Format("15:04:05.000"), e.cause)
}

func (r *run) hangUp() {
	for _, c := range r.calls {
		if c.wire != nil {
			c.Close()
		}
	}
}
