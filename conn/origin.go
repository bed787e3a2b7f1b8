package conn

import (
	"time"

	"github.com/netmond/netmond/rtable"
)

// A flow whose packets leave by another uplink than the one that owns its address
// comes home when that uplink's route goes: no harm is done. When the route is back
// it is led away again, as a flow would be that was dialled in between, and that one
// is stranded. By the tables of the second change alone the two are the same. So a
// flow that a change has led elsewhere and left alone is remembered until that change
// has settled, with the table before it: judged from there, what undoes the change
// has done nothing.

// origins are the flows that a change has led elsewhere and not stranded, few as a
// rule, until it has settled. The zero value is empty. For one goroutine.
type origins struct {
	flows map[flowKey]origin
	next  time.Time // when the first is to be forgotten; zero where there is none
}

// origin is where a flow was before the change.
type origin struct {
	before *rtable.Table
	until  time.Time // when the change has settled
}

// note remembers a flow.
func (o *origins) note(key flowKey, before *rtable.Table, until time.Time) {
	if o.flows == nil {
		*o = origins{make(map[flowKey]origin), until}
	}
	o.flows[key] = origin{before, until}
	if until.Before(o.next) {
		o.next = until
	}
}

// expire forgets the flows whose change has settled.
func (o *origins) expire(now time.Time) {
	if len(o.flows) == 0 || o.next.After(now) {
		return
	}
	o.next = time.Time{}
	for key, x := range o.flows {
		switch {
		case !x.until.After(now):
			delete(o.flows, key)
		case o.next.IsZero() || x.until.Before(o.next):
			o.next = x.until
		}
	}
	if len(o.flows) == 0 {
		*o = origins{} // a map keeps the room it once needed
	}
}

// strays are the flows that a sweep has seen to leave by a link without their address,
// and what it has looked at. What is taken together after the pause behind it may be
// older than they are told to be, or not: a flow that was looked for and not among them
// is younger, or was at home.
type strays struct {
	flows map[flowKey]bool
	among rtable.Changes
	until time.Time // of the pause
}

// younger says whether a flow was no stray when changes were made at a time.
func (s *strays) younger(f Flow, at time.Time) bool {
	return at.Before(s.until) && s.among.TouchesFlow(f.Local.Addr(), f.Remote.Addr()) && !s.flows[keyOf(f)]
}

// spared says whether a flow keeps its path by the first change that has led it
// elsewhere and has not settled, and remembers it where the steps do so. Of several
// steps that have come together it is not known between which the flow was dialled: it
// counts as older, unless the sweep before knows better. v is the verdict where there
// is one step.
func (w *sweep) spared(steps []step, f Flow, v Verdict) bool {
	key := keyOf(f)
	if w.Settle <= 0 || w.docket.entries[key] != nil {
		return false // nothing has to settle; or it has been led astray
	}
	o := w.origins.flows[key]
	noted := o.until.After(steps[0].at)
	before := steps[0].before
	if len(steps) > 1 {
		if !noted && w.strays.younger(f, steps[0].at) {
			return false
		}
		before, v = w.firstPath(steps, f)
	}
	had := v.had(before)
	now, home := egress(w.view, v.Now.Hops, f.Local.Addr())
	led := had && now != v.Link
	keeps := had && v.Reason == Keep
	if noted {
		if first := w.judge(o.before, w.view, f); first.had(o.before) {
			before, keeps = o.before, first.Reason == Keep
		}
	}
	if led && keeps {
		w.origins.note(key, before, steps[len(steps)-1].at.Add(w.Settle))
	}
	if keeps && !home {
		w.seen[key] = true
	}
	return keeps
}

// firstPath is the table before the first step that concerns the flow and had a path
// for it, and the verdict from there; of the last step where there is none.
func (w *sweep) firstPath(steps []step, f Flow) (before *rtable.Table, v Verdict) {
	for i := range steps {
		if !steps[i].changes.TouchesFlow(f.Local.Addr(), f.Remote.Addr()) {
			continue
		}
		before = steps[i].before
		if v = w.judge(before, w.view, f); v.had(before) {
			break
		}
	}
	return before, v
}

// had says whether the flow that was judged had a path in the table before.
func (v *Verdict) had(before *rtable.Table) bool {
	return v.Exempt == "" && v.Link != 0 && !before.LinkDown(v.Link)
}
