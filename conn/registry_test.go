package conn_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/netmond/netmond/conn"
	"github.com/netmond/netmond/rtable"
)

// everything is changes that concern every flow.
func everything(t *testing.T) rtable.Changes {
	w := newWorld(t)
	w.events("rule 0: from all lookup local")
	return w.flush()
}

// flowsOf are the flows of a registry.
func flowsOf(t *testing.T, r *conn.Registry, changes rtable.Changes) (list []conn.Flow) {
	t.Helper()
	for f, err := range r.Flows(context.Background(), changes) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, f)
	}
	return list
}

func TestRegistryTracksUntilClosed(t *testing.T) {
	var r conn.Registry
	a, peer := conn.Loopback(t, &r)
	b, _ := conn.Loopback(t, &r)
	flows := flowsOf(t, &r, everything(t))
	if len(flows) != 2 || r.Len() != 2 {
		t.Fatalf("Flows = %v and Len = %d, want two", flows, r.Len())
	}
	for i, c := range []net.Conn{a, b} {
		found := false
		for _, f := range flows {
			found = found || f.Local.String() == c.LocalAddr().String() && f.Remote.String() == c.RemoteAddr().String() &&
				f.State == conn.Established && f.MarkKnown
		}
		if !found {
			t.Errorf("connection %d is not among %v", i, flows)
		}
	}
	if got := flowsOf(t, &r, rtable.Changes{}); len(got) != 0 {
		t.Errorf("Flows that no change concerns = %v, want none", got)
	}
	if err := a.Close(); err != nil || r.Len() != 1 {
		t.Errorf("Close = %v, and Len = %d, want 1", err, r.Len())
	}
	if n, err := peer.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("the peer reads %d, %v, want the end", n, err)
	}
}

func TestRegistryCloseTellsWhy(t *testing.T) {
	var r conn.Registry
	c, peer := conn.Loopback(t, &r)
	other, _ := conn.Loopback(t, &r)
	var reading sync.WaitGroup
	reading.Add(1)
	var pending error
	go func() {
		defer reading.Done()
		_, pending = c.Read(make([]byte, 1))
	}()
	var flow conn.Flow
	for _, f := range flowsOf(t, &r, everything(t)) {
		if f.Local.String() == c.LocalAddr().String() {
			flow = f
		}
	}
	cause := conn.Cause{Reason: conn.NoRoute, Was: "default via 192.0.2.1 dev wan", Event: "del default via 192.0.2.1 dev wan"}
	for range 2 { // the second time it is gone
		if err := r.Close(context.Background(), flow, cause); err != nil {
			t.Errorf("Close = %v", err)
		}
	}
	reading.Wait()
	_, writing := c.Write([]byte("x"))
	_, again := c.Read(make([]byte, 1))
	shut := c.(interface{ CloseWrite() error }).CloseWrite()
	for what, err := range map[string]error{"pending Read": pending, "Write": writing, "Read": again, "CloseWrite": shut} {
		var u *conn.UnroutableError
		if !errors.Is(err, conn.ErrUnroutable) || !errors.As(err, &u) || u.Cause != cause || u.Flow != flow {
			t.Errorf("%s = %v, want an *UnroutableError of %v", what, err, cause)
			continue
		}
		for _, part := range []string{"no-route", cause.Was, "on " + cause.Event, flow.Remote.String()} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s says %q, want %q in it", what, err, part)
			}
		}
	}
	if err := c.Close(); err != nil {
		t.Errorf("Close of what the registry has closed = %v", err)
	}
	if _, err := peer.Read(make([]byte, 1)); err == nil {
		t.Error("the peer still has its connection")
	}
	if _, err := other.Write([]byte("x")); err != nil || r.Len() != 1 {
		t.Errorf("the other connection: %v, with %d left, want it untouched", err, r.Len())
	}
}

func TestRegistryListener(t *testing.T) {
	var r conn.Registry
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := r.Listener(plain)
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s, err := l.Accept()
	if err != nil || r.Len() != 1 {
		t.Fatalf("Accept = %v, with %d tracked, want 1", err, r.Len())
	}
	if _, ok := s.(interface{ NetConn() net.Conn }).NetConn().(*net.TCPConn); !ok {
		t.Errorf("NetConn of %T is no *net.TCPConn", s)
	}
	s.Close()
	if l.Close(); r.Len() != 0 {
		t.Errorf("%d tracked after all was closed", r.Len())
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept = %v, want net.ErrClosed", err)
	}
}

func TestRegistryLeavesOthersAlone(t *testing.T) {
	var r conn.Registry
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if c := r.Track(a); c != a || r.Len() != 0 {
		t.Errorf("Track of a pipe = %T with %d tracked, want the pipe itself", c, r.Len())
	}
	if _, err := r.DialContext(context.Background(), "tcp", "127.0.0.1:0"); err == nil || errors.Is(err, conn.ErrUnroutable) || r.Len() != 0 {
		t.Errorf("DialContext to nobody = %v with %d tracked", err, r.Len())
	}
}

// Closing, tracking and I/O from many goroutines at once.
func TestRegistryIsSafe(t *testing.T) {
	var r conn.Registry
	all := everything(t)
	var wg sync.WaitGroup
	for range 4 {
		c, _ := conn.Loopback(t, &r)
		wg.Add(3)
		go func() { defer wg.Done(); io.Copy(io.Discard, c) }()
		go func() { defer wg.Done(); c.Close() }()
		go func() {
			defer wg.Done()
			for f := range r.Flows(context.Background(), all) {
				if err := r.Close(context.Background(), f, conn.Cause{Reason: conn.LinkDown}); err != nil {
					t.Errorf("Close(%v) = %v", f, err)
				}
			}
		}()
	}
	wg.Wait()
	if r.Len() != 0 {
		t.Errorf("%d tracked after all were closed", r.Len())
	}
}
