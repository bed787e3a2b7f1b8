package daemon

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/netmond/netmond/conn"
	"github.com/netmond/netmond/cpd"
	"github.com/netmond/netmond/rtable"
	"github.com/netmond/netmond/smd"

	"github.com/netmond/netmond/internal/view"
)

// counters count since the start. Safe for concurrent use.
type counters struct {
	changes       atomic.Uint64
	judged        atomic.Uint64
	closed        [8]atomic.Uint64 // by conn.Reason
	disagreements atomic.Uint64
	failed        atomic.Uint64
	probes        probeCounters
	resyncAsked   atomic.Int64 // when disagreement last asked for one, Unix ns
}

// probeCounters count checks by result.
type probeCounters struct {
	results [4]atomic.Uint64 // by cpd.State
	elapsed histogram
}

func (p *probeCounters) note(r cpd.Result) {
	if int(r.State) < len(p.results) {
		p.results[r.State].Add(1)
		p.elapsed.observe(r.Elapsed)
	}
}

// counted is judge, which is nil for conn.Assess, with its verdicts counted.
func (d *Daemon) counted(judge func(old, cur *rtable.Table, f conn.Flow) conn.Verdict) func(old, cur *rtable.Table, f conn.Flow) conn.Verdict {
	if judge == nil {
		judge = conn.Assess
	}
	return func(old, cur *rtable.Table, f conn.Flow) conn.Verdict {
		d.counters.judged.Add(1)
		return judge(old, cur, f)
	}
}

// decided is told of each of the sweeper's decisions, in its goroutine.
func (d *Daemon) decided(c conn.Decision) {
	switch c.Act {
	case conn.DidClose:
		d.counters.closed[c.Cause.Reason].Add(1)
		d.log(d.Log.Info, "flow closed", c)
		d.tell(c)
	case conn.WouldClose:
		d.log(d.Log.Info, "flow would be closed", c)
		d.tell(c)
	case conn.DidArm:
		d.log(d.Log.Info, "flow under a time limit", c, "limit", conn.ArmedFor)
		d.tell(c)
	case conn.DidDisarm:
		d.log(d.Log.Info, "path is back: limit lifted", c)
		d.tell(c)
	case conn.Disagreed:
		d.counters.disagreements.Add(1)
		d.log(d.Log.Warn, "kernel disagrees: flow kept", c, "err", c.Err)
		d.resync()
	case conn.Failed:
		d.counters.failed.Add(1)
		d.log(d.Log.Warn, "flow not closed", c, "err", c.Err)
	case conn.Unread:
		d.Log.Warn("flows not read", "err", c.Err)
	}
}

// log tells of a decision on a flow by say. There may be a hundred thousand at
// once, so the flow is made text only where it is written.
func (d *Daemon) log(say func(msg string, args ...any), text string, c conn.Decision, more ...any) {
	args := append(make([]any, 0, 10), "flow", lazily(c.Flow.String), "reason", c.Cause.Reason.String(), "was", c.Cause.Was)
	if c.Cause.Event != "" {
		args = append(args, "event", c.Cause.Event)
	}
	say(text, append(args, more...)...)
}

// lazily is text that is made when a logger writes it.
type lazily func() string

func (f lazily) MarshalText() ([]byte, error) { return []byte(f()), nil }
func (f lazily) String() string               { return f() }

// toldFlow is a flow that was told of, and when.
type toldFlow struct {
	smd.Flow
	at time.Time
}

// recentMax is how many flows status lists. More cost memory on a small device;
// who wants all of them follows the bus.
const recentMax = 20

// tell publishes what was done to a flow. It may be called from any goroutine,
// and never waits for the loop: of a burst status shows a part.
func (d *Daemon) tell(c conn.Decision) {
	f := flowOf(c)
	select {
	case d.told <- toldFlow{f, time.Now()}:
	default:
	}
	d.publish(smd.Network, f)
}

// ClosingChanged tells who follows that something else is done to stranded flows
// from now on, or in another way. It may be called from any goroutine.
func (d *Daemon) ClosingChanged(c view.Close) {
	d.publish(smd.Network, smd.Closing{Mode: c.Mode, Rung: c.Rung, Why: c.Why})
}

// remember keeps a flow that was told of.
func (d *Daemon) remember(f toldFlow) {
	l := &d.loop
	recent := append(slices.Clone(l.state.Recent), f)
	l.state.Recent = recent[max(0, len(recent)-recentMax):]
	d.store()
}

// resync has the state read again, now and then.
func (d *Daemon) resync() {
	now := time.Now().UnixNano()
	last := d.counters.resyncAsked.Load()
	if d.Resync != nil && now-last >= int64(resyncEvery) && d.counters.resyncAsked.CompareAndSwap(last, now) {
		d.Resync()
	}
}
