package conn

import (
	"context"
	"time"

	"github.com/netmond/netmond/rtable"
	"github.com/netmond/netmond/rtnl"
)

// Sweeping turns changes of the table into closed connections.
//
// When a change comes in, the flows it can concern are read and judged between
// the table before it and the table now. What is stranded goes on the docket and
// is judged again after each further change. A verdict that has stood for the
// settle time is put to the kernel, and if it agrees the flow is closed. So:
//
//   - a change that undoes itself closes nothing;
//   - a flow dialled after the change is not on the docket, whatever the change
//     did to others that looked like it;
//   - changes that concern other flows neither hasten nor delay a close;
//   - a flow that could not be closed keeps its place.
//
// A link that has lost its carrier, and no more, counts as having it for the
// grace; then its flows are judged, and have waited enough.

// Update is a step of the table.
type Update struct {
	Old, Cur *rtable.Table
	Changes  []rtable.Changes // of one step; of several that were posted as one

	at      time.Time // when it was posted
	earlier []Update  // the steps before it that have not been taken, oldest first
}

// maxSteps is how many steps are kept apart until they are taken; beyond, each two
// become one. Fewer, and a flow that was dialled between two that became one is
// judged as if it had had no path before; more, and a storm holds more tables in
// memory.
const maxSteps = 128

// Post puts an update into a slot of capacity one, behind those that have not
// been taken yet. It never blocks; there must be one poster only.
func Post(slot chan Update, u Update) {
	u.at = time.Now()
	select {
	case held := <-slot:
		u.earlier = append(held.earlier, Update{Old: held.Old, Cur: held.Cur, Changes: held.Changes, at: held.at})
		if len(u.earlier) > maxSteps {
			u.earlier = halve(u.earlier)
		}
	default:
	}
	slot <- u
}

// halve makes one of each two steps, in place.
func halve(steps []Update) []Update {
	half := steps[:0]
	for i := 0; i < len(steps); i += 2 {
		u := steps[i]
		if i+1 < len(steps) {
			u.Cur = steps[i+1].Cur
			u.Changes = append(u.Changes, steps[i+1].Changes...)
		}
		half = append(half, u)
	}
	return half
}

// Sweeper closes stranded flows of one source. Its fields must not change while
// Run runs.
type Sweeper struct {
	Source Source

	// Judge is the verdict: Assess, which nil means, or AssessForwarded.
	Judge func(old, cur *rtable.Table, f Flow) Verdict

	// Confirm has the kernel confirm verdicts before a close; nil closes on the
	// table's word.
	Confirm func(context.Context, *rtable.Table, []Claim)

	Settle  time.Duration // how long a verdict must stand; 0 acts on each update
	Grace   time.Duration // how long carrier may be lost before the link counts as down
	Rate    int           // closes a second at most; 0 has no limit
	Reasons ReasonSet     // the reasons to act on
	DryRun  bool          // report, close nothing
	Gentle  bool          // put flows under a time limit instead of closing; Source must be an Armer

	Exclude func(*rtable.Table, Flow, Verdict) bool // nil excludes nothing
	Report  func(Decision)                          // told of each decision, from Run's goroutine; nil tells no one
	Pulse   *Pulse                                  // shows progress; nil shows none

	// Reload, if set, brings changes of the fields above while Run runs.
	Reload <-chan func(*Sweeper)
}

// A few changes are each looked at as they come, so that who was there before which is
// known. In a storm flows are read some fifty times a second, or less where that is
// slow.
const (
	// quantum is the part of the settle time that a sweep costs, for which changes are
	// collected once there have been too many. A larger part delays closes, a smaller
	// one costs more listings.
	quantum = 8

	// burst is how many such parts may be owed. Fewer, and flows that are dialled amid
	// the changes of a lease count as older than they are; more, and a storm costs as
	// many listings before it is taken for one.
	burst = 7

	// idleShare is how many times as long as a sweep took it costs. With less, many
	// connections make changes dear that concern none of them.
	idleShare = 19

	// longestIdle bounds that share: a sweep that the machine was slow with must
	// not put off the next one for longer than anybody can wait.
	longestIdle = 500 * time.Millisecond
)

// Run sweeps until ctx ends, and returns its error, with no flow left under a time
// limit. The first update's Old is the state adopted without closing anything.
func (s *Sweeper) Run(ctx context.Context, in <-chan Update) error {
	w := sweep{Sweeper: s, ctx: ctx, lost: make(map[uint32]time.Time), downs: make(map[uint32]time.Time), judge: s.Judge}
	if w.judge == nil {
		w.judge = Assess
	}
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		updates := in
		if time.Now().Before(w.notBefore) {
			updates = nil // let more come in
		}
		if wake := w.wake(updates == nil); wake.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(wake))
		}
		select {
		case <-ctx.Done():
			w.release(time.Now())
			return ctx.Err()
		case u := <-updates:
			s.Pulse.turn()
			w.take(u)
		case change := <-s.Reload:
			s.Pulse.turn()
			change(s)
		case <-timer.C:
			s.Pulse.turn()
			select { // what has come in meanwhile may have changed the verdicts
			case u := <-in:
				w.take(u)
			default:
			}
		}
		w.expire(time.Now())
		w.act(time.Now())
		s.Pulse.turn()
	}
}

// sweep is one Run.
type sweep struct {
	*Sweeper
	ctx       context.Context
	cur       *rtable.Table // as told
	view      *rtable.Table // cur, with the carrier of links in grace
	judge     judge
	lost      map[uint32]time.Time // links without carrier, and since when
	downs     map[uint32]time.Time // links that were taken down with carrier, and when
	unsettled []unsettled          // while there are such links
	docket    docket
	origins   origins
	strays    strays           // of the last sweep
	seen      map[flowKey]bool // and of the one that is made
	paid      time.Time        // when what sweeps have cost is paid
	notBefore time.Time        // of the next sweep
	recent    []time.Time      // closes of the last second, where there is a rate
	round     round
}

// unsettled is a change that has not stood for the settle time. It may have led
// flows to a link in grace, whose end they have not waited for.
type unsettled struct {
	changes rtable.Changes
	until   time.Time
}

// step is an Update as flows are judged by it.
type step struct {
	at      time.Time     // when it was made
	before  *rtable.Table // the view until then
	changes rtable.Changes
	list    []rtable.Changes // what changes was merged from, for its events
	mid     *rtable.Table    // see between
	rebuilt bool             // mid was made
	named   rtnl.Message     // the change that event named last
	name    string           // and how
}

// wake is when there is something to do without an update; the zero Time where
// there is nothing. held says that updates wait for notBefore.
func (w *sweep) wake(held bool) time.Time {
	var first time.Time
	at := func(t time.Time) {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	due := w.docket.next()
	if w.Rate > 0 && len(w.recent) >= w.Rate && !due.IsZero() {
		if end := w.recent[0].Add(time.Second); due.Before(end) {
			due = end
		}
	}
	at(due)
	if !held {
		at(w.origins.next)
	}
	for _, since := range w.lost {
		at(since.Add(w.Grace))
	}
	if held {
		at(w.notBefore)
	}
	return first
}
