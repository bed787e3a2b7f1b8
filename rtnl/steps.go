package rtnl

import (
	"iter"
	"net/netip"
)

// Steps yields the batch in parts, to be applied in order: a new one begins where a
// route or an address goes, or is replaced, that came in the same part. So what was
// there for a moment, while events were queued, is a state of its own: a connection
// may have been dialled by it. The parts share the events of the batch.
func (b Batch) Steps() iter.Seq[Batch] {
	return func(yield func(Batch) bool) {
		start := 0
		if !b.Full && b.Part == nil {
			came := make(map[subject]bool)
			for i, e := range b.Events {
				what, ok := subjectOf(e.Message)
				if !ok {
					continue
				}
				if came[what] && (e.Op == Del || e.Flags&FlagReplace != 0) {
					part := b
					part.Events = b.Events[start:i]
					if !yield(part) {
						return
					}
					start = i
					clear(came)
				}
				if e.Op == New {
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

func subjectOf(m Message) (subject, bool) {
	switch m := m.(type) {
	case *Route:
		return subject{prefix: m.Dst, where: m.Table}, true
	case *Addr:
		return subject{prefix: netip.PrefixFrom(m.Local, m.Local.BitLen()), where: m.Link, addr: true}, true
	}
	return subject{}, false
}
