package conn

import (
	"errors"
	"fmt"
	"time"
)

// act puts the verdicts that have stood to the kernel, and closes.
func (w *sweep) act(now time.Time) {
	for _, e := range w.docket.due(now) {
		if w.ctx.Err() != nil || !w.admit(now) {
			return
		}
		if e.armed { // its time was up long ago: the kernel has closed it, or knows a path
			w.docket.drop(e)
			if err := w.Source.(Armer).Disarm(w.ctx, e.flow); err != nil {
				w.report(Decision{Act: Failed, Flow: e.flow, Verdict: e.verdict, Cause: e.cause(), Err: err})
			}
			continue
		}
		if !w.inspect(e) {
			continue
		}
		d := Decision{Flow: e.flow, Verdict: e.verdict, Cause: e.cause()}
		switch ok, err := w.confirm(e); {
		case err != nil || !ok:
			d.Act, d.Err = Disagreed, err
			w.docket.postpone(e, now)
		case w.DryRun:
			d.Act = WouldClose
			w.docket.drop(e)
		default:
			d.Act, d.Err = w.end(e, d.Cause, now)
		}
		w.report(d)
	}
}

// end closes the flow of an entry, or arms it.
func (w *sweep) end(e *entry, cause Cause, now time.Time) (Act, error) {
	act, end := DidClose, w.Source.Close
	if w.Gentle {
		act, end = DidArm, w.Source.(Armer).Arm
	}
	err := end(w.ctx, e.flow, cause)
	switch {
	case errors.Is(err, ErrAdvisory):
		w.docket.drop(e)
		return WouldClose, nil
	case err != nil:
		w.docket.postpone(e, now)
		return Failed, err
	}
	if w.Rate > 0 {
		w.recent = append(w.recent, now)
	}
	if w.Gentle {
		e.armed, e.due = true, now.Add(2*ArmedFor)
	} else {
		w.docket.drop(e)
	}
	return act, nil
}

// inspect judges an entry again by what its socket says, and says whether it
// still stands. What cannot be read is left as listed.
func (w *sweep) inspect(e *entry) bool {
	in, ok := w.Source.(Inspector)
	if !ok {
		return true
	}
	f, err := in.Inspect(w.ctx, e.flow)
	if err != nil || f == e.flow {
		return true
	}
	e.flow, e.verdict = f, w.judge(e.before, w.view, f)
	if w.Reasons.Has(e.verdict.Reason) {
		return true
	}
	w.docket.drop(e)
	return false
}

func (w *sweep) confirm(e *entry) (bool, error) {
	if w.Confirm == nil {
		return true, nil
	}
	ok, err := w.Confirm(w.ctx, w.view, e.flow, e.verdict)
	if err != nil {
		err = fmt.Errorf("conn: confirm: %w", err)
	}
	return ok, err
}

// admit says whether the rate allows another close.
func (w *sweep) admit(now time.Time) bool {
	if w.Rate <= 0 {
		return true
	}
	for len(w.recent) > 0 && now.Sub(w.recent[0]) >= time.Second {
		w.recent = w.recent[1:]
	}
	return len(w.recent) < w.Rate
}

func (w *sweep) report(d Decision) {
	if w.Report != nil {
		w.Report(d)
	}
}
