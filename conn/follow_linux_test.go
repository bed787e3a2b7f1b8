package conn

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/netmond/netmond/internal/iproute"
	"github.com/netmond/netmond/rtable"
	"github.com/netmond/netmond/rtnl"
)

// fakeDaemon serves the first line of events to whoever asks, and then what it is
// told to say.
type fakeDaemon struct {
	t    *testing.T
	path string
	l    net.Listener
	say  chan string // lines; "" hangs up
}

func newFakeDaemon(t *testing.T, greeting string) *fakeDaemon {
	t.Helper()
	d := &fakeDaemon{t: t, path: t.TempDir() + "/sock", say: make(chan string)}
	var err error
	if d.l, err = net.Listen("unix", d.path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.l.Close(); close(d.say) })
	go func() {
		for {
			c, err := d.l.Accept()
			if err != nil {
				return
			}
			if line, err := bufio.NewReader(c).ReadString('\n'); err == nil && line != `{"do":"events","class":"network"}`+"\n" {
				t.Errorf("the request is %q, %v", line, err)
			}
			fmt.Fprintln(c, greeting)
			for line := range d.say {
				if line == "" {
					break
				}
				fmt.Fprintln(c, line)
			}
			c.Close()
		}
	}()
	return d
}

// heard waits until r has heard all that was said, by a change of rung, to rung.
func (d *fakeDaemon) heard(r *Registry, rung Rung) {
	d.t.Helper()
	for _, next := range []Rung{Destroy + Pidfd - rung, rung} {
		d.say <- fmt.Sprintf(`{"seq":9,"ts":1,"class":"network","msg":{"type":"close","mode":"all","rung":%q}}`, next)
		for deadline := time.Now().Add(10 * time.Second); Rung(r.endsBy.Load()) != next; runtime.Gosched() {
			if time.Now().After(deadline) {
				d.t.Fatalf("it has not heard in 10 s that the daemon closes by %s", next)
			}
		}
	}
}

// greeting is the first line of a daemon's events.
func greeting(t *testing.T, state, mode, rung string) string {
	t.Helper()
	netns, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`{"seq":7,"epoch":"e1","snapshot":{"state":%q,"netns":%q,"close":{"mode":%q,"rung":%q},"uplinks":[]}}`, state, netns, mode, rung)
}

// following runs follow until the test ends, and says when it goes alone.
func following(t *testing.T, r *Registry) (alone <-chan struct{}) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	went, done := make(chan struct{}, 1), make(chan error, 1)
	go func() {
		done <- r.follow(ctx, func(ctx context.Context, _ func() bool) error {
			went <- struct{}{}
			<-ctx.Done()
			return ctx.Err()
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("follow = %v, want context.Canceled", err)
		}
	})
	return went
}

func within(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(10 * time.Second):
		t.Fatalf("%s: not within 10 s", what)
	}
}

// kill ends a connection as a daemon does by the second rung.
func kill(t *testing.T, c net.Conn) {
	t.Helper()
	rc, err := c.(*tracked).Conn.(*net.TCPConn).SyscallConn()
	if err == nil {
		var derr error
		if err = rc.Control(func(fd uintptr) { derr = disconnect(int(fd)) }); err == nil {
			err = derr
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

func flowLine(act string, c net.Conn, more string) string {
	return fmt.Sprintf(`{"seq":9,"ts":1,"class":"network","msg":{"type":"flow","act":%q,"proto":"tcp","local":%q,"remote":%q,"reason":"gateway-gone"%s}}`,
		act, c.LocalAddr(), c.RemoteAddr(), more)
}

// TestFollowListens: with a daemon that closes, Follow keeps no table, and its word
// is the reason of what has ended, and the end of nothing.
func TestFollowListens(t *testing.T) {
	if emulated() {
		t.Skip("whether a connection has ended cannot be asked")
	}
	d := newFakeDaemon(t, greeting(t, "OPERATIONAL", "all", "pidfd"))
	r := &Registry{Daemon: d.path}
	alone := following(t, r)
	d.heard(r, Pidfd)

	a, _ := Loopback(t, r)
	other, peer := Loopback(t, r)
	ended := make(chan error, 1)
	go func() { _, err := a.Read(make([]byte, 1)); ended <- err }()
	d.say <- flowLine("closed", other, "") // whose addresses another had
	d.say <- flowLine("closed", a, `,"for":"192.0.2.9:4000"`)
	d.say <- flowLine("would-close", a, "")
	d.say <- `{"type":nonsense`
	d.say <- `{"seq":9,"lost":3}`
	d.say <- strings.Replace(flowLine("closed", a, ""), "127.0.0.1", "localhost", 1)
	d.say <- strings.Replace(flowLine("closed", a, ""), "gateway-gone", "boredom", 1)
	d.say <- `{"seq":8,"ts":1,"class":"network","msg":{"rt":"add","dst":"default","gw":"192.0.2.1","dev":"wan","table":254,"metric":0}}`
	d.heard(r, Pidfd)
	if r.Len() != 2 {
		t.Fatalf("%d connections are tracked, want both: none has ended", r.Len())
	}
	kill(t, a)
	d.say <- flowLine("closed", a, `,"was":"default via 192.0.2.1 dev wan"`)
	var u *UnroutableError
	if err := <-ended; !errors.As(err, &u) || u.Cause != (Cause{Reason: GatewayGone, Was: "default via 192.0.2.1 dev wan"}) {
		t.Errorf("the pending read ended with %v, want an *UnroutableError for gateway-gone", err)
	}
	if _, err := a.Write([]byte("x")); !errors.Is(err, ErrUnroutable) {
		t.Errorf("Write = %v, want ErrUnroutable", err)
	}
	if _, err := peer.Write([]byte("x")); err != nil {
		t.Error(err)
	}
	if n, err := other.Read(make([]byte, 1)); n != 1 || err != nil || r.Len() != 1 {
		t.Errorf("the other connection reads %d, %v, with %d tracked; want it untouched", n, err, r.Len())
	}

	kill(t, other) // by somebody else
	if _, err := other.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) || errors.Is(err, ErrUnroutable) {
		t.Errorf("a reset that the daemon does not own up to = %v, want ECONNRESET", err)
	}
	d.heard(r, Destroy)
	select {
	case <-alone:
		t.Fatal("it follows the kernel beside the daemon")
	default:
	}
	d.say <- `{"seq":9,"ts":1,"class":"network","msg":{"type":"close","mode":"none","rung":"sock_destroy"}}`
	within(t, "it goes alone once the daemon closes nothing", alone)
	if got := Rung(r.endsBy.Load()); got != Advisory {
		t.Errorf("alone it thinks that a daemon closes by %s", got)
	}
}

// TestFollowGoesAlone: a daemon that does less than Follow is none.
func TestFollowGoesAlone(t *testing.T) {
	for name, greeting := range map[string]string{
		"starting":               greeting(t, "COLDPLUG", "all", "sock_destroy"),
		"dry run":                greeting(t, "OPERATIONAL", "dry-run", "sock_destroy"),
		"gentle":                 greeting(t, "OPERATIONAL", "gentle", "pidfd"),
		"some reasons":           greeting(t, "OPERATIONAL", "no-route,link-down", "sock_destroy"),
		"no means":               greeting(t, "OPERATIONAL", "all", "advisory"),
		"another namespace":      strings.Replace(greeting(t, "OPERATIONAL", "all", "sock_destroy"), "net:[", "net:[1", 1),
		"an older daemon":        `{"seq":7,"epoch":"e1","snapshot":{"state":"OPERATIONAL","close":{"mode":"all","rung":"sock_destroy"}}}`,
		"too many clients":       `{"error":"smd: 1024 clients are connected"}`,
		"somebody else's socket": `220 ready`,
	} {
		t.Run(name, func(t *testing.T) {
			d := newFakeDaemon(t, greeting)
			within(t, "it goes alone", following(t, &Registry{Daemon: d.path}))
		})
	}
	t.Run("none", func(t *testing.T) {
		within(t, "it goes alone", following(t, &Registry{Daemon: t.TempDir() + "/sock"}))
	})
	t.Run("not wanted", func(t *testing.T) {
		within(t, "it goes alone", following(t, &Registry{Daemon: "-"}))
	})
	t.Run("it ends", func(t *testing.T) {
		d := newFakeDaemon(t, greeting(t, "OPERATIONAL", "all", "sock_destroy"))
		r := &Registry{Daemon: d.path}
		alone := following(t, r)
		d.heard(r, Destroy)
		d.l.Close()
		d.say <- ""
		within(t, "it goes alone", alone)
	})
}

// TestFollowReturns: from its own table it goes back to a daemon.
func TestFollowReturns(t *testing.T) {
	d := newFakeDaemon(t, greeting(t, "OPERATIONAL", "all", "sock_destroy"))
	r := &Registry{Daemon: d.path}
	ctx, cancel := context.WithCancel(context.Background())
	went, done := make(chan struct{}, 2), make(chan error, 1)
	go func() {
		done <- r.follow(ctx, func(_ context.Context, back func() bool) error {
			if back() {
				t.Error("it goes back before it has looked")
			}
			went <- struct{}{}
			return errDaemonIsBack
		})
	}()
	for range 3 {
		d.say <- ""
		within(t, "it goes alone", went)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("follow = %v, want context.Canceled", err)
	}
}

func TestLookout(t *testing.T) {
	var now time.Time
	l := lookout{every: time.Minute, looked: now}
	for _, step := range []struct {
		after time.Duration
		epoch string // of the daemon there is
		looks bool
		back  bool
	}{
		{time.Second, "a", false, false}, // too soon
		{time.Minute, "", true, false},
		{time.Minute, "a", true, false}, // once
		{time.Minute, "b", true, false}, // another
		{time.Minute, "", true, false},
		{time.Minute, "b", true, false},
		{time.Second, "b", false, false},
		{time.Minute, "b", true, true}, // twice
	} {
		now = now.Add(step.after)
		looked := false
		if back := l.back(now, func() string { looked = true; return step.epoch }); back != step.back || looked != step.looks {
			t.Errorf("at %v with %q: back %v, looked %v, want %v, %v", now, step.epoch, back, looked, step.back, step.looks)
		}
	}
}

// addressed is a connection with the addresses it is given.
type addressed struct {
	net.Conn
	local, remote netip.AddrPort
}

func (c addressed) LocalAddr() net.Addr  { return net.TCPAddrFromAddrPort(c.local) }
func (c addressed) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }

// TestAloneTakesSteps: a connection that was dialled by a route which came and went
// in one batch is closed, another is not.
func TestAloneTakesSteps(t *testing.T) {
	r := &Registry{Settle: -1}
	var links iproute.Links
	batches := make(chan rtnl.Batch)
	batch := func(text string) rtnl.Batch {
		events, err := iproute.Events(text, &links)
		if err != nil {
			t.Fatal(err)
		}
		return rtnl.Batch{Events: events}
	}
	watch := func(ctx context.Context) iter.Seq2[rtnl.Batch, error] {
		return func(yield func(rtnl.Batch, error) bool) {
			for {
				select {
				case b := <-batches:
					if !yield(b, nil) {
						return
					}
				case <-ctx.Done():
					yield(rtnl.Batch{}, ctx.Err())
					return
				}
			}
		}
	}
	agrees := func(_ context.Context, _ *rtable.Table, claims []Claim) {
		for i := range claims {
			claims[i].Stands = true
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.alone(ctx, watch, agrees, func() bool { return false }) }()
	first := batch(`
		link wan up
		addr 192.0.2.2/25 dev wan
		192.0.2.0/25 dev wan scope link src 192.0.2.2`)
	first.Full = true
	batches <- first

	lost, peer := net.Pipe()
	defer peer.Close()
	kept, keptPeer := net.Pipe()
	defer keptPeer.Close()
	local := netip.MustParseAddr("192.0.2.2")
	dead := r.Track(addressed{lost, netip.AddrPortFrom(local, 4000), netip.MustParseAddrPort("198.51.100.7:443")})
	r.Track(addressed{kept, netip.AddrPortFrom(local, 4001), netip.MustParseAddrPort("192.0.2.9:443")})
	batches <- batch(`
		add 198.51.100.0/24 via 192.0.2.1 dev wan
		del 198.51.100.0/24 via 192.0.2.1 dev wan`)
	if _, err := dead.Read(make([]byte, 1)); !errors.Is(err, ErrUnroutable) {
		t.Errorf("Read = %v, want ErrUnroutable", err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("alone = %v, want context.Canceled", err)
	}
	if r.Len() != 1 {
		t.Errorf("%d connections are left, want the other one", r.Len())
	}
}
