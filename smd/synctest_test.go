//go:build go1.25

package smd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// A subscriber that is stuck in its own code keeps nobody waiting and finds its
// gap when it comes back.
func TestStuckSubscriberKeepsNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBus(Options{Queue: 4})
		ctx, cancel := context.WithCancel(t.Context())
		var stuck, live []string
		for _, s := range []struct {
			into  *[]string
			delay time.Duration
		}{{&stuck, time.Hour}, {&live, 0}} {
			sub := b.Subscribe(ctx, Network)
			go func() {
				for m := range sub {
					*s.into = append(*s.into, fmt.Sprintf("%d lost %d", m.Seq, m.Lost))
					time.Sleep(s.delay)
				}
			}()
		}
		start := time.Now()
		for range 10 {
			publish(t, b, Network, raw(`{}`))
			synctest.Wait()
		}
		if len(live) != 10 || time.Since(start) != 0 {
			t.Errorf("live subscriber got %d of 10 in %v", len(live), time.Since(start))
		}
		time.Sleep(6 * time.Hour)
		synctest.Wait()
		if want := []string{"1 lost 0", "6 lost 5", "7 lost 0", "8 lost 0", "9 lost 0", "10 lost 0"}; !slices.Equal(stuck, want) {
			t.Errorf("stuck subscriber got %q, want %q", stuck, want)
		}
		cancel()
		synctest.Wait()
		if b.Wanted(All) {
			t.Error("still subscribed")
		}
	})
}

func TestBusClockRunsInMicroseconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBus(Options{})
		next := pull(t, b, All)
		publish(t, b, Network, raw(`1`))
		time.Sleep(1500 * time.Millisecond)
		publish(t, b, Network, raw(`2`))
		if a, z := next().Time, next().Time; z-a != 1500000 {
			t.Errorf("1.5 s apart: %d and %d", a, z)
		}
	})
}

// A client asks for a daemon that is away ever less often, tells each trouble
// once, and asks anew from where it was.
func TestReconnectBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		start := time.Now()
		var tries []time.Duration
		var requests []string
		up := func() bool { return len(tries) == 1 || len(tries) == 12 }
		dial := func() (*Client, error) {
			tries = append(tries, time.Since(start))
			if len(tries) == 13 {
				cancel()
			}
			if !up() {
				return nil, errors.New("away")
			}
			ours, theirs := net.Pipe()
			go func() { // a daemon that dies after two lines
				r, _ := bufio.NewReader(theirs).ReadString('\n')
				requests = append(requests, r)
				fmt.Fprintf(theirs, `{"seq":7,"epoch":"e","snapshot":{}}`+"\n"+`{"seq":9,"lost":2}`+"\n")
				theirs.Close()
			}()
			return newClient(ours), nil
		}
		var got []string
		for e, err := range follow(ctx, dial, System|Network) {
			switch {
			case err != nil:
				got = append(got, err.Error())
			case e.Snapshot != nil:
				got = append(got, fmt.Sprintf("snapshot %s:%d", e.Epoch, e.Message.Seq))
			default:
				got = append(got, fmt.Sprintf("%d lost %d", e.Message.Seq, e.Message.Lost))
			}
		}
		ms := time.Millisecond
		want := []time.Duration{0, 100 * ms, 300 * ms, 700 * ms, 1500 * ms, 3100 * ms, 6300 * ms, 12700 * ms, 22700 * ms, 32700 * ms, 42700 * ms, 52700 * ms, 52800 * ms}
		if !slices.Equal(tries, want) {
			t.Errorf("tried at %v, want %v", tries, want)
		}
		const closed = "smd: client: the daemon closed the connection"
		if want := []string{"snapshot e:7", "9 lost 2", closed, "away", "snapshot e:7", "9 lost 2", closed}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if want := []string{
			`{"do":"events","class":["system","network"]}` + "\n",
			`{"do":"events","class":["system","network"],"since":"e:9"}` + "\n",
		}; !slices.Equal(requests, want) {
			t.Errorf("requests %q, want %q", requests, want)
		}
	})
}
