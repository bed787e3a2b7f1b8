//go:build go1.25

package conn_test

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/netmond/netmond/conn"
	"github.com/netmond/netmond/rtable"
)

// batched is a stage that closes many flows at once.
type batched struct {
	*recorder
	most int // closed at once
}

func (b *batched) CloseAll(ctx context.Context, flows []conn.Flow, errs []error) {
	b.most = max(b.most, len(flows))
	for i, f := range flows {
		errs[i] = b.Close(ctx, f, conn.Cause{})
	}
}

// Of a thousand flows that one change strands each is closed once, and those that
// the kernel knows a path for are not, until it does not; no more a second than the
// rate allows.
func TestManyFlows(t *testing.T) {
	for _, rate := range []int{0, 1, 70, 10_000} {
		for _, batches := range []bool{false, true} {
			t.Run(fmt.Sprintf("rate=%d,batches=%v", rate, batches), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { closeMany(t, rate, batches) })
			})
		}
	}
}

func closeMany(t *testing.T, rate int, batches bool) {
	const flows = 1000
	s := newStage(t)
	s.Rate = rate
	for _, line := range []string{"link wan up", "addr 192.0.2.9/24 dev wan", "default via 192.0.2.1 dev wan"} {
		s.event(line)
	}
	all := make(map[uint64]conn.Flow)
	for i := range flows {
		f := s.flow("tcp 192.0.2.9:4000 198.51.100.7:443")
		f.Remote = netip.AddrPortFrom(f.Remote.Addr(), uint16(1+i))
		f = s.dial(f)
		all[f.Cookie] = f
	}
	closed := make(map[uint64]time.Duration)
	rec := &recorder{stage: s, closed: closed}
	b := &batched{recorder: rec}
	s.Source = rec
	if batches {
		s.Source = b
	}
	denied := make(map[uint64]int)
	s.Confirm = func(_ context.Context, _ *rtable.Table, claims []conn.Claim) {
		for i := range claims {
			c := &claims[i]
			if _, again := closed[c.Flow.Cookie]; again || c.Verdict.Reason != conn.NoRoute || c.Flow != all[c.Flow.Cookie] {
				t.Errorf("the kernel is asked about %v, %s, closed before: %v", c.Flow, c.Verdict.Reason, again)
			}
			if c.Stands = c.Flow.Cookie%5 > 0 || denied[c.Flow.Cookie] > 0; !c.Stands {
				denied[c.Flow.Cookie]++
			}
		}
	}
	told := make(map[conn.Act]int)
	var times []time.Duration
	s.Report = func(d conn.Decision) {
		told[d.Act]++
		if d.Act == conn.DidClose {
			times = append(times, s.now())
			if want := "no-route, was default via 192.0.2.1 dev wan, on del default via 192.0.2.1 dev wan"; d.Cause.String() != want {
				t.Errorf("closed for %q, want %q", d.Cause, want)
			}
		}
	}
	s.start()
	s.do("del default via 192.0.2.1 dev wan")
	s.post()
	s.sleep(time.Hour)
	s.stop()
	if len(closed) != flows || told[conn.DidClose] != flows || told[conn.Disagreed] != flows/5 || len(told) != 2 {
		t.Errorf("%d flows closed, told %v, want %d, and %d disagreements", len(closed), told, flows, flows/5)
	}
	for i := rate; rate > 0 && i < len(times); i++ {
		if times[i]-times[i-rate] < time.Second {
			t.Fatalf("%d closes between %v and %v, want %d a second", rate+1, times[i-rate], times[i], rate)
		}
	}
	if batches && rate != 1 && b.most < 50 {
		t.Errorf("%d flows at once", b.most)
	}
}
