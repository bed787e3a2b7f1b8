package daemon

import (
	"context"
	"slices"
	"time"

	"github.com/netmond/netmond/cpd"
	"github.com/netmond/netmond/smd"
)

// When checks run. A change of gateways or links is let settle first; then the
// uplinks it has touched are checked. After that each uplink has a schedule of
// its own. A newer occasion ends a check that runs and starts it anew, so that
// an older result never overwrites a newer state.

const (
	// checkSettle is how long gateways must have stood still. Shorter, and DHCP's
	// steps cost a check each; longer, and the answer comes later.
	checkSettle = 150 * time.Millisecond

	// checkSettleMax bounds that in a storm of changes.
	checkSettleMax = 5 * time.Second

	// backoffFirst doubles up to backoffMax while an uplink is not OK.
	backoffFirst = time.Second
	backoffMax   = 10 * time.Minute

	// defaultInterval is the time between checks of an uplink that is OK.
	defaultInterval = 5 * time.Minute
)

// settling is a change of gateways that has not settled yet. The zero value is
// none.
type settling struct {
	first, last time.Time
	quiet       time.Duration
}

func (s *settling) note(now time.Time, settle time.Duration) {
	if s.first.IsZero() {
		s.first = now
	}
	s.last, s.quiet = now, max(settle, checkSettle)
}

// due is when it counts as settled; the zero Time where nothing is pending.
func (s *settling) due() time.Time {
	if s.first.IsZero() {
		return time.Time{}
	}
	due := s.last.Add(s.quiet)
	if end := s.first.Add(checkSettleMax); due.After(end) {
		due = end
	}
	return due
}

// checker schedules checks. It is pure: the caller brings the time and runs them.
type checker struct {
	interval time.Duration
	uplinks  map[UplinkKey]*schedule
	number   uint64 // of the check started last
}

// schedule is the checks of one uplink.
type schedule struct {
	seen    Uplink // as it was when the last check began
	left    bool   // it has been otherwise since, if only for a moment
	running uint64 // number of the check that runs; 0 for none
	cancel  context.CancelFunc
	next    time.Time // when to check again
	backoff time.Duration
	doubted bool // the last answer was bad news after good, and is being checked
	known   cpd.State
}

func newChecker(interval time.Duration) checker {
	if interval <= 0 {
		interval = defaultInterval
	}
	return checker{interval: interval, uplinks: make(map[UplinkKey]*schedule)}
}

// touched returns the uplinks that are to be checked now that a change has
// settled, and forgets those that are gone. With all set every uplink is.
func (c *checker) touched(uplinks []Uplink, all bool) []Uplink {
	for key, s := range c.uplinks {
		if !slices.ContainsFunc(uplinks, func(u Uplink) bool { return u.UplinkKey == key && u.Carrier }) {
			s.stop()
			delete(c.uplinks, key)
		}
	}
	var out []Uplink
	for _, u := range uplinks {
		if s := c.uplinks[u.UplinkKey]; u.Carrier && (all || s == nil || s.left || s.seen != u) {
			out = append(out, u)
		}
	}
	return out
}

// leave notes the uplinks that a change has made other than they were: behind the same
// gateway there may be another network now.
func (c *checker) leave(was, now []Uplink) {
	for _, u := range was {
		if s := c.uplinks[u.UplinkKey]; s != nil && !slices.Contains(now, u) {
			s.left = true
		}
	}
}

// overdue returns the uplinks whose schedule says now.
func (c *checker) overdue(uplinks []Uplink, now time.Time) []Uplink {
	var out []Uplink
	for _, u := range uplinks {
		if s := c.uplinks[u.UplinkKey]; s != nil && s.running == 0 && !s.next.After(now) {
			out = append(out, u)
		}
	}
	return out
}

// start notes that a check of u begins, ends the one that runs, and gives the
// new one its number.
func (c *checker) start(u Uplink, cancel context.CancelFunc) uint64 {
	s := c.uplinks[u.UplinkKey]
	if s == nil {
		s = &schedule{}
		c.uplinks[u.UplinkKey] = s
	}
	s.stop()
	if s.seen != u { // another path: what was known of the old one is void
		s.known, s.backoff, s.doubted = cpd.Unknown, 0, false
	}
	c.number++
	s.seen, s.left, s.running, s.cancel = u, false, c.number, cancel
	return c.number
}

// done takes in the result of check number and says whether it counts: one that
// was overtaken does not, and the first bad answer after good ones is doubted
// until a second one comes.
func (c *checker) done(key UplinkKey, number uint64, r cpd.Result, now time.Time) bool {
	s := c.uplinks[key]
	if s == nil || s.running != number {
		return false
	}
	s.stop()
	if r.State == cpd.OK {
		s.known, s.backoff, s.doubted = cpd.OK, 0, false
		s.next = now.Add(c.interval)
		return true
	}
	if s.known == cpd.OK && !s.doubted && r.State == cpd.NoInternet {
		s.doubted, s.next = true, now.Add(backoffFirst)
		return false
	}
	s.known, s.doubted = r.State, false
	s.backoff = min(max(2*s.backoff, backoffFirst), backoffMax)
	s.next = now.Add(max(s.backoff, min(r.RetryAfter, backoffMax)))
	return true
}

func (s *schedule) stop() {
	if s.cancel != nil {
		s.cancel()
	}
	s.running, s.cancel = 0, nil
}

// next is when a check is due; the zero Time where none is.
func (c *checker) next() time.Time {
	var first time.Time
	for _, s := range c.uplinks {
		if s.running == 0 && (first.IsZero() || s.next.Before(first)) {
			first = s.next
		}
	}
	return first
}

// busy says whether a check runs.
func (c *checker) busy() bool {
	for _, s := range c.uplinks {
		if s.running != 0 {
			return true
		}
	}
	return false
}

// checked is the result of a check.
type checked struct {
	uplink Uplink
	number uint64 // 0 for one that a client asked for and waits for itself
	result cpd.Result
}

// wake is when the loop has something to do of itself.
func (l *loop) wake() time.Time {
	settled, next := l.settle.due(), l.checker.next()
	if settled.IsZero() || !next.IsZero() && next.Before(settled) {
		return next
	}
	return settled
}

// tick starts what is due.
func (d *Daemon) tick(now time.Time) {
	l := &d.loop
	if due := l.settle.due(); !due.IsZero() && !due.After(now) {
		l.settle = settling{}
		if l.gateway {
			l.gateway = false
			d.publish(smd.Network, smd.Trigger{Trigger: smd.CPDCheck, Src: "gw-change"})
		}
		d.forget()
		d.check(l.checker.touched(l.state.Uplinks, false))
	}
	d.check(l.checker.overdue(l.state.Uplinks, now))
}

// forget drops the results of uplinks that are gone.
func (d *Daemon) forget() {
	l := &d.loop
	left := make(map[UplinkKey]cpd.Result)
	for key, r := range l.state.Checks {
		if slices.ContainsFunc(l.state.Uplinks, func(u Uplink) bool { return u.UplinkKey == key && u.Carrier }) {
			left[key] = r
		}
	}
	if len(left) != len(l.state.Checks) {
		l.state.Checks = left
		d.store()
	}
}

// check starts a check of each uplink.
func (d *Daemon) check(uplinks []Uplink) {
	if d.Check == nil {
		return
	}
	l := &d.loop
	for _, u := range uplinks {
		ctx, cancel := context.WithCancel(l.ctx)
		n := l.checker.start(u, cancel)
		t := l.state.Table
		l.start(func() {
			defer cancel()
			r := d.Check(ctx, u, t)
			select {
			case d.results <- checked{u, n, r}:
			case <-l.ctx.Done():
			}
		})
	}
}

// finished takes in a result, if it still counts, and tells. After the last one that
// was waited for comes the rest.
func (d *Daemon) finished(c checked) {
	l := &d.loop
	d.counters.probes.note(c.result)
	if c.number == 0 {
		c.number = l.checker.start(c.uplink, nil)
		if !slices.Contains(l.state.Uplinks, c.uplink) {
			return
		}
	}
	if !l.checker.done(c.uplink.UplinkKey, c.number, c.result, time.Now()) {
		return
	}
	before, had := l.state.Checks[c.uplink.UplinkKey]
	checks := make(map[UplinkKey]cpd.Result, len(l.state.Checks)+1)
	for k, v := range l.state.Checks {
		checks[k] = v
	}
	checks[c.uplink.UplinkKey] = c.result
	l.state.Checks = checks
	d.store()
	d.publish(smd.Network, portalOf(c.uplink, c.result))
	if !had || before.State != c.result.State {
		d.Log.Info("internet", "link", c.uplink.Dev, "family", c.uplink.Family, "state", c.result.State.String(), "reason", c.result.Reason)
	}
	if d.Rest != nil && !l.checker.busy() && l.settle.due().IsZero() {
		l.start(d.Rest)
	}
}
