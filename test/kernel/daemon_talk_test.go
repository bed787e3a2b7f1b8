//go:build linux

package kernel

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/netmond/netmond/conn"
)

// A talker is a process with any number of TCP connections, each with a name,
// that says when they end and can show that they live: what it sends comes back.
// Both sides are talkers; a listening one sends back what it gets.

// order is a line to a talker.
type order struct {
	Do   string `json:"do"` // "dial", "listen", "ping", "close"
	Name string `json:"name"`
	call
}

// call is how a connection is opened. The zero value of a field leaves the
// kernel's default.
type call struct {
	To   string // ADDRESS:PORT to dial, or to listen at
	From string // local address
	Dev  string // SO_BINDTODEVICE
	Mark int    // SO_MARK
	UID  int    // who owns the socket

	Mapped      bool // dial IPv4 from an IPv6 socket
	Transparent bool // IP_TRANSPARENT: From need not be the device's
	Times       int  // of "dial": as many connections, whose end alone is told; of "listen": tell of none; 0 for one

	Answer string // of "listen": say this to whoever has said something, and hang up
}

// word is a line of a talker.
type word struct {
	Name          string
	What          string        // "listening", "open", "refused", "pong", "end"
	At            time.Duration // monotonic()
	Local, Remote netip.AddrPort
	Errno         syscall.Errno // of "refused" and "end"; 0 for a clean end of file
	Text          string
}

// talker is a talker as the test sees it. For one goroutine.
type talker struct {
	*process
	heard []word // read while another one was waited for
	count int
}

// talk starts a talker in the network namespace ns.
func talk(t testing.TB, ns string) *talker {
	t.Helper()
	return &talker{process: start(t, ns, "talk")}
}

// wire is a connection of a talker.
type wire struct {
	*talker
	name          string
	local, remote netip.AddrPort
}

// order tells the talker to do something.
func (k *talker) order(t testing.TB, o order) {
	t.Helper()
	b, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	k.say(t, string(b))
}

// hear waits for a word about name, one of those in what. Others are kept.
func (k *talker) hear(t testing.TB, name string, what ...string) word {
	t.Helper()
	wanted := func(w word) bool {
		if w.Name != name {
			return false
		}
		for _, x := range what {
			if w.What == x {
				return true
			}
		}
		return false
	}
	for i, w := range k.heard {
		if wanted(w) {
			k.heard = append(k.heard[:i], k.heard[i+1:]...)
			return w
		}
	}
	for {
		var w word
		if text := k.line(t); json.Unmarshal([]byte(text), &w) != nil {
			t.Fatalf("a talker said %q", text)
		}
		if wanted(w) {
			return w
		}
		k.heard = append(k.heard, w)
	}
}

// listen accepts connections at an address, and sends back what they send.
func (k *talker) listen(t testing.TB, at string) {
	t.Helper()
	k.order(t, order{Do: "listen", Name: at, call: call{To: at}})
	if w := k.hear(t, at, "listening", "refused"); w.What == "refused" {
		t.Fatalf("listen at %s: %s", at, w.Text)
	}
}

// serve answers whoever connects to an address and says something.
func (k *talker) serve(t testing.TB, at, answer string) {
	t.Helper()
	k.order(t, order{Do: "listen", Name: at, call: call{To: at, Answer: answer}})
	if w := k.hear(t, at, "listening", "refused"); w.What == "refused" {
		t.Fatalf("listen at %s: %s", at, w.Text)
	}
}

// begin starts to dial and waits for nothing.
func (k *talker) begin(t testing.TB, c call) *wire {
	t.Helper()
	k.count++
	l := &wire{talker: k, name: fmt.Sprint(k.count)}
	k.order(t, order{Do: "dial", Name: l.name, call: c})
	return l
}

// dial opens a connection.
func (k *talker) dial(t testing.TB, c call) *wire {
	t.Helper()
	l := k.begin(t, c)
	w := k.hear(t, l.name, "open", "refused")
	if w.What == "refused" {
		t.Fatalf("dial %+v: %s\n%s%s%s", c, w.Text, ip(t, "route show"), ip(t, "-6 route show"), ip(t, "address show"))
	}
	l.local, l.remote = w.Local, w.Remote
	return l
}

// accepted is the connection from remote that a listener of the talker took.
func (k *talker) accepted(t testing.TB, remote netip.AddrPort) *wire {
	t.Helper()
	w := k.hear(t, remote.String(), "open")
	return &wire{k, w.Name, w.Local, w.Remote}
}

// echoes shows that the connection lives.
func (l *wire) echoes(t testing.TB, why string) {
	t.Helper()
	l.order(t, order{Do: "ping", Name: l.name})
	if w := l.hear(t, l.name, "pong", "end"); w.What != "pong" {
		t.Errorf("%s: the connection %v > %v ended with %q, want it to live", why, l.local, l.remote, w.Text)
	}
}

// end waits for the end of the connection.
func (l *wire) end(t testing.TB) word {
	t.Helper()
	return l.hear(t, l.name, "end", "refused")
}

// aborted waits for the end of the connection, which must be ECONNABORTED, or
// ECONNRESET where the kernel does not destroy sockets.
func (l *wire) aborted(t testing.TB) word {
	t.Helper()
	w := l.end(t)
	want := syscall.ECONNABORTED // tcp_abort
	if bestRung() != conn.Destroy {
		want = syscall.ECONNRESET // tcp_disconnect
	}
	if w.Errno != want {
		t.Errorf("the connection %v > %v ended with %q, want %q", l.local, l.remote, w.Text, want)
	}
	return w
}

// bestRung is how this kernel lets connections be closed.
var bestRung = sync.OnceValue(func() conn.Rung {
	d := conn.OpenDevice(context.Background())
	defer d.Shut()
	d.Probe(context.Background())
	rung, _ := d.Rung()
	return rung
})

// hangUp closes the connection at the talker's side.
func (l *wire) hangUp(t testing.TB) {
	t.Helper()
	l.order(t, order{Do: "close", Name: l.name})
	l.hear(t, l.name, "end")
}
