//go:build linux

package smd

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A thousand clients connect, ask, follow, stall and die at random, while the
// bus is busy. One well-behaved client is served all the time, and in the end
// everything is as it was.
func TestThousandClientsLeaveNothingBehind(t *testing.T) {
	b := NewBus(Options{Ring: 64})
	path, _ := serve(t, &Server{Bus: b, Verbs: verbs(), Snapshot: func() any { return raw(`{"big":"%s"}`, strings.Repeat("x", 4000)) }, stall: 300 * time.Millisecond})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	good := dial(t, path)
	if _, err := good.Do(ctx, do{"do": "status"}); err != nil {
		t.Fatal(err)
	}
	var publishing sync.WaitGroup
	publishing.Add(1)
	go func() {
		defer publishing.Done()
		for i := 0; ctx.Err() == nil; i++ {
			b.Publish(Network, raw(`{"n":%d,"x":"%s"}`, i, strings.Repeat("x", 300)))
			if i%16 == 0 {
				time.Sleep(time.Millisecond) // a rate, not a wait
			}
		}
	}()
	settle := func() (goroutines, fds int, bytes int64) { return runtime.NumGoroutine(), descriptors(t), heap() }
	goroutines, fds, bytes := settle()

	var clients sync.WaitGroup
	for i := range 1000 {
		rng := rand.New(rand.NewSource(int64(i)))
		clients.Add(1)
		go func() {
			defer clients.Done()
			c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
			if err != nil {
				t.Errorf("client %d: %v", i, err)
				return
			}
			defer c.Close()
			c.SetDeadline(time.Now().Add(time.Second)) // enough to be stalled and cut
			text := []string{
				`{"do":"events"}` + "\n",
				`{"do":"events","class":"system"}` + "\n",
				`{"do":"count","n":5000}` + "\n",
				strings.Repeat(`{"do":"status"}`+"\n", 1+rng.Intn(50)),
				`{"do":"stat`,
				"rubbish\n",
				"",
			}[rng.Intn(7)]
			io.WriteString(c, text)
			switch rng.Intn(4) {
			case 0: // reads a little
				io.CopyN(io.Discard, c, int64(rng.Intn(20000)))
			case 1: // ends its side first
				c.CloseWrite()
				io.CopyN(io.Discard, c, int64(rng.Intn(5000)))
			case 2: // stalls until it is cut, or its time is over
				time.Sleep(time.Duration(rng.Intn(800)) * time.Millisecond)
			case 3: // dies
			}
		}()
	}
	served := make(chan struct{})
	go func() { clients.Wait(); close(served) }()
	var worst time.Duration
	asked := 0
	for end := false; !end; asked++ {
		start := time.Now()
		if got, err := good.Do(ctx, do{"do": "status"}); err != nil || string(got) != `{"links":3}` {
			t.Fatalf("the good client got %s, %v", got, err)
		}
		worst = max(worst, time.Since(start))
		select {
		case <-served:
			end = true
		default:
		}
	}
	t.Logf("the good client was answered %d times, at worst within %v", asked, worst)
	if worst > 2*time.Second {
		t.Errorf("the good client waited %v", worst)
	}
	waitFor(t, "all as before", func() bool {
		g, f, n := settle()
		return g <= goroutines && f <= fds && n <= bytes+1<<20
	})
	cancel()
	publishing.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.subs) != 0 || b.ring.clients != 0 {
		t.Errorf("%d subscribers, %d clients left on the bus", len(b.subs), b.ring.clients)
	}
}

// A client that stops reading costs its queue and is cut in the end; the others
// get every message in the meantime.
func TestStuckClientHarmsNobody(t *testing.T) {
	b := NewBus(Options{})
	path, _ := serve(t, &Server{Bus: b, stall: 200 * time.Millisecond})
	stuck, live := connect(t, path), connect(t, path)
	for _, c := range []*wire{stuck, live} {
		c.say(`{"do":"events"}` + "\n")
		c.hear()
	}
	x := strings.Repeat("x", 300)
	start := time.Now()
	for i := 0; ; i++ {
		publish(t, b, Network, raw(`{"n":%d,"x":"%s"}`, i, x))
		if got, want := live.hear(), fmt.Sprintf(`"msg":{"n":%d,`, i); !strings.Contains(got, want) {
			t.Fatalf("got %s, want %s", got, want)
		}
		b.mu.Lock()
		n := len(b.subs)
		b.mu.Unlock()
		if n == 1 {
			t.Logf("cut after %d messages and %v", i, time.Since(start))
			break
		}
		if time.Since(start) > patience {
			t.Fatal("the stuck client is not cut")
		}
	}
	for { // what had been sent is whole lines but for the last, then the end
		line, err := stuck.r.ReadString('\n')
		if err == io.EOF {
			break
		}
		if err != nil || !json.Valid([]byte(line)) {
			t.Fatalf("%q, %v", line, err)
		}
	}
}

// A client that is slow but alive is told what it lost, exactly.
func TestSlowClientSeesItsGap(t *testing.T) {
	b := NewBus(Options{Queue: 8})
	path, _ := serve(t, &Server{Bus: b})
	c := connect(t, path)
	c.say(`{"do":"events"}` + "\n")
	c.hear()
	const n = 5000
	x := strings.Repeat("x", 300)
	for i := range n {
		publish(t, b, Network, raw(`{"n":%d,"x":"%s"}`, i, x))
	}
	got, lost, last := 0, uint64(0), uint64(1)
	for last < n+1 {
		var l line
		if err := json.Unmarshal([]byte(c.hear()), &l); err != nil {
			t.Fatal(err)
		}
		if l.Lost > 0 {
			lost += l.Lost
		} else {
			got++
		}
		if want := last + max(l.Lost, 1); l.Seq != want {
			t.Fatalf("%+v after %d", l, last)
		}
		last = l.Seq
	}
	if lost == 0 || uint64(got)+lost != n || b.Lost() != lost {
		t.Errorf("got %d, lost %d (bus says %d), want %d in all", got, lost, b.Lost(), n)
	}
}

// BenchmarkSocket has one client that follows events over the socket. The
// publisher waits where it would get ahead by half a queue.
func BenchmarkSocket(bm *testing.B) {
	b := NewBus(Options{})
	path, _ := serve(bm, &Server{Bus: b})
	c := connect(bm, path)
	c.SetDeadline(time.Time{})
	c.say(`{"do":"events"}` + "\n")
	c.hear()
	var seen atomic.Int64
	done := make(chan struct{})
	n := bm.N
	go func() {
		defer close(done)
		for i := range n {
			s, err := c.r.ReadSlice('\n')
			if err != nil || len(s) < 100 {
				bm.Errorf("%s, %v", s, err)
				return
			}
			seen.Store(int64(i) + 1)
		}
	}()
	bm.ReportAllocs()
	bm.ResetTimer()
	for i := range n {
		for int64(i)-seen.Load() > 512 {
			runtime.Gosched()
		}
		publish(bm, b, Network, Route{RT: "add", Dst: "198.51.100.0/24", Gw: "192.0.2.1", Dev: "wan", Table: 254, Metric: uint32(i)})
	}
	<-done
	bm.StopTimer()
	bm.ReportMetric(float64(n)/bm.Elapsed().Seconds(), "msgs/s")
	if lost := b.Lost(); lost > 0 {
		bm.Errorf("%d lost", lost)
	}
}
