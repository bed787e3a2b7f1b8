package conn

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/netmond/netmond/rtable"
)

// docket holds the flows that a change has stranded, until they are closed or
// turn out not to be. It is pure: the caller brings the time. For one goroutine.
//
// An entry keeps the table before the change that stranded the flow, and is
// judged by it again after every change, so that what undoes itself closes
// nothing and what stands is not forgotten.
type docket struct{ entries map[flowKey]*entry }

// flowKey is the identity of a flow: its socket, not its addresses, which the
// next connection may have again.
type flowKey struct {
	cookie        uint64
	local, remote netip.AddrPort
}

type entry struct {
	flow    Flow
	before  *rtable.Table
	verdict Verdict
	event   string    // the change that stranded it
	due     time.Time // when the verdict has stood long enough
	tries   int       // closes that did not come about
	armed   bool      // it is under a time limit, and waits for its path or its end
}

func keyOf(f Flow) flowKey { return flowKey{f.Cookie, f.Local, f.Remote} }

// add enters a stranded flow. One that is there already keeps its place and its
// time: the first change that stranded it counts.
func (d *docket) add(e *entry) {
	if d.entries == nil {
		d.entries = make(map[flowKey]*entry)
	}
	if have := d.entries[keyOf(e.flow)]; have != nil {
		have.flow = e.flow
		return
	}
	d.entries[keyOf(e.flow)] = e
}

// review judges every flow of the docket by cur and drops those that are no
// longer stranded. It returns the dropped ones that were armed.
func (d *docket) review(judge judge, cur *rtable.Table, closes ReasonSet) (armed []*entry) {
	for key, e := range d.entries {
		v := judge(e.before, cur, e.flow)
		if closes.Has(v.Reason) {
			e.verdict = v
			continue
		}
		delete(d.entries, key)
		if e.armed {
			armed = append(armed, e)
		}
	}
	return armed
}

// judge is Assess or AssessForwarded.
type judge func(old, cur *rtable.Table, f Flow) Verdict

// due returns the entries whose time has come, oldest first.
func (d *docket) due(now time.Time) []*entry {
	var list []*entry
	for _, e := range d.entries {
		if !e.due.After(now) {
			list = append(list, e)
		}
	}
	slices.SortFunc(list, func(a, b *entry) int {
		return cmp.Or(a.due.Compare(b.due), cmp.Compare(a.flow.Cookie, b.flow.Cookie))
	})
	return list
}

// next is the time of the earliest entry; the zero Time where there is none.
func (d *docket) next() time.Time {
	var first time.Time
	for _, e := range d.entries {
		if first.IsZero() || e.due.Before(first) {
			first = e.due
		}
	}
	return first
}

// cause is the entry's verdict for those who are told.
func (e *entry) cause() Cause {
	c := Cause{Reason: e.verdict.Reason, Event: e.event}
	if e.verdict.Link != 0 {
		c.Was = string(e.verdict.Was.Route.Append(nil, e.before.LinkName))
	}
	return c
}

func (d *docket) drop(e *entry) { delete(d.entries, keyOf(e.flow)) }

const (
	// retryAfter is how long a flow waits that could not be closed, doubled each
	// time. Shorter, and a kernel that disagrees is asked in vain; longer, and a
	// dead connection stays.
	retryAfter = time.Second

	// maxTries bounds the tries, some four minutes in all: by then the flow has
	// gone, or another change will bring it up again.
	maxTries = 8
)

// postpone lets a flow wait after a try that failed, and gives up after the last.
func (d *docket) postpone(e *entry, now time.Time) {
	e.due = now.Add(retryAfter << e.tries)
	if e.tries++; e.tries >= maxTries {
		d.drop(e)
	}
}
