package smd

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// BenchmarkPublish builds and delivers route messages. The publisher waits where
// it would get ahead of the slowest subscriber by half a queue, so that every
// message is delivered to everyone and the figure is that of deliveries.
func BenchmarkPublish(bm *testing.B) {
	for _, subs := range []int{1, 10, 100} {
		bm.Run(fmt.Sprintf("subscribers=%d", subs), func(bm *testing.B) {
			b := NewBus(Options{})
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			type counter struct {
				atomic.Uint64
				_ [56]byte // a cache line each
			}
			seen := make([]counter, subs)
			n := uint64(bm.N)
			var done sync.WaitGroup
			for i := range seen {
				sub := b.Subscribe(ctx, Network)
				done.Add(1)
				go func() {
					defer done.Done()
					for m := range sub {
						seen[i].Store(m.Seq)
						if m.Seq == n {
							return
						}
					}
				}()
			}
			bm.ReportAllocs()
			bm.ResetTimer()
			for i := range n {
				if i%256 == 0 {
					for j := range seen {
						for i > 512+seen[j].Load() {
							runtime.Gosched()
						}
					}
				}
				if b.Wanted(Network) {
					publish(bm, b, Network, Route{RT: "add", Dst: "198.51.100.0/24", Gw: "192.0.2.1", Dev: "wan", Table: 254, Metric: uint32(i)})
				}
			}
			done.Wait()
			bm.StopTimer()
			if lost := b.Lost(); lost > 0 {
				bm.Errorf("%d lost", lost)
			}
			rate := float64(n) / bm.Elapsed().Seconds()
			bm.ReportMetric(rate, "msgs/s")
			bm.ReportMetric(rate*float64(subs), "deliveries/s")
		})
	}
	bm.Run("subscribers=0", func(bm *testing.B) {
		b := NewBus(Options{})
		bm.ReportAllocs()
		for i := range bm.N {
			if b.Wanted(Network) {
				publish(bm, b, Network, Route{RT: "add", Metric: uint32(i)})
			}
		}
	})
}

func BenchmarkRouteJSON(bm *testing.B) {
	r := Route{RT: "add", Dst: "198.51.100.0/24", Gw: "192.0.2.1", Dev: "wan", Table: 254, Metric: 10}
	var room [128]byte
	bm.ReportAllocs()
	for range bm.N {
		r.AppendJSON(room[:0])
	}
}
