package rtnl

import (
	"context"
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/netmond/netmond/internal/netlink"
)

func TestWatchJoinsThenDumpsThenStreams(t *testing.T) {
	k := newFakeKernel(t)
	k.state["link"] = []item{{datagram: fakeLink(rtmNewLink, 3, FlagUp)}}
	k.state["route inet"] = []item{
		{datagram: fakeRoute(rtmNewRoute, "192.0.2.0/24", 3)}, {datagram: fakeRoute(rtmNewRoute, "198.51.100.0/24", 3)},
	}
	k.onDump = func(what string) {
		if what == "route inet6" { // while the dump runs
			k.notify(fakeRoute(rtmDelRoute, "198.51.100.0/24", 3), fakeRoute(rtmNewRoute, "203.0.113.0/24", 3))
		}
	}
	w, next := k.watch()
	wantBatch(t, next, "full more 1 events")
	wantBatch(t, next, "more 192.0.2.0/24")
	wantBatch(t, next, "more 198.51.100.0/24")
	wantBatch(t, next, "-198.51.100.0/24 203.0.113.0/24")
	k.wantLog("events|" + everything)

	// All that is queued is one batch.
	k.notify(fakeRoute(rtmNewRoute, "192.0.2.0/25", 3), fakeRoute(rtmDelRoute, "192.0.2.0/24", 3))
	wantBatch(t, next, "192.0.2.0/25 -192.0.2.0/24")
	k.notify(fakeRoute(rtmNewRoute, "2001:db8::/32", 3))
	wantBatch(t, next, "2001:db8::/32")
	k.wantLog("")
	if w.Resyncs() != 0 || w.Skipped() != 0 {
		t.Errorf("resyncs, skipped = %d, %d, want 0, 0", w.Resyncs(), w.Skipped())
	}
}

func TestWatchIsReadyWithoutAnyRoute(t *testing.T) {
	k := newFakeKernel(t)
	k.state["nexthop"] = []item{{err: &netlink.Error{Errno: syscall.EOPNOTSUPP}}}       // kernel before 5.3
	k.state["route inet6"] = []item{{err: &netlink.Error{Errno: syscall.EAFNOSUPPORT}}} // or without IPv6
	_, next := k.watch()
	wantBatch(t, next, "full more")
	wantBatch(t, next, "")
}

func TestMalformedMessageIsCountedAndSkipped(t *testing.T) {
	k := newFakeKernel(t)
	k.state["route inet"] = []item{{datagram: slices.Concat(fakeShort(), fakeRoute(rtmNewRoute, "192.0.2.0/24", 3))}}
	w, next := k.watch()
	wantBatch(t, next, "full more 192.0.2.0/24")
	wantBatch(t, next, "")
	k.notify(fakeShort(), slices.Concat(fakeRoute(rtmNewRoute, "198.51.100.0/24", 3), fakeShort(), fakeRoute(rtmNewRoute, "203.0.113.0/24", 3)))
	wantBatch(t, next, "198.51.100.0/24 203.0.113.0/24")
	k.notify(fakeRoute(rtmNewRoute, "192.0.2.0/24", 3)[:20]) // cut within the message
	k.notify(fakeRoute(rtmNewRoute, "192.0.2.0/25", 3))
	wantBatch(t, next, "192.0.2.0/25")
	if w.Skipped() != 4 {
		t.Errorf("Skipped = %d, want 4", w.Skipped())
	}
	k.log = nil
}

// A datagram without anything to tell makes no batch.
func TestMessagesOfOtherKindsMakeNoBatch(t *testing.T) {
	k := newFakeKernel(t)
	_, next := k.watch()
	k.ready(next)
	k.notify(fakeMessage(28, make([]byte, 12))) // RTM_NEWNEIGH
	k.onWait = func() { k.notify(fakeRoute(rtmNewRoute, "192.0.2.0/25", 3)) }
	wantBatch(t, next, "192.0.2.0/25")
}

func TestWatchEndsWithItsContext(t *testing.T) {
	for name, overrun := range map[string]bool{"waiting": false, "resync": true} {
		t.Run(name, func(t *testing.T) {
			k := newFakeKernel(t)
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			var last error
			for b, err := range (&Watcher{open: k.open}).Watch(ctx) {
				if last = err; err != nil || b.More {
					continue
				}
				if overrun {
					k.overrun()
				}
				k.onWait = cancel
			}
			if !errors.Is(last, context.Canceled) || k.closed != k.sockets {
				t.Errorf("last error = %v with %d of %d sockets closed, want context.Canceled and all", last, k.closed, k.sockets)
			}
		})
	}
}

func TestConsumerMayStopAtAnyBatch(t *testing.T) {
	for n := range 4 {
		k := newFakeKernel(t)
		k.state["link"] = []item{{datagram: fakeLink(rtmNewLink, 3, FlagUp)}}
		k.notify(fakeRoute(rtmNewRoute, "192.0.2.0/25", 3))
		seen := 0
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		for b, err := range (&Watcher{open: k.open}).Watch(ctx) {
			if err != nil {
				t.Fatal(err)
			}
			if !b.More {
				k.notify(fakeAddr(rtmDelAddr, "192.0.2.9/24", 3))
			}
			if seen++; seen > n {
				break
			}
		}
		cancel()
		if seen != n+1 || k.closed != k.sockets {
			t.Errorf("%d batches with %d of %d sockets closed, want %d and all", seen, k.closed, k.sockets, n+1)
		}
	}
}

func TestWatchEndsWhereNoSocketCanBeHad(t *testing.T) {
	k := newFakeKernel(t)
	for allowed := range 2 { // that of events, that of dumps
		k.sockets, k.closed = 0, 0
		w := &Watcher{open: func() (socket, error) {
			if k.sockets == allowed {
				return nil, errFake
			}
			return k.open()
		}}
		var errs []error
		for _, err := range w.Watch(context.Background()) {
			errs = append(errs, err)
		}
		if len(errs) != 1 || !errors.Is(errs[0], errFake) || k.closed != k.sockets {
			t.Errorf("errors = %v with %d of %d sockets closed, want the one of open", errs, k.closed, k.sockets)
		}
	}
}

func TestWatchEndsWhereDumpsAreRefused(t *testing.T) {
	k := newFakeKernel(t)
	k.state["rule inet"] = []item{{err: &netlink.Error{Errno: syscall.EPERM}}}
	var last error
	for _, err := range (&Watcher{open: k.open}).Watch(context.Background()) {
		last = err
	}
	if !errors.Is(last, syscall.EPERM) || !strings.HasPrefix(last.Error(), "rtnl: dump: ") {
		t.Errorf("last error = %v, want the refusal", last)
	}
}

// With Reuse the memory of a batch is that of the one before; without it a batch
// stays as it was told.
func TestReuse(t *testing.T) {
	for _, reuse := range []bool{false, true} {
		k := newFakeKernel(t)
		w, next := k.watch()
		w.Reuse = reuse
		k.ready(next)
		var told []*Route
		for _, dst := range []string{"192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"} {
			k.notify(fakeRoute(rtmNewRoute, dst, 3))
			b, err := next()
			if err != nil || dsts(b) != dst {
				t.Fatalf("Reuse %v: batch = %q, %v, want %s", reuse, dsts(b), err, dst)
			}
			told = append(told, b.Events[0].Message.(*Route))
		}
		if same := told[0] == told[1] && told[1] == told[2]; same != reuse {
			t.Errorf("Reuse %v: one Route for all is %v", reuse, same)
		}
		if first := told[0].Dst.String(); !reuse && first != "192.0.2.0/24" {
			t.Errorf("the first route has become %s", first)
		}
	}
}
