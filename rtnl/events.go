package rtnl

import (
	"iter"

	"github.com/netmond/netmond/internal/netlink"
)

// Events yields what the messages of one datagram say, in order. A message that
// does not parse yields an error in its place, and the sequence goes on with the
// next one; only a wrong message length ends it. Messages of other kinds and
// families are passed over.
//
// The values copy what they need: the datagram may be reused.
func Events(datagram []byte) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		var d decoder
		for m, err := range netlink.Messages(datagram) {
			if err == nil {
				var e Event
				if e, err = d.event(m); err == nil && e.Message == nil {
					continue
				}
				if err == nil {
					if !yield(e, nil) {
						return
					}
					continue
				}
			}
			if !yield(Event{}, err) {
				return
			}
		}
	}
}

// decoder turns messages into events. It hands out routes and next hops from
// blocks, since a dump has a million of them, and the same next hops again where
// it can, since they have few. For one goroutine.
type decoder struct {
	attrs  [iflaMax + 1][]byte // the widest table; each message clears its part
	routes blocks[Route]
	hops   blocks[NextHop]
	seen   [64][]NextHop // single next hops told lately, by slot
}

// hop hands out a list of one next hop, which is h. Many routes may have it.
func (d *decoder) hop(h NextHop) []NextHop {
	last := h.Gateway.As16()[15]
	slot := &d.seen[(uint32(last)^h.Oif)%uint32(len(d.seen))]
	if len(*slot) == 0 || (*slot)[0] != h {
		*slot = []NextHop{h}
	}
	return *slot
}

// rewind makes the memory of the events so far that of the next ones.
func (d *decoder) rewind() {
	d.routes.rewind()
	d.hops.rewind()
}

// event reads one message. The Message of the event is nil where there is
// nothing to tell.
func (d *decoder) event(m netlink.Message) (Event, error) {
	e := Event{Op: New, Flags: m.Flags & (FlagReplace | FlagExcl | FlagCreate | FlagAppend)}
	if m.Flags&netlink.FlagMulti != 0 {
		e.Flags = 0
	}
	switch m.Type {
	case rtmDelLink, rtmDelAddr, rtmDelRoute, rtmDelRule, rtmDelNexthop, rtmDelNetconf:
		e.Op = Del
	}
	// Each case assigns only what is there: a nil *Link in a Message is not nil.
	switch m.Type {
	case rtmNewRoute, rtmDelRoute:
		r := &d.routes.next(1)[0]
		ok, err := d.parseRoute(r, m.Data)
		if ok {
			d.routes.take(1)
			e.Message = r
		}
		return e, err
	case rtmNewLink, rtmDelLink:
		l, err := parseLink(m.Data, d.attrs[:iflaMax+1])
		if l != nil {
			e.Message = l
		}
		return e, err
	case rtmNewAddr, rtmDelAddr:
		a, err := parseAddr(m.Data, d.attrs[:ifaMax+1])
		if a != nil {
			e.Message = a
		}
		return e, err
	case rtmNewRule, rtmDelRule:
		r, err := parseRule(m.Data, d.attrs[:fraMax+1])
		if r != nil {
			e.Message = r
		}
		return e, err
	case rtmNewNexthop, rtmDelNexthop:
		n, err := parseNextHopObject(m.Data, d.attrs[:nhaMax+1])
		if n != nil {
			e.Message = n
		}
		return e, err
	case rtmNewNetconf, rtmDelNetconf:
		n, err := parseNetconf(e.Op == Del, m.Data, d.attrs[:netconfaMax+1])
		if n != nil {
			e.Message = n
		}
		return e, err
	}
	return e, nil
}
