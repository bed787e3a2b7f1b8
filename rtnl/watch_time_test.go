//go:build go1.25

package rtnl

import (
	"encoding/binary"
	"testing"
	"testing/synctest"
	"time"
)

// What may be anywhere in the table is read again once, wholeDelay after the first
// of its occasions.
func TestWholeFamilyIsReadAgainLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newFakeKernel(t)
		k.patience = 24 * time.Hour
		_, next := k.watch()
		k.ready(next)
		start := time.Now()
		k.notify(fakeAddr(rtmDelAddr, "192.0.2.9/24", 3))
		wantBatch(t, next, "1 events")
		wantBatch(t, next, "part 1 2 3 more")
		wantBatch(t, next, "")
		k.onWait = func() {
			time.Sleep(wholeDelay / 2)
			k.notify(fakeAddr(rtmDelAddr, "192.0.2.10/24", 3), fakeAddr(rtmDelAddr, "192.0.2.11/24", 3))
		}
		wantBatch(t, next, "2 events")
		wantBatch(t, next, "part 1 2 3 more")
		wantBatch(t, next, "")
		wantBatch(t, next, "part 1 2 0 more")
		if took := time.Since(start); took != wholeDelay {
			t.Errorf("the family was read after %v, want %v", took, wholeDelay)
		}
		wantBatch(t, next, "")
		k.wantLog("dump route inet oif 3|dump route inet oif 3|dump route inet")
		k.onWait = func() {
			time.Sleep(time.Hour) // nothing is due any more
			k.notify(fakeRoute(rtmNewRoute, "192.0.2.0/25", 3))
		}
		wantBatch(t, next, "192.0.2.0/25")
	})
}

// The lifetime of a router's route is set after the route was told.
func TestLifetimeOfAdvertisedRouteIsRead(t *testing.T) {
	const lifetime = 30 // seconds
	advertised := func(more ...func([]byte) []byte) []byte {
		header := []byte{afINET6, 0, 0, 0, TableMain, protocolRA, 0, byte(Unicast), 0, 0, 0, 0}
		return fakeMessage(rtmNewRoute, header, append(more, u32attr(rtaOif, 3))...)
	}
	expires := func(ticks int32) func([]byte) []byte { // of USER_HZ
		cacheinfo := make([]byte, 32)
		binary.NativeEndian.PutUint32(cacheinfo[8:], uint32(ticks))
		return bytesAttr(rtaCacheinfo, cacheinfo)
	}
	for _, told := range [][]byte{advertised(), advertised(expires(-1))} {
		synctest.Test(t, func(t *testing.T) {
			k := newFakeKernel(t)
			k.patience = time.Hour
			_, next := k.watch()
			k.ready(next)
			k.state["route inet6"] = []item{{datagram: advertised(expires(lifetime * 100))}}
			start := time.Now()
			k.notify(told)
			wantBatch(t, next, "::/0")
			for _, want := range []time.Duration{wholeDelay, wholeDelay + lifetime*time.Second + lifetimeSlack} {
				wantBatch(t, next, "part 1 10 0 more ::/0")
				if took := time.Since(start); took != want {
					t.Errorf("the family was read after %v, want %v", took, want)
				}
				wantBatch(t, next, "")
			}
		})
	}
}

// A lifetime that ends at the moment is dumped as none (rtnl_put_cacheinfo): a router's
// route that seems to have none is read once more.
func TestNoLifetimeIsReadTwice(t *testing.T) {
	header := []byte{afINET6, 0, 0, 0, TableMain, protocolRA, 0, byte(Unicast), 0, 0, 0, 0}
	advertised := fakeMessage(rtmNewRoute, header, u32attr(rtaOif, 3))
	synctest.Test(t, func(t *testing.T) {
		k := newFakeKernel(t)
		k.patience = 24 * time.Hour
		_, next := k.watch()
		k.ready(next)
		k.state["route inet6"] = []item{{datagram: advertised}}
		start := time.Now()
		k.notify(advertised)
		wantBatch(t, next, "::/0")
		for i := range time.Duration(2) {
			wantBatch(t, next, "part 1 10 0 more ::/0")
			if took, want := time.Since(start), (i+1)*wholeDelay; took != want {
				t.Errorf("the family was read after %v, want %v", took, want)
			}
			wantBatch(t, next, "")
		}
		k.onWait = func() {
			time.Sleep(time.Hour) // it has none
			k.notify(fakeRoute(rtmNewRoute, "192.0.2.0/25", 3))
		}
		wantBatch(t, next, "192.0.2.0/25")
	})
}

// A deleted nexthop object takes routes of both families along.
func TestNexthopDeletionReadsBothFamilies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newFakeKernel(t)
		_, next := k.watch()
		k.ready(next)
		k.notify(fakeNexthop(rtmDelNexthop, 10))
		wantBatch(t, next, "1 events")
		for _, part := range []string{"part 2 0 0 more", "part 1 2 0 more", "part 1 10 0 more"} {
			wantBatch(t, next, part)
			wantBatch(t, next, "")
		}
	})
}

// Reading whole families takes a twentieth of the time at most, however often
// there is occasion, unless that would be too long.
func TestWholeFamilyIsReadWithinItsShare(t *testing.T) {
	for cost, pause := range map[time.Duration]time.Duration{100 * time.Millisecond: 2 * time.Second, time.Second: longestPause} {
		readsWithin(t, cost, pause)
	}
}

func readsWithin(t *testing.T, cost, pause time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		k := newFakeKernel(t)
		k.patience = time.Hour
		_, next := k.watch()
		k.ready(next)
		k.onDump = func(what string) {
			if what == "route inet" {
				time.Sleep(cost)
			}
		}
		var ends [2]time.Time
		for i := range ends {
			k.notify(fakeAddr(rtmDelAddr, "192.0.2.9/24", 3))
			wantBatch(t, next, "1 events")
			wantBatch(t, next, "part 1 2 3 more")
			wantBatch(t, next, "")
			wantBatch(t, next, "part 1 2 0 more")
			wantBatch(t, next, "")
			ends[i] = time.Now()
		}
		if between := ends[1].Sub(ends[0]); between != pause+cost {
			t.Errorf("%v between two dumps of %v, want %v", between, cost, pause+cost)
		}
	})
}

func TestResyncLetsAStormPass(t *testing.T) {
	for _, tt := range []struct {
		name string
		n    int // events, resyncPause/2 apart
		want time.Duration
	}{
		{"none", 0, resyncPause},
		{"short", 4, 4*resyncPause/2 + resyncPause},
		{"endless", 30, 10 * resyncPause},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := newFakeKernel(t)
				_, next := k.watch()
				k.ready(next)
				k.overrun()
				start := time.Now()
				var dumped time.Time
				k.onDump = func(string) {
					k.onDump = nil
					dumped = time.Now()
				}
				over := make(chan struct{})
				go func() {
					defer close(over)
					for range tt.n {
						time.Sleep(resyncPause / 2)
						k.notify(fakeRoute(rtmNewRoute, "192.0.2.0/25", 3))
					}
				}()
				wantBatch(t, next, "full more")
				if took := dumped.Sub(start); took != tt.want {
					t.Errorf("the state was dumped after %v, want %v", took, tt.want)
				}
				<-over
			})
		})
	}
}
