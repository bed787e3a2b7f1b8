// Package daemon is netmond's event loop: it takes what the kernel says from
// rtnl, keeps the table, and hands the difference to those who react. It decides
// only when something runs; what it means is decided in rtable, conn and cpd.
//
// Run's loop is the only writer of the daemon's state. Around it run one reader
// of the kernel's events, one sweeper of flows, at most one check per uplink, and
// the local API; all end with the context, and are gone when Run returns. What
// crosses between them is immutable.
package daemon

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/netmond/netmond/conn"
	"github.com/netmond/netmond/cpd"
	"github.com/netmond/netmond/rtable"
	"github.com/netmond/netmond/rtnl"
	"github.com/netmond/netmond/smd"

	"github.com/netmond/netmond/internal/log"
	"github.com/netmond/netmond/internal/view"
)

// Deps is what a daemon is made of. Watch, Bus and Log are needed.
type Deps struct {
	// Watch yields the kernel's state and its changes.
	Watch func(context.Context) iter.Seq2[rtnl.Batch, error]

	// Resync has Watch read everything again. Called at most once in
	// resyncEvery, when the kernel disagrees with the table.
	Resync func()

	// Resyncs counts the Full states after the first, for status.
	Resyncs func() uint64

	// Sweepers close flows, each those of its source. Run sets their Report and their
	// Pulse, and counts what their Judge does.
	Sweepers []*conn.Sweeper

	// Settle is how long a change of gateways must stand before it starts a check;
	// less than checkSettle counts as that.
	Settle time.Duration

	// Check runs a captive-portal check of one uplink. Nil checks nothing.
	Check func(context.Context, Uplink, *rtable.Table) cpd.Result

	// LinkLost, where it is set, is told of each link that is down or has no carrier
	// after a change, before a check sees that; it must not block.
	LinkLost func(ifindex uint32)

	// Interval is the time between checks of an uplink that is OK.
	Interval time.Duration

	// Rest, where it is set, is called when checks are through and no other is about to
	// begin: the end of most work, after which nothing may happen for minutes. It runs
	// in a goroutine of its own.
	Rest func()

	Bus    *smd.Bus
	Notify Notifier   // nil tells no one
	Log    log.Logger // needed

	// Closing says what is done to stranded flows, and how, for status. Safe for
	// concurrent use; nil says nothing.
	Closing func() view.Close

	NetNS string // the network namespace, for status
	Build view.Build
	Board any
	Flows func(context.Context) iter.Seq2[conn.Flow, error] // for the API; nil has none
}

// Daemon is a daemon, before and while it runs.
type Daemon struct {
	Deps
	state    atomic.Pointer[State]
	counters counters

	triggers chan struct{}
	results  chan checked
	told     chan toldFlow
	alive    chan chan<- bool
	loop     loop // of Run's goroutine alone
}

// resyncEvery bounds the resyncs that disagreement starts: the kernel is asked
// again and again as long as a flow is on the docket.
const resyncEvery = 10 * time.Second

// New makes a daemon. Its API may be served before Run is called.
func New(d Deps) *Daemon {
	dm := &Daemon{Deps: d, triggers: make(chan struct{}, 1), results: make(chan checked), told: make(chan toldFlow, recentMax), alive: make(chan chan<- bool)}
	dm.state.Store(&State{Phase: Coldplug})
	return dm
}

// loop is the state of Run's goroutine.
type loop struct {
	ctx     context.Context
	state   State
	slots   []chan conn.Update // of the sweepers
	pulses  []pulse            // likewise
	checker checker
	settle  settling
	gateway bool   // what settles involves a gateway
	shown   string // by the init system
	workers sync.WaitGroup
}

// batch is what the reader hands to the loop.
type batch struct {
	rtnl.Batch
	err error
}

// Run runs the daemon until ctx ends, and returns nil then; or until the kernel
// can no longer be watched, with that error.
func (d *Daemon) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	l := &d.loop
	*l = loop{ctx: ctx, state: *d.State(), checker: newChecker(d.Interval)}
	defer l.workers.Wait()
	defer cancel()

	d.publish(smd.System, smd.State{State: string(Coldplug)})
	batches := make(chan batch)
	l.start(func() { d.read(ctx, batches) })
	for _, s := range d.Sweepers {
		slot := make(chan conn.Update, 1)
		l.slots = append(l.slots, slot)
		s.Judge, s.Report, s.Pulse = d.counted(s.Judge), d.decided, new(conn.Pulse)
		l.pulses = append(l.pulses, pulse{Pulse: s.Pulse})
		l.start(func() { _ = s.Run(ctx, slot) }) // ends with ctx, and says no more than that
	}

	watchdog := d.watchdog()
	defer watchdog.Stop()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		if wake := l.wake(); wake.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(wake))
		}
		select {
		case <-ctx.Done():
			d.enter(Stopping)
			return nil
		case b := <-batches:
			if b.err != nil {
				d.enter(Stopping)
				return b.err
			}
			for part := range b.Steps() {
				d.apply(part)
			}
		case <-d.triggers:
			d.check(l.checker.touched(l.state.Uplinks, true))
		case r := <-d.results:
			d.finished(r)
		case f := <-d.told:
			d.remember(f)
		case answer := <-d.alive:
			answer <- l.progress(time.Now())
		case <-watchdog.C:
			if l.progress(time.Now()) {
				_ = d.Notify.Watchdog() // a manager that does not listen will act by itself
			}
		case <-timer.C:
		}
		d.tick(time.Now())
		d.show()
	}
}

// start runs f in a goroutine that Run waits for.
func (l *loop) start(f func()) {
	l.workers.Add(1)
	go func() { defer l.workers.Done(); f() }()
}

// read hands batches to the loop. It waits for the loop, and the kernel's buffer
// holds what comes meanwhile.
func (d *Daemon) read(ctx context.Context, out chan<- batch) {
	for b, err := range d.Watch(ctx) {
		select {
		case out <- batch{b, err}:
		case <-ctx.Done():
			return
		}
	}
}

// apply takes a batch into the table. The sweepers come first: they are what is
// waited for.
func (d *Daemon) apply(b rtnl.Batch) {
	l := &d.loop
	old := l.state.Table
	if b.Full && old.Ready() {
		d.enter(Resyncing)
	}
	cur, changes := old.Apply(b)
	l.state.Table = cur
	if !changes.Empty() {
		for _, slot := range l.slots {
			conn.Post(slot, conn.Update{Old: old, Cur: cur, Changes: []rtable.Changes{changes}})
		}
		uplinks := Uplinks(cur)
		l.checker.leave(l.state.Uplinks, uplinks)
		l.state.Uplinks = uplinks
		d.linksLost(changes)
		d.counters.changes.Add(uint64(changes.Len()))
	}
	d.store()
	if b.More || !cur.Ready() {
		return
	}
	first := l.state.Phase == Coldplug
	d.enter(Operational)
	if first {
		d.ready()
	}
	if changes.Empty() {
		return
	}
	d.announce(old, cur, changes)
	if first || concernsUplinks(changes) {
		l.settle.note(time.Now(), d.Settle)
	}
}

// linksLost tells of the links that a change has left without carrier.
func (d *Daemon) linksLost(changes rtable.Changes) {
	if d.LinkLost == nil {
		return
	}
	for ifindex := range changes.Links() {
		if d.loop.state.Table.LinkDown(ifindex) {
			d.LinkLost(ifindex)
		}
	}
}

// publish puts a message on the bus. A payload that does not fit is a mistake of
// this program; it is logged, and nothing else fails for it.
func (d *Daemon) publish(c smd.Class, payload any) {
	if err := d.Bus.Publish(c, payload); err != nil {
		d.Log.Warn("message not published", "err", err)
	}
}
