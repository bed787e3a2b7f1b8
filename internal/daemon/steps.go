package daemon

import (
	"iter"
	"net/netip"

	"github.com/netmond/netmond/rtnl"
)

// steps yields a batch in parts: a new one begins where a route or an address goes,
// or is replaced, that came in the same part. So what was there for a moment, while
// events were queued, is a state that flows are judged from: one may have been
// dialled by it.
func steps(b rtnl.Batch) iter.Seq[rtnl.Batch] {
	return func(yield func(rtnl.Batch) bool) {
		start := 0
		if !b.Full && b.Part == nil {
			came := make(map[subject]bool)
			for i, e := range b.Events {
				what, ok := subjectOf(e.Message)
				if !ok {
					continue
				}
				if came[what] && (e.Op == rtnl.Del || e.Flags&rtnl.FlagReplace != 0) {
					part := b
					part.Events = b.Events[start:i]
					if !yield(part) {
						return
					}
					start = i
					clear(came)
				}
				if e.Op == rtnl.New {
					came[what] = true
				}
			}
		}
		b.Events = b.Events[start:]
		yield(b)
	}
}

// subject is what an event is about: a destination in a table, or an address.
type subject struct {
	prefix netip.Prefix
	where  uint32 // the table, or the link
	addr   bool
}

func subjectOf(m rtnl.Message) (subject, bool) {
	switch m := m.(type) {
	case *rtnl.Route:
		return subject{prefix: m.Dst, where: m.Table}, true
	case *rtnl.Addr:
		return subject{prefix: netip.PrefixFrom(m.Local, m.Local.BitLen()), where: m.Link, addr: true}, true
	}
	return subject{}, false
}
