//go:build linux

package main

import (
	"context"
	"fmt"
	"strings"
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
