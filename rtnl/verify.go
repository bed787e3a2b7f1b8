package rtnl

import (
	"context"
	"time"
)

// The kernel removes in silence:
//
//   - every IPv4 route of a link that goes down (fib_sync_down_dev);
//   - every IPv4 route of a link that loses its last IPv4 address
//     (fib_disable_ip), and those that prefer a deleted address, before 6.6
//     (fib_sync_down_addr);
//   - the IPv6 routes of a link that goes down, under skip_notify_on_dev_down;
//   - the preferred source of an IPv6 route, when the address goes;
//   - an IPv6 route whose lifetime is over, for half a minute; it is of no use at
//     once. A router's gets its lifetime after it was told with none or one that ends
//     at once: the more specific ones, and before 6.9 or so the default one
//     (rt6_route_rcv, ndisc_router_discovery);
//   - the nexthop objects of a link that goes down or loses carrier, and the
//     IPv4 routes of a deleted nexthop object (nexthop_flush_dev, remove_nexthop).
//
// What is bound to one link is read again at once, filtered by the link. What
// may be anywhere needs the whole table; that is done a little later, once for
// many occasions, and never takes more than a twentieth of the time.

const (
	// wholeDelay is how long after the occasion a whole family is read again.
	// Shorter, and DHCP's delete-and-add costs two dumps; longer, and a route
	// that only the dump shows gone is believed in for longer.
	wholeDelay = 500 * time.Millisecond

	// lifetimeSlack is how long after its end a route is read again: the kernel
	// tells lifetimes to the second, rounded up here.
	lifetimeSlack = 50 * time.Millisecond

	// wholeShare bounds the time spent on whole-family dumps to 1/wholeShare.
	wholeShare = 20

	// longestPause bounds that share: a dump that the machine was slow with must not
	// put off the next one for longer than what is gone may be believed in.
	longestPause = 5 * time.Second
)

// verifier decides, from the events, what must be read again. For one goroutine.
type verifier struct {
	links map[uint32]linkState
	parts []Part // to be read at once, each once

	due      [2]time.Time // IPv4, IPv6: when the whole family is to be read; zero for never
	earliest time.Time    // no whole dump before

	untold bool // a router's route was told without its lifetime, and not read since
	doubt  bool // the dump now read is the first one since
}

// linkState is what of a link decides over its routes.
type linkState struct{ up, running bool }

func newVerifier() verifier { return verifier{links: make(map[uint32]linkState)} }

// learn takes in events of a dump, which are no occasion for anything.
func (v *verifier) learn(events []Event) {
	for _, e := range events {
		switch m := e.Message.(type) {
		case *Link:
			v.links[m.Index] = linkState{m.Up(), m.Running()}
		case *Route:
			v.noteLifetime(e.Op, m)
			if v.doubt && m.Protocol == protocolRA && m.Expires == 0 { // for ever, or 10 ms from its end
				v.later(IPv6)
			}
		}
	}
}

// noteLifetime has a route with a lifetime read again when that should be over:
// the kernel tells neither a refresh nor, for half a minute, the end
// (fib6_run_gc).
func (v *verifier) noteLifetime(op Op, r *Route) {
	if op == New && r.Expires > 0 {
		v.whole(r.Family(), time.Now().Add(time.Duration(r.Expires)*time.Second+lifetimeSlack))
	}
}

// note takes in events and remembers what must be read again for them.
func (v *verifier) note(events []Event) {
	for _, e := range events {
		switch m := e.Message.(type) {
		case *Link:
			v.noteLink(e.Op, m)
		case *Route:
			v.noteLifetime(e.Op, m)
			if e.Op == New && m.Protocol == protocolRA && m.Expires <= 0 {
				v.untold = true
				v.later(IPv6)
			}
		case *Addr:
			if e.Op == Del {
				fam := family(m.Local)
				v.read(Part{Kind: Routes, Family: fam, Oif: m.Link})
				v.later(fam)
			}
		case *Netconf: // hides or shows which legs are dead
			if m.Link > 0 {
				v.read(Part{Kind: Routes, Family: m.Family, Oif: uint32(m.Link)})
			} else {
				v.later(m.Family)
			}
		case *NextHopObject:
			if e.Op == Del {
				v.read(Part{Kind: NextHopObjects})
				v.later(IPv4)
				v.later(IPv6)
			}
		}
	}
}

func (v *verifier) noteLink(op Op, l *Link) {
	was := v.links[l.Index]
	now := linkState{l.Up(), l.Running()}
	if op == Del {
		now = linkState{}
		delete(v.links, l.Index)
	} else {
		v.links[l.Index] = now
	}
	if was.up && !now.up || was.running && !now.running {
		v.read(Part{Kind: NextHopObjects})
		v.read(Part{Kind: Routes, Family: IPv4, Oif: l.Index})
		v.read(Part{Kind: Routes, Family: IPv6, Oif: l.Index})
	}
	if was.up && !was.running && now.running { // a leg may be dead for another reason
		v.read(Part{Kind: Routes, Family: IPv4, Oif: l.Index})
	}
}

func (v *verifier) read(p Part) {
	for _, have := range v.parts {
		if have == p {
			return
		}
	}
	v.parts = append(v.parts, p)
}

// later has the whole family read again soon.
func (v *verifier) later(fam uint8) { v.whole(fam, time.Now().Add(wholeDelay)) }

// whole has the whole family read again, at the given time or before.
func (v *verifier) whole(fam uint8, at time.Time) {
	if at.Before(v.earliest) {
		at = v.earliest
	}
	if due := &v.due[wholeIndex(fam)]; due.IsZero() || at.Before(*due) {
		*due = at
	}
}

func wholeIndex(fam uint8) int {
	if fam == IPv4 {
		return 0
	}
	return 1
}

// deadline bounds a wait for events by the time at which a whole dump is due.
func (v *verifier) deadline(ctx context.Context) (context.Context, context.CancelFunc) {
	first := v.due[0]
	if d := v.due[1]; first.IsZero() || !d.IsZero() && d.Before(first) {
		first = d
	}
	if first.IsZero() {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, first)
}

// take hands out what is to be read now.
func (v *verifier) take() []Part {
	parts := v.parts
	v.parts = nil
	for i, fam := range []uint8{IPv4, IPv6} {
		if due := v.due[i]; !due.IsZero() && !time.Now().Before(due) {
			parts = append(parts, Part{Kind: Routes, Family: fam})
			v.due[i] = time.Time{}
			if fam == IPv6 {
				v.doubt, v.untold = v.untold, false
			}
		}
	}
	return parts
}

// verifyParts reads again what the events gave occasion for.
func (s *stream) verifyParts(ctx context.Context) error {
	for _, p := range s.verify.take() {
		d := dump{typ: rtmGetNexthop, header: sizeofNhmsg}
		if p.Kind == Routes {
			d = dump{typ: rtmGetRoute, header: sizeofRtMsg, family: p.Family, oif: p.Oif}
		}
		start := time.Now()
		if err := s.read(ctx, Batch{Part: &p}, []dump{d}); err != nil {
			return err
		}
		if p.Kind == Routes && p.Oif == 0 {
			s.verify.earliest = time.Now().Add(min(time.Since(start)*wholeShare, longestPause))
		}
		if s.stale {
			return nil
		}
	}
	return nil
}
