package conn

import (
	"net/netip"
	"slices"
	"time"

	"github.com/netmond/netmond/rtable"
	"github.com/netmond/netmond/rtnl"
)

// take judges the flows that an update can concern.
func (w *sweep) take(u Update) {
	start := time.Now()
	var steps []step
	all := append(u.earlier, u)
	for i, s := range all {
		if w.cur == nil {
			w.cur, w.view = s.Old, s.Old
		}
		before, changes := w.view, rtable.Merge(s.Changes)
		w.followCarrier(w.cur, s.Cur, changes, start)
		w.cur = s.Cur
		w.assume()
		harmless := len(s.Changes) == 1 && w.view.LeadsAs(before, changes) // several may have led elsewhere in between
		if !changes.First() && !changes.Empty() && !harmless {
			steps = append(steps, step{at: s.at, before: before, changes: changes, list: s.Changes})
			if len(w.lost) > 0 {
				w.unsettled = append(w.unsettled, unsettled{changes, start.Add(w.Settle)})
			}
			if i < len(all)-1 { // a verdict that did not stand in between has not stood
				w.review(changes.TouchesFlow, start)
			}
		}
	}
	w.review(nil, start)
	if len(steps) == 0 {
		return
	}
	w.find(steps, start, w.Settle)
	if w.Settle > 0 {
		now, part := time.Now(), w.Settle/quantum
		if w.paid.Before(now) {
			w.paid = now
		}
		w.paid = w.paid.Add(max(part, min(now.Sub(start)*idleShare, longestIdle)))
		w.notBefore = w.paid.Add(-burst * part)
		w.strays.until = w.notBefore
	}
}

// review judges the docket again, or only the flows that are touched. Those whose path
// is back were at home there, wherever they have been since, and lose their limit.
func (w *sweep) review(touched func(local, remote netip.Addr) bool, now time.Time) {
	for _, e := range w.docket.review(w.judge, w.view, w.Reasons, touched) {
		before := e.before
		if o := w.origins.flows[keyOf(e.flow)]; o.until.After(now) {
			before = o.before // an earlier change has led it elsewhere
		}
		w.origins.note(keyOf(e.flow), before, now.Add(w.Settle))
		if !e.armed {
			continue
		}
		d := Decision{Act: DidDisarm, Flow: e.flow, Cause: e.cause}
		if d.Err = w.Source.(Armer).Disarm(w.ctx, e.flow); d.Err != nil {
			d.Act = Failed
		}
		w.report(d)
	}
}

// followCarrier notes which links have lost their carrier, and nothing else: one that
// was taken down may be up again, and gets its carrier after a while.
func (w *sweep) followCarrier(old, cur *rtable.Table, changes rtable.Changes, now time.Time) {
	for i := range changes.Links() {
		l, was := cur.Link(i), old.Link(i)
		ran := was != nil && was.Up() && was.Running()
		down, fell := w.downs[i]
		switch _, noted := w.lost[i]; {
		case l == nil || l.Up() && l.Running():
			delete(w.lost, i)
			delete(w.downs, i)
		case !l.Up():
			delete(w.lost, i)
			if ran {
				w.downs[i] = now
			}
		case noted || w.Grace == 0:
		case ran:
			w.lost[i] = now
		case fell && now.Sub(down) < w.Settle:
			w.lost[i] = down
		}
	}
}

// assume makes the view of the table in which links in grace have carrier.
func (w *sweep) assume() {
	if len(w.lost) == 0 {
		w.view = w.cur
		return
	}
	links := make([]uint32, 0, len(w.lost))
	for i := range w.lost {
		links = append(links, i)
	}
	w.view = w.cur.AssumeCarrier(links...)
}

// expire ends the grace of links whose time is over, and judges their flows.
func (w *sweep) expire(now time.Time) {
	if !now.Before(w.notBefore) { // what is held until then may take back what has settled since
		w.origins.expire(now)
		w.strays = strays{}
	}
	w.unsettled = slices.DeleteFunc(w.unsettled, func(u unsettled) bool { return !u.until.After(now) })
	for i, since := range w.lost {
		if now.Sub(since) < w.Grace {
			continue
		}
		delete(w.lost, i)
		before := w.view
		w.assume()
		w.review(nil, now)
		w.find([]step{{at: now, before: before, changes: w.cur.Through(i)}}, now, 0)
	}
}

// find reads the flows that the steps can concern and puts on the docket, to wait from
// now, what they have stranded. A flow is judged from before each step that concerns
// it: it may have been dialled between two.
func (w *sweep) find(steps []step, now time.Time, wait time.Duration) {
	all := make([]rtable.Changes, len(steps))
	for i := range steps {
		all[i] = steps[i].changes
	}
	changes := rtable.Merge(all)
	if v, ok := w.Source.(Viewer); ok {
		v.View(w.view)
	}
	w.seen = make(map[flowKey]bool)
	defer func() { w.strays, w.seen = strays{flows: w.seen, among: changes}, nil }()
	for f, err := range w.Source.Flows(w.ctx, changes) {
		w.Pulse.step()
		if err != nil {
			if w.ctx.Err() == nil {
				w.report(Decision{Act: Unread, Err: err})
			}
			changes = rtable.Changes{} // nobody has looked
			return
		}
		if !changes.TouchesFlow(f.Local.Addr(), f.Remote.Addr()) {
			continue
		}
		w.docket.refresh(f)
		e, v := w.strandedBy(steps, f)
		if !w.spared(steps, f, v) && e != nil {
			e.due = now.Add(wait)
			for _, u := range w.unsettled {
				if u.until.After(e.due) && u.changes.TouchesFlow(f.Local.Addr(), f.Remote.Addr()) {
					e.due = u.until
				}
			}
			w.docket.add(e)
		}
	}
}

// strandedBy is the docket's entry for a flow that one of the steps has
// stranded: the last that took it from home, a path out of a link that owns its
// address, for that is the path it used. What was before a state in which the flow
// was at home does not count: either it did the flow no harm, or the flow is
// younger. Where it was never at home it is the last step that took a path from it.
// The verdict is that on the first step it has looked at.
func (w *sweep) strandedBy(steps []step, f Flow) (found *entry, v Verdict) {
	had := false // found had a path
	for i := range slices.Backward(steps) {
		s := &steps[i]
		if !s.changes.TouchesFlow(f.Local.Addr(), f.Remote.Addr()) {
			continue
		}
		var e *entry
		e, v = w.stranded(s, f)
		home := v.Link != 0 && s.before.Owns(v.Link, f.Local.Addr()) && !s.before.LinkDown(v.Link)
		switch {
		case e == nil && v.Reason == Keep && home:
			return found, v
		case e == nil:
		case w.Exclude != nil && w.Exclude(s.before, f, v): // its link may have gone
			return nil, v
		case home:
			return e, v
		case found == nil || !had:
			found, had = e, v.Link != 0
		}
	}
	return found, v
}

// stranded is the docket's entry for a flow that a step has stranded, nil where it
// has not, and the verdict.
func (w *sweep) stranded(s *step, f Flow) (*entry, Verdict) {
	before := s.before
	v := w.judge(before, w.view, f)
	if v.Reason == Keep && len(s.list) > 1 {
		if mid := s.between(); mid != nil {
			if amid := w.judge(mid, w.view, f); amid.Reason == NoRoute || amid.Reason == SourceGone {
				before, v = mid, amid
			}
		}
	}
	if !w.Reasons.Has(v.Reason) {
		return nil, v
	}
	return &entry{flow: f, before: before, cause: Cause{Event: w.event(s, f, v)}}, v
}

// between is the state before a step that was made of several, with the routes and
// addresses that came in it; nil where nothing went again. A flow that was dialled
// amid a storm, and has lost what it was dialled by, had its path there alone.
func (s *step) between() *rtable.Table {
	if s.rebuilt {
		return s.mid
	}
	s.rebuilt = true
	var came []rtnl.Event
	gone := false
	for _, c := range s.list {
		for x := range c.All() {
			switch x.Message.(type) {
			case *rtnl.Route, *rtnl.Addr:
				if x.Op == rtnl.Del {
					gone = gone || len(came) > 0
					break
				}
				came = append(came, rtnl.Event{Op: rtnl.New, Flags: rtnl.FlagCreate | rtnl.FlagAppend, Message: x.Message})
			}
		}
	}
	if gone {
		s.mid, _ = s.before.Apply(rtnl.Batch{Events: came})
	}
	return s.mid
}

// event names the first change that concerns the flow.
func (w *sweep) event(s *step, f Flow, v Verdict) string {
	for _, c := range s.list {
		for x := range c.All() {
			if !concerns(x, f, v) {
				continue
			}
			if x.Message != s.named { // or it is the one that concerned the last flow too
				s.named, s.name = x.Message, eventText(x, func(ifindex uint32) string {
					if w.cur.Link(ifindex) == nil {
						return s.before.LinkName(ifindex)
					}
					return w.cur.LinkName(ifindex)
				})
			}
			return s.name
		}
	}
	return ""
}

func concerns(x rtable.Change, f Flow, v Verdict) bool {
	switch m := x.Message.(type) {
	case *rtnl.Link:
		return m.Index == v.Link && (x.Op == rtnl.Del || !m.Up() || !m.Running())
	case *rtnl.Route:
		return m.Dst.Contains(f.Remote.Addr())
	case *rtnl.Addr:
		return m.Local == f.Local.Addr()
	case *rtnl.Rule:
		return true
	}
	return false
}

func eventText(x rtable.Change, name rtnl.Namer) string {
	verb := x.Op.String() + " "
	switch m := x.Message.(type) {
	case *rtnl.Link:
		switch {
		case x.Op == rtnl.Del:
			return "link " + name(m.Index) + " deleted"
		case m.Up():
			return "link " + name(m.Index) + " without carrier"
		}
		return "link " + name(m.Index) + " down"
	case *rtnl.Route:
		return verb + string(m.Append(nil, name))
	case *rtnl.Addr:
		return verb + "address " + m.Local.String() + " dev " + name(m.Link)
	case *rtnl.Rule:
		return verb + "rule " + m.String()
	}
	return ""
}
