package rtnl

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/netmond/netmond/internal/netlink"
)

// A part that is read again does not make up for events lost meanwhile.
func TestEventsLostWhileReadingAPartReadEverythingAgain(t *testing.T) {
	k := newFakeKernel(t)
	w, next := k.watch()
	k.ready(next)
	k.onDump = func(what string) {
		if what == "route inet oif 3" {
			k.overrun()
		}
	}
	k.notify(fakeAddr(rtmDelAddr, "192.0.2.9/24", 3))
	wantBatch(t, next, "1 events")
	wantBatch(t, next, "part 1 2 3 more")
	wantBatch(t, next, "")
	wantBatch(t, next, "full more")
	if w.Resyncs() != 1 {
		t.Errorf("Resyncs = %d, want 1", w.Resyncs())
	}
}

// What happens elsewhere while a part is read, and read again, is not lost.
func TestInterruptedPartKeepsEvents(t *testing.T) {
	k := newFakeKernel(t)
	_, next := k.watch()
	k.ready(next)
	k.onDump = func(what string) {
		if what == "nexthop" {
			k.notify(fakeRoute(rtmNewRoute, "192.0.2.0/25", 3))
			k.state["nexthop"] = []item{{datagram: fakeNexthop(rtmNewNexthop, 7)}, {err: netlink.ErrInterrupted}}
			k.onDump = func(string) { k.state["nexthop"] = k.state["nexthop"][:1] }
		}
	}
	k.notify(fakeNexthop(rtmDelNexthop, 1))
	wantBatch(t, next, "1 events")
	wantBatch(t, next, "part 2 0 0 more 1 events")
	wantBatch(t, next, "part 2 0 0 more 1 events")
	wantBatch(t, next, "192.0.2.0/25")
}

// The occasions on which the kernel removes in silence (kernel facts T1, T3, T4,
// T6, T10, T11), and what is read again at once.
func TestSilentRemovalsAreReadAgain(t *testing.T) {
	const (
		running = FlagUp | FlagRunning | FlagLowerUp
		ofLink  = "part 2 0 0 more|part 1 2 3 more|part 1 10 3 more"
	)
	for _, tt := range []struct {
		name   string
		was    uint32 // flags of link 3 in the dump
		events [][]byte
		want   string // parts, in order
	}{
		{"admin-down", running, [][]byte{fakeLink(rtmNewLink, 3, 0)}, ofLink},
		{"admin-down-without-carrier", FlagUp, [][]byte{fakeLink(rtmNewLink, 3, 0)}, ofLink},
		{"carrier-loss", running, [][]byte{fakeLink(rtmNewLink, 3, FlagUp)}, ofLink},
		{"running-is-either-bit", running, [][]byte{fakeLink(rtmNewLink, 3, FlagUp|FlagLowerUp)}, ""},
		{"link-gone", running, [][]byte{fakeLink(rtmDelLink, 3, 0)}, ofLink},
		{"flap", running, [][]byte{fakeLink(rtmNewLink, 3, 0), fakeLink(rtmNewLink, 3, running)}, ofLink},
		{"down-twice", running, [][]byte{fakeLink(rtmNewLink, 3, FlagUp), fakeLink(rtmNewLink, 3, 0)}, ofLink},
		{"up", 0, [][]byte{fakeLink(rtmNewLink, 3, running)}, ""},
		{"still-down", 0, [][]byte{fakeLink(rtmNewLink, 3, 0)}, ""},
		{"address-gone", running, [][]byte{fakeAddr(rtmDelAddr, "192.0.2.9/24", 3)}, "part 1 2 3 more"},
		{"address-gone-ipv6", running, [][]byte{fakeAddr(rtmDelAddr, "2001:db8::9/64", 3)}, "part 1 10 3 more"},
		{"address-new", running, [][]byte{fakeAddr(rtmNewAddr, "192.0.2.9/24", 3)}, ""},
		{"nexthop-gone", running, [][]byte{fakeNexthop(rtmDelNexthop, 10)}, "part 2 0 0 more"},
		{"nexthop-new", running, [][]byte{fakeNexthop(rtmNewNexthop, 10)}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := newFakeKernel(t)
			k.state["link"] = []item{{datagram: fakeLink(rtmNewLink, 3, tt.was)}}
			_, next := k.watch()
			k.ready(next)
			k.notify(tt.events...)
			wantBatch(t, next, fmt.Sprintf("%d events", len(tt.events)))
			for _, part := range strings.FieldsFunc(tt.want, func(r rune) bool { return r == '|' }) {
				wantBatch(t, next, part)
				wantBatch(t, next, "")
			}
			// Nothing else is read: the next event comes next.
			k.notify(fakeRoute(rtmNewRoute, "192.0.2.0/25", 3))
			wantBatch(t, next, "192.0.2.0/25")
		})
	}
}

// The occasion may come while the state, or another part, is read.
func TestSilentRemovalWhileReadingIsReadAgain(t *testing.T) {
	k := newFakeKernel(t)
	k.onDump = func(what string) {
		switch what {
		case "route inet6":
			k.notify(fakeAddr(rtmDelAddr, "192.0.2.9/24", 3))
		case "route inet oif 3":
			k.notify(fakeAddr(rtmDelAddr, "2001:db8::9/64", 3))
		}
	}
	_, next := k.watch()
	wantBatch(t, next, "full more")
	wantBatch(t, next, "1 events")
	wantBatch(t, next, "part 1 2 3 more")
	wantBatch(t, next, "1 events")
	wantBatch(t, next, "part 1 10 3 more")
	wantBatch(t, next, "")
	k.onWait = func() { k.notify(fakeRoute(rtmNewRoute, "192.0.2.0/25", 3)) }
	wantBatch(t, next, "192.0.2.0/25")
}

// A new link may have the ifindex of one that is gone.
func TestReusedIfindexStartsAnew(t *testing.T) {
	k := newFakeKernel(t)
	k.state["link"] = []item{{datagram: fakeLink(rtmNewLink, 3, FlagUp)}}
	_, next := k.watch()
	k.ready(next)
	k.notify(fakeLink(rtmDelLink, 3, FlagUp))
	wantBatch(t, next, "1 events")
	for _, part := range []string{"part 2 0 0 more", "part 1 2 3 more", "part 1 10 3 more"} {
		wantBatch(t, next, part)
		wantBatch(t, next, "")
	}
	k.notify(fakeLink(rtmNewLink, 3, 0))
	wantBatch(t, next, "1 events")
	k.notify(fakeRoute(rtmNewRoute, "192.0.2.0/25", 3))
	wantBatch(t, next, "192.0.2.0/25")
}

func TestPartHoldsWhatTheKernelStillHas(t *testing.T) {
	k := newFakeKernel(t)
	_, next := k.watch()
	k.ready(next)
	k.state["route inet oif 3"] = []item{{datagram: fakeRoute(rtmNewRoute, "192.0.2.0/24", 3)}}
	k.onDump = func(string) { k.notify(fakeRoute(rtmNewRoute, "198.51.100.0/24", 3)) }
	k.notify(fakeAddr(rtmDelAddr, "192.0.2.9/24", 3))
	wantBatch(t, next, "1 events")
	wantBatch(t, next, "part 1 2 3 more 192.0.2.0/24")
	wantBatch(t, next, "198.51.100.0/24") // what happened meanwhile
	k.wantLog("dump route inet oif 3")
}

// The link asked about may be gone by then.
func TestNoSuchDeviceIsAnEmptyPart(t *testing.T) {
	k := newFakeKernel(t)
	_, next := k.watch()
	k.ready(next)
	k.state["route inet oif 3"] = []item{{err: &netlink.Error{Errno: syscall.ENODEV}}}
	k.notify(fakeAddr(rtmDelAddr, "192.0.2.9/24", 3))
	wantBatch(t, next, "1 events")
	wantBatch(t, next, "part 1 2 3 more")
	wantBatch(t, next, "")
}
