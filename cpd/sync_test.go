//go:build go1.25

package cpd

import (
	"context"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// piped lets f answer each connection over a net.Pipe, so that synctest's clock runs.
func piped(f func(net.Conn)) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		if f == nil { // a blackhole: the connection is never made
			<-ctx.Done()
			return nil, ctx.Err()
		}
		us, them := net.Pipe()
		go func() {
			defer them.Close()
			them.Read(make([]byte, 4<<10))
			f(them)
		}()
		return us, nil
	}
}

// TestTimeout: to the nanosecond, a probe costs its timeout and no more, wherever
// it gets stuck, and each further probe costs one more.
func TestTimeout(t *testing.T) {
	hang := func(text string) func(net.Conn) {
		return func(c net.Conn) {
			io.WriteString(c, text)
			io.Copy(io.Discard, c) // until the other end closes
		}
	}
	drip := func(head, unit string) func(net.Conn) {
		return func(c net.Conn) {
			for text := head; ; text = unit {
				if _, err := io.WriteString(c, text); err != nil {
					return
				}
				time.Sleep(time.Second) // of the bubble's clock
			}
		}
	}
	for _, tc := range []struct {
		name   string
		f      func(net.Conn)
		state  State
		probes int
		took   time.Duration
	}{
		{"blackhole", nil, NoInternet, 1, 10 * time.Second},
		{"blackhole-twice", nil, NoInternet, 2, 20 * time.Second},
		{"silence", hang(""), NoInternet, 1, 10 * time.Second},
		{"headers-hang", hang("HTTP/1.1 204 No Content\r\n"), NoInternet, 2, 20 * time.Second},
		{"headers-drip", drip("HTTP/1.1 204 No Content\r\n", "X: y\r\n"), NoInternet, 1, 10 * time.Second},
		{"body-hangs", hang("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n<html>"), Captive, 2, 10 * time.Second},
		{"body-drips", drip("HTTP/1.1 200 OK\r\n\r\n<html>", "x"), Captive, 2, 10 * time.Second},
		{"204-hangs", hang("HTTP/1.1 204 No Content\r\n\r\n"), OK, 2, 0},
		{"302-hangs", hang("HTTP/1.1 302 Found\r\nLocation: /in\r\nContent-Length: 99\r\n\r\n"), Captive, 2, 0},
		{"404-hangs", hang("HTTP/1.1 404 Not Found\r\nContent-Length: 99\r\n\r\n"), NoInternet, 2, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &Detector{Timeout: 10 * time.Second, dial: piped(tc.f)}
				for range tc.probes {
					d.Probes = append(d.Probes, Probe{URL: "http://192.0.2.1/"})
				}
				got := d.Check(t.Context())
				if got.State != tc.state || got.Elapsed != tc.took {
					t.Errorf("Check = %v after %v (%s), want %v after %v", got.State, got.Elapsed, got.Reason, tc.state, tc.took)
				}
				time.Sleep(2 * time.Second) // the peer sees that we are gone
			})
		})
	}
}

// TestDefaultTimeout: the zero value has one.
func TestDefaultTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &Detector{Probes: []Probe{{URL: "http://192.0.2.1/"}}, dial: piped(nil)}
		if got := d.Check(t.Context()); got.Elapsed != defaultTimeout {
			t.Errorf("took %v, want %v", got.Elapsed, defaultTimeout)
		}
	})
}

// TestCancelAtOnce: a check that is told to end ends without waiting for a peer.
func TestCancelAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		d := &Detector{Timeout: time.Hour, Probes: []Probe{{URL: "http://192.0.2.1/"}}, dial: piped(func(c net.Conn) { io.Copy(io.Discard, c) })}
		if got := d.Check(ctx); got.State != Unknown || got.Elapsed != time.Second {
			t.Errorf("Check = %+v", got)
		}
	})
}

// TestSharedTime: a silent resolver, or address, leaves time for the next.
func TestSharedTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &Detector{Timeout: 9 * time.Second, Family: 4}
		tried := make(chan string, 100)
		d.dial = func(ctx context.Context, _, addr string) (net.Conn, error) {
			tried <- addr
			<-ctx.Done()
			return nil, ctx.Err()
		}
		ctx, cancel := context.WithTimeout(t.Context(), d.Timeout)
		defer cancel()
		begin := time.Now()
		d.Resolvers = []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("192.0.2.3")}
		_, _, err := d.lookup(ctx, "probe.example.com")
		if took := time.Since(begin); err == nil || took != d.Timeout {
			t.Errorf("lookup: %v after %v, want an error after %v", err, took, d.Timeout)
		}
		synctest.Wait() // the resolver's own goroutines end a moment after it
		var asked string
		for len(tried) > 0 {
			asked += <-tried + " "
		}
		for _, a := range d.Resolvers {
			if !strings.Contains(asked, a.String()+":53 ") {
				t.Errorf("resolver %v was not asked, only %s", a, asked)
			}
		}
	})
}
