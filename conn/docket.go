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
type docket struct {
	entries map[flowKey]*entry
	queue   []*entry // in the order in which they are due, unless mixed; dropped ones too
	mixed   bool
	dead    int    // of the queue, dropped
	last    uint64 // serial of the newest entry
}

// flowKey is the identity of a flow: its socket, not its addresses, which the
// next connection may have again.
type flowKey struct {
	cookie        uint64
	local, remote netip.AddrPort
}

// entry is one stranded flow. A lost default route makes as many as there are
// connections, so it is small: the verdict, which is not, is made again when it is
// needed.
type entry struct {
	flow    Flow
	before  *rtable.Table
	cause   Cause     // Event says what stranded it; the rest is named when it comes to a close
	due     time.Time // when the verdict has stood long enough
	serial  uint64    // of several that are due at one time the older comes first
	tries   int       // closes that did not come about
	armed   bool      // it is under a time limit, and waits for its path or its end
	dropped bool      // it is on the docket no more
}

func keyOf(f Flow) flowKey { return flowKey{f.Cookie, f.Local, f.Remote} }

// add enters a stranded flow. One that is there already keeps its place and its
// time: the first change that stranded it counts.
func (d *docket) add(e *entry) {
	if d.entries == nil {
		d.entries = make(map[flowKey]*entry)
	}
	if d.entries[keyOf(e.flow)] != nil {
		return
	}
	d.entries[keyOf(e.flow)] = e
	d.last++
	e.serial = d.last
	d.mixed = d.mixed || len(d.queue) > 0 && e.due.Before(d.queue[len(d.queue)-1].due)
	d.queue = append(d.queue, e)
}

// refresh takes in what a flow is listed with now: its connection may have been given
// a mark since.
func (d *docket) refresh(f Flow) {
	if have := d.entries[keyOf(f)]; have != nil {
		have.flow = f
	}
}

// review judges every flow of the docket by cur, or only those that are touched,
// and drops those that are no longer stranded, which it returns.
func (d *docket) review(judge judge, cur *rtable.Table, closes ReasonSet, touched func(local, remote netip.Addr) bool) (dropped []*entry) {
	for _, e := range d.entries {
		if touched != nil && !touched(e.flow.Local.Addr(), e.flow.Remote.Addr()) {
			continue
		}
		if closes.Has(judge(e.before, cur, e.flow).Reason) {
			continue
		}
		d.drop(e)
		dropped = append(dropped, e)
	}
	return dropped
}

// judge is Assess or AssessForwarded.
type judge func(old, cur *rtable.Table, f Flow) Verdict

// due returns the entries whose time has come, oldest first. The slice is valid
// until the docket is asked or added to again.
func (d *docket) due(now time.Time) []*entry {
	d.order()
	n, _ := slices.BinarySearchFunc(d.queue, now, func(e *entry, now time.Time) int {
		if e.due.After(now) {
			return 1
		}
		return -1
	})
	return d.queue[:n]
}

// next is the time of the earliest entry; the zero Time where there is none.
func (d *docket) next() time.Time {
	if d.order(); len(d.queue) > 0 {
		return d.queue[0].due
	}
	return time.Time{}
}

// order puts the queue in order, and lets go of what was dropped when that is most
// of it, or in front.
func (d *docket) order() {
	if d.mixed || d.dead > len(d.queue)/2 {
		d.queue = slices.DeleteFunc(d.queue, func(e *entry) bool { return e.dropped })
		d.dead = 0
	}
	if d.mixed {
		slices.SortFunc(d.queue, func(a, b *entry) int {
			return cmp.Or(a.due.Compare(b.due), cmp.Compare(a.serial, b.serial))
		})
		d.mixed = false
	}
	for len(d.queue) > 0 && d.queue[0].dropped {
		d.queue, d.dead = d.queue[1:], d.dead-1
	}
	if len(d.queue) == 0 {
		*d = docket{last: d.last} // a map keeps the room it once needed
	}
}

func (d *docket) drop(e *entry) {
	if e.dropped {
		return
	}
	delete(d.entries, keyOf(e.flow))
	e.dropped = true
	d.dead++
}

// delay makes an entry due at another time.
func (d *docket) delay(e *entry, due time.Time) {
	e.due = due
	d.mixed = true
}

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
	d.delay(e, now.Add(retryAfter<<e.tries))
	if e.tries++; e.tries >= maxTries {
		d.drop(e)
	}
}
