package rtnl

import (
	"fmt"
	"strings"
	"testing"

	"github.com/netmond/netmond/internal/netlink"
)

func TestOverrunReadsEverythingAgain(t *testing.T) {
	for _, tt := range []struct {
		name  string
		lose  func(k *fakeKernel)
		first string // what is told before
	}{
		{"alone", (*fakeKernel).overrun, ""},
		{"behind-events", func(k *fakeKernel) {
			k.notify(fakeRoute(rtmNewRoute, "192.0.2.0/25", 3))
			k.overrun()
			k.notify(fakeRoute(rtmNewRoute, "192.0.2.0/26", 3)) // from after the gap: void
		}, "192.0.2.0/25"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := newFakeKernel(t)
			w, next := k.watch()
			k.ready(next)
			tt.lose(k)
			k.state["route inet"] = []item{{datagram: fakeRoute(rtmNewRoute, "198.51.100.0/24", 3)}}
			if tt.first != "" {
				wantBatch(t, next, tt.first)
			}
			wantBatch(t, next, "full more 198.51.100.0/24")
			wantBatch(t, next, "")
			k.wantLog(everything)
			if w.Resyncs() != 1 {
				t.Errorf("Resyncs = %d, want 1", w.Resyncs())
			}
		})
	}
}

func TestResyncReadsEverythingAgain(t *testing.T) {
	k := newFakeKernel(t)
	w, next := k.watch()
	w.Resync() // before there is anything to wake: one more
	k.ready(next)
	wantBatch(t, next, "full more")
	wantBatch(t, next, "")
	k.onWait = w.Resync
	wantBatch(t, next, "full more")
	wantBatch(t, next, "")
	k.wantLog(everything + "|" + everything)
	if w.Resyncs() != 2 {
		t.Errorf("Resyncs = %d, want 2", w.Resyncs())
	}
	// The second half of a Resync that came while another was served.
	k.onWait = func() {
		(*w.wake.Load())()
		k.onWait = func() { k.notify(fakeRoute(rtmNewRoute, "192.0.2.0/25", 3)) }
	}
	wantBatch(t, next, "192.0.2.0/25")
}

func TestEventsLostWhileDumpingReadEverythingAgain(t *testing.T) {
	k := newFakeKernel(t)
	dumps := 0
	k.onDump = func(what string) {
		if what == "link" {
			if dumps++; dumps == 1 {
				k.overrun()
			}
		}
	}
	_, next := k.watch()
	wantBatch(t, next, "full more")
	wantBatch(t, next, "full more")
	wantBatch(t, next, "")
	k.wantLog("events|" + everything + "|" + everything)
}

func TestInterruptedDumpIsRepeated(t *testing.T) {
	interrupted := item{err: netlink.ErrInterrupted}
	for _, tt := range []struct {
		name  string
		times int // that the dump of links is interrupted
		dumps int // that follow
	}{{"once", 1, 2}, {"always", 100, dumpTries}} {
		t.Run(tt.name, func(t *testing.T) {
			k := newFakeKernel(t)
			dumps := 0
			k.onDump = func(what string) {
				if what != "link" {
					return
				}
				if dumps++; dumps <= tt.times {
					k.state["link"] = []item{interrupted}
				} else {
					delete(k.state, "link")
				}
			}
			_, next := k.watch()
			for range tt.dumps {
				wantBatch(t, next, "full more")
			}
			wantBatch(t, next, "")
			k.wantLog("events" + strings.Repeat("|"+everything, tt.dumps))
		})
	}
}

func TestBrokenDumpIsRepeatedOnANewSocket(t *testing.T) {
	for _, broken := range []error{netlink.ErrShort, netlink.ErrOverrun} {
		k := newFakeKernel(t)
		k.state["link"] = []item{{err: fmt.Errorf("%w: for the test", broken)}}
		k.onDump = func(string) {
			if k.sockets == 3 {
				delete(k.state, "link")
			}
		}
		_, next := k.watch()
		wantBatch(t, next, "full more")
		wantBatch(t, next, "")
		if k.sockets != 3 {
			t.Errorf("%v: %d sockets, want that of events and two for dumps", broken, k.sockets)
		}
	}
}

// What is queued when all is read again is void, an overrun with it: the kernel
// tells of the next one only once the queue was empty.
func TestResyncForgetsWhatIsQueued(t *testing.T) {
	k := newFakeKernel(t)
	w, next := k.watch()
	k.ready(next)
	k.notify(fakeRoute(rtmNewRoute, "192.0.2.0/25", 3))
	k.overrun()
	k.notify(fakeRoute(rtmNewRoute, "192.0.2.0/26", 3))
	w.Resync()
	wantBatch(t, next, "full more")
	wantBatch(t, next, "")
	k.onWait = func() { k.notify(fakeRoute(rtmNewRoute, "192.0.2.0/27", 3)) }
	wantBatch(t, next, "192.0.2.0/27")
	k.wantLog(everything)
}
