//go:build linux

package kernel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/netmond/netmond/conn"
)

// follow runs Follow until the test ends, and waits until it follows.
func follow(t *testing.T, reg *conn.Registry) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- reg.Follow(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Follow = %v, want context.Canceled", err)
		}
	})
	// It follows when it closes what an unreachable route strands.
	const bird = "198.51.100.99"
	in(t, "peer", func() { listen(t, "tcp", bird+":7", func(c net.Conn) { io.Copy(io.Discard, c) }) })
	ip(t, "route add "+bird+" via "+wan0Gateway)
	canary, err := reg.DialContext(context.Background(), "tcp", bird+":7")
	if err != nil {
		t.Fatal(err)
	}
	defer canary.Close()
	ended := make(chan error, 1)
	go func() { _, err := canary.Read(make([]byte, 1)); ended <- err }()
	eventually(t, "Follow follows", func() bool {
		ip(t, "route replace "+bird+" via "+wan0Gateway)
		ip(t, "route replace unreachable "+bird)
		select {
		case err := <-ended:
			return errors.Is(err, conn.ErrUnroutable)
		case <-time.After(300 * time.Millisecond):
			return false
		}
	})
	ip(t, "route del unreachable "+bird)
}

// listen accepts connections in the namespace of the calling thread.
func listen(t *testing.T, network, addr string, serve func(net.Conn)) {
	t.Helper()
	l, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				serve(c)
			}()
		}
	}()
}

// TestTransportDialsAnew shows an http.Transport over a Registry through a
// failover: the request that waits for its answer ends, idle connections go, and
// the next request takes the other uplink.
func TestTransportDialsAnew(t *testing.T) {
	kernel(t, func(t *testing.T) {
		topology(t)
		ip(t, "route add default via "+wan0Gateway+" metric 10")
		ip(t, "route add default via "+wan1Gateway+" metric 20")
		reg := &conn.Registry{Settle: 100 * time.Millisecond}
		follow(t, reg)

		arrived := make(chan string, 10)
		mux := http.NewServeMux()
		mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.RemoteAddr) })
		mux.HandleFunc("/wait", func(w http.ResponseWriter, r *http.Request) {
			arrived <- r.RemoteAddr
			<-r.Context().Done() // the client went, or the server ends
		})
		server := &http.Server{Handler: mux}
		in(t, "peer", func() {
			l, err := net.Listen("tcp", host+":80")
			if err != nil {
				t.Fatal(err)
			}
			go server.Serve(l)
		})
		t.Cleanup(func() { server.Close() })
		client := http.Client{Transport: &http.Transport{DialContext: reg.DialContext, MaxIdleConnsPerHost: 4}}
		defer client.CloseIdleConnections()

		if from := get(t, client, "/"); !strings.HasPrefix(from, wan0Addr+":") {
			t.Fatalf("the server sees %s, want %s", from, wan0Addr)
		}
		waited := make(chan error, 1)
		other := http.Client{Transport: &http.Transport{DialContext: reg.DialContext}}
		go func() {
			resp, err := other.Get("http://" + host + "/wait")
			if err == nil {
				resp.Body.Close()
			}
			waited <- err
		}()
		<-arrived
		if reg.Len() != 2 {
			t.Fatalf("%d connections are tracked, want one idle and one at work", reg.Len())
		}

		start := time.Now()
		ip(t, "route del default via "+wan0Gateway+" metric 10")
		select {
		case err := <-waited:
			why := new(conn.UnroutableError)
			if !errors.Is(err, conn.ErrUnroutable) || !errors.As(err, &why) {
				t.Fatalf("the request ended with %v, want conn.ErrUnroutable", err)
			}
			if why.Cause.Reason != conn.GatewayGone || !strings.HasPrefix(why.Cause.Was, "default via "+wan0Gateway+" dev wan0") ||
				!strings.HasPrefix(why.Cause.Event, "del default via "+wan0Gateway) {
				t.Errorf("it says %q, want gateway-gone, the old default and its end", err)
			}
			if took := time.Since(start); took < 100*time.Millisecond {
				t.Errorf("the request ended after %v, before the settle time", took)
			}
		case <-time.After(patience):
			t.Fatal("the request still waits")
		}
		eventually(t, "the idle connection is gone", func() bool { return reg.Len() == 0 })
		if from := get(t, client, "/"); !strings.HasPrefix(from, wan1Addr+":") {
			t.Errorf("the next request came from %s, want %s", from, wan1Addr)
		}
		if reg.Len() != 1 {
			t.Errorf("%d connections are tracked, want the new one", reg.Len())
		}
	})
}

func get(t *testing.T, client http.Client, path string) string {
	t.Helper()
	resp, err := client.Get("http://" + host + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestListenerDropsStrandedClients shows a server's side: of two clients the one
// whose way back is gone is dropped, with a reason, the other is not.
func TestListenerDropsStrandedClients(t *testing.T) {
	kernel(t, func(t *testing.T) {
		topology(t)
		ip(t, "route add "+host+" via "+wan0Gateway)
		ip(t, "route add "+otherHost+" via "+wan0Gateway)
		reg := &conn.Registry{Settle: -1}
		follow(t, reg)
		plain, err := net.Listen("tcp", wan0Addr+":8080")
		if err != nil {
			t.Fatal(err)
		}
		l := reg.Listener(plain)
		defer l.Close()
		ends := make(map[string]chan error)
		for _, from := range []string{host, otherHost} {
			in(t, "peer", func() {
				d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
				c, err := d.Dial("tcp", wan0Addr+":8080")
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { c.Close() })
			})
			c, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			end := make(chan error, 1)
			go func() { _, err := c.Read(make([]byte, 1)); end <- err }()
			ends[from] = end
		}
		ip(t, "route add blackhole "+host+" metric 1")
		ip(t, "route del "+host+" via "+wan0Gateway)
		select {
		case err := <-ends[host]:
			why := new(conn.UnroutableError)
			if !errors.As(err, &why) || why.Cause.Reason != conn.NoRoute {
				t.Errorf("the server's read ended with %v, want no-route", err)
			}
		case <-time.After(patience):
			t.Error("the stranded client is still served")
		}
		select {
		case err := <-ends[otherHost]:
			t.Errorf("the other client was dropped: %v", err)
		case <-time.After(50 * time.Millisecond):
		}
	})
}

// TestFollowEnds shows that Follow ends with its context and leaves nothing behind.
func TestFollowEnds(t *testing.T) {
	kernel(t, func(t *testing.T) {
		before := runtime.NumGoroutine()
		for range 5 {
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan error, 1)
			var reg conn.Registry
			go func() { done <- reg.Follow(ctx) }()
			cancel()
			select {
			case err := <-done:
				if !errors.Is(err, context.Canceled) {
					t.Errorf("Follow = %v, want context.Canceled", err)
				}
			case <-time.After(patience):
				t.Fatal("Follow goes on")
			}
		}
		eventually(t, "its goroutines are gone", func() bool { return runtime.NumGoroutine() <= before })
	})
}
