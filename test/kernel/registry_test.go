//go:build linux

package kernel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
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
	in(t, "peer", func() { listen(t, "tcp", bird+":7", func(c net.Conn) { io.Copy(io.Discard, c) }) })
	eventually(t, "Follow follows", func() bool { return canaryDies(t, reg) })
}

const bird = "198.51.100.99"

// canaryDies says whether Follow follows: whether what an unreachable route strands
// ends with a reason.
func canaryDies(t *testing.T, reg *conn.Registry) bool {
	t.Helper()
	ip(t, "route replace "+bird+" via "+wan0Gateway)
	defer ip(t, "route flush "+bird)
	canary, err := reg.DialContext(context.Background(), "tcp", bird+":7")
	if err != nil {
		t.Fatal(err)
	}
	defer canary.Close()
	ip(t, "route replace unreachable "+bird)
	canary.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	_, err = canary.Read(make([]byte, 1))
	return errors.Is(err, conn.ErrUnroutable)
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

// TestFollowWithDaemon shows a Registry beside the daemon: it watches no routes
// itself, and what the daemon closes ends with its reason. Once the daemon has ended
// it goes on alone.
func TestFollowWithDaemon(t *testing.T) {
	t.Parallel()
	kernel(t, func(t *testing.T) {
		s := newStage(t)
		var reg conn.Registry
		follow(t, &reg)
		strand := func() {
			t.Helper()
			do(t, "route replace default via "+wan0Gateway, "route replace "+otherHost+" via "+wan0Gateway)
			lost, kept := dialBy(t, &reg, host), dialBy(t, &reg, otherHost)
			defer kept.Close()
			ended := make(chan error, 1)
			go func() { _, err := lost.Read(make([]byte, 1)); ended <- err }()
			do(t, "route del default")
			select {
			case err := <-ended:
				why := new(conn.UnroutableError)
				if !errors.As(err, &why) || why.Cause.Reason != conn.NoRoute || !strings.HasPrefix(why.Cause.Was, "default via "+wan0Gateway) {
					t.Errorf("the read ended with %v, want conn.ErrUnroutable for no-route", err)
				}
			case <-time.After(patience):
				t.Fatal("the read still waits")
			}
			if _, err := kept.Write([]byte("x")); err != nil || reg.Len() != 1 {
				t.Errorf("the other connection: %v, with %d tracked, want it untouched", err, reg.Len())
			}
		}
		strand()
		if n := routeSockets(t); n != 0 {
			t.Errorf("beside the daemon the process has %d sockets for the kernel's routes, want none", n)
		}
		s.daemon.stop()
		eventually(t, "Follow follows the kernel", func() bool { return routeSockets(t) > 0 && canaryDies(t, &reg) })
		strand()
	})
}

func dialBy(t *testing.T, reg *conn.Registry, host string) net.Conn {
	t.Helper()
	c, err := reg.DialContext(context.Background(), "tcp", host+":"+port)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// routeSockets counts the process's sockets of NETLINK_ROUTE.
func routeSockets(t *testing.T) (n int) {
	t.Helper()
	table, err := os.ReadFile("/proc/thread-self/net/netlink")
	if err != nil {
		t.Fatal(err)
	}
	route := make(map[string]bool)
	for _, line := range strings.Split(string(table), "\n")[1:] {
		if f := strings.Fields(line); len(f) > 9 && f[1] == "0" {
			route["socket:["+f[9]+"]"] = true
		}
	}
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if target, err := os.Readlink("/proc/self/fd/" + f.Name()); err == nil && route[target] {
			n++
		}
	}
	return n
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
