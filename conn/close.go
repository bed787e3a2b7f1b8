package conn

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// together is how many flows are put to the kernel, and then closed, at a time.
// With more, a change has longer to come in between, here half a millisecond; with
// fewer, a hundred thousand take as many system calls.
const together = 64

// act puts the verdicts that have stood to the kernel, and closes.
func (w *sweep) act(now time.Time) {
	for due := w.docket.due(now); len(due) > 0; {
		n := min(len(due), together, w.room(now))
		if n == 0 {
			return
		}
		w.Pulse.step()
		if w.settle(due[:n], now); w.ctx.Err() != nil {
			return
		}
		due = due[n:]
	}
}

// round is the entries that are settled together. It is emptied, not freed.
type round struct {
	entries []*entry
	claims  []Claim // of the entries
	ending  []*entry
	flows   []Flow // of those ending
	errs    []error
}

// settle has the kernel confirm the verdicts of entries that are due, and closes
// their flows.
func (w *sweep) settle(due []*entry, now time.Time) {
	r := &w.round
	r.entries, r.claims = r.entries[:0], r.claims[:0]
	for _, e := range due {
		if e.dropped {
			continue
		}
		if e.armed { // its time was up long ago: the kernel has closed it, or knows a path
			w.lapse(e)
			continue
		}
		if v, ok := w.inspect(e); ok {
			r.entries, r.claims = append(r.entries, e), append(r.claims, Claim{Flow: e.flow, Verdict: v})
		}
	}
	w.confirm(r.claims)
	if w.ctx.Err() != nil {
		return // nobody has answered
	}
	r.ending = r.ending[:0]
	for i, e := range r.entries {
		c := &r.claims[i]
		w.name(e, &c.Verdict)
		switch {
		case c.Err != nil || !c.Stands:
			w.docket.postpone(e, now)
			w.report(Decision{Act: Disagreed, Flow: e.flow, Cause: e.cause, Err: c.Err})
		case w.DryRun:
			w.docket.drop(e)
			w.report(Decision{Act: WouldClose, Flow: e.flow, Cause: e.cause})
		default:
			r.ending = append(r.ending, e)
		}
	}
	w.end(now)
}

// name says what the verdict on an entry rests on.
func (w *sweep) name(e *entry, v *Verdict) {
	e.cause.Reason, e.cause.Was = v.Reason, ""
	if v.Link != 0 {
		e.cause.Was = string(v.Was.Route.Append(nil, e.before.LinkName))
	}
}

// lapse takes an armed flow off the docket.
func (w *sweep) lapse(e *entry) {
	w.docket.drop(e)
	if err := w.Source.(Armer).Disarm(w.ctx, e.flow); err != nil {
		w.report(Decision{Act: Failed, Flow: e.flow, Cause: e.cause, Err: err})
	}
}

// end closes the flows that are ending, or arms them.
func (w *sweep) end(now time.Time) {
	r := &w.round
	r.flows, r.errs = r.flows[:0], r.errs[:0]
	for _, e := range r.ending {
		r.flows, r.errs = append(r.flows, e.flow), append(r.errs, nil)
	}
	act, end := DidClose, w.Source.Close
	if w.Gentle {
		act, end = DidArm, w.Source.(Armer).Arm
	}
	if b, ok := w.Source.(Batcher); ok && !w.Gentle {
		b.CloseAll(w.ctx, r.flows, r.errs)
	} else {
		for i, e := range r.ending {
			w.Pulse.step()
			r.errs[i] = end(w.ctx, e.flow, e.cause)
		}
	}
	for i, e := range r.ending {
		d := Decision{Act: act, Flow: e.flow, Cause: e.cause}
		switch err := r.errs[i]; {
		case errors.Is(err, ErrAdvisory):
			d.Act = WouldClose
			w.docket.drop(e)
		case err != nil:
			d.Act, d.Err = Failed, err
			w.docket.postpone(e, now)
		default:
			w.ended(e, now)
		}
		w.report(d)
	}
}

// releaseFor bounds how long release takes: a daemon has a second to end.
const releaseFor = 500 * time.Millisecond

// release lifts the limits at the end: when their path is back, nobody would.
func (w *sweep) release(start time.Time) {
	ctx := context.WithoutCancel(w.ctx)
	for _, e := range w.docket.entries {
		if !e.armed {
			continue
		}
		if time.Since(start) > releaseFor {
			return
		}
		if err := w.Source.(Armer).Disarm(ctx, e.flow); err != nil {
			w.report(Decision{Act: Failed, Flow: e.flow, Cause: e.cause, Err: err})
		}
	}
}

// ended notes that a flow is closed, or armed.
func (w *sweep) ended(e *entry, now time.Time) {
	if w.Rate > 0 {
		w.recent = append(w.recent, now)
	}
	if !w.Gentle {
		w.docket.drop(e)
		return
	}
	e.armed = true
	w.docket.delay(e, now.Add(2*ArmedFor))
}

// inspect judges an entry by what its socket says of the flow, and drops one that
// does not stand. What cannot be read is left as listed.
func (w *sweep) inspect(e *entry) (Verdict, bool) {
	w.Pulse.step()
	if in, ok := w.Source.(Inspector); ok {
		if f, err := in.Inspect(w.ctx, e.flow); err == nil {
			e.flow = f
		}
	}
	v := w.judge(e.before, w.view, e.flow)
	if !w.Reasons.Has(v.Reason) {
		w.docket.drop(e)
		return v, false
	}
	return v, true
}

func (w *sweep) confirm(claims []Claim) {
	if w.Confirm == nil {
		for i := range claims {
			claims[i].Stands = true
		}
		return
	}
	w.Confirm(w.ctx, w.view, claims)
	for i := range claims {
		if err := claims[i].Err; err != nil {
			claims[i].Err = fmt.Errorf("conn: confirm: %w", err)
		}
	}
}

// room is how many closes the rate allows now.
func (w *sweep) room(now time.Time) int {
	if w.Rate <= 0 {
		return together
	}
	for len(w.recent) > 0 && now.Sub(w.recent[0]) >= time.Second {
		w.recent = w.recent[1:]
	}
	return max(0, w.Rate-len(w.recent))
}

func (w *sweep) report(d Decision) {
	if w.Report != nil {
		w.Report(d)
	}
}
