package daemon

import (
	"context"
	"strings"
	"time"

	"github.com/netmond/netmond/conn"
)

// Notifier tells the init system how the daemon is doing (board.Notifier).
type Notifier interface {
	Ready() error
	Status(string) error
	Watchdog() error
	Interval() time.Duration
}

func (d *Daemon) ready() {
	t := d.loop.state.Table
	d.Log.Info("table complete", "routes", t.Len(), "uplinks", len(d.loop.state.Uplinks))
	if d.Notify != nil {
		_ = d.Notify.Ready() // a manager that does not listen will act by itself
	}
}

// show has the init system show what is behind the uplinks, where that has changed.
func (d *Daemon) show() {
	l := &d.loop
	if d.Notify == nil || l.state.Phase != Operational {
		return
	}
	if line := summary(&l.state); line != l.shown {
		l.shown = line
		_ = d.Notify.Status(line) // as above
	}
}

// summary is one line on the uplinks: "wan OK, wan IPv6 No internet, lte no carrier".
func summary(s *State) string {
	if len(s.Uplinks) == 0 {
		return "no uplink"
	}
	var b strings.Builder
	for i, u := range s.Uplinks {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(u.Dev)
		if u.Family == 6 {
			b.WriteString(" IPv6")
		}
		if u.Carrier {
			b.WriteString(" " + s.Checks[u.UplinkKey].State.String())
		} else {
			b.WriteString(" no carrier")
		}
	}
	return b.String()
}

// watchdog ticks as often as the init system wants to hear from the loop.
func (d *Daemon) watchdog() *time.Ticker {
	every := time.Duration(0)
	if d.Notify != nil {
		every = d.Notify.Interval()
	}
	if every <= 0 {
		t := time.NewTicker(time.Hour)
		t.Stop()
		return t
	}
	return time.NewTicker(every)
}

// stuckAfter is how long a sweeper may go without a step of its work. Shorter, and a
// slow machine counts as stuck; longer, and dead connections stay while all looks well.
const stuckAfter = 10 * time.Second

// pulse is what was last seen of a sweeper's.
type pulse struct {
	*conn.Pulse
	beats uint64
	since time.Time
}

// progress reports whether every sweeper is at rest or gets on with its work. The loop
// itself does, since it calls this.
func (l *loop) progress(now time.Time) bool {
	ok := true
	for i := range l.pulses {
		p := &l.pulses[i]
		beats, working := p.Beats()
		if beats != p.beats {
			p.beats, p.since = beats, now
		}
		ok = ok && !(working && now.Sub(p.since) >= stuckAfter)
	}
	return ok
}

// Alive says whether the loop answers before ctx ends, and the sweepers make progress.
// It may be called from any goroutine.
func (d *Daemon) Alive(ctx context.Context) bool {
	answer := make(chan bool, 1)
	select {
	case d.alive <- answer:
		return <-answer
	case <-ctx.Done():
		return false
	}
}
