//go:build linux

package kernel

import (
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/netmond/netmond/rtable"
)

// TestHarness shows that the harness does what its documentation says: both
// uplinks reach the peer, an owner reports how its connection ends, and the
// kernel answers questions.
func TestHarness(t *testing.T) {
	kernel(t, func(t *testing.T) {
		topology(t)
		w := watch(t)
		s := sniff(t)
		ip(t, "route add default via "+wan0Gateway+" metric 10")
		ip(t, "-6 route add default via "+wan0Gateway6+" metric 10")
		if got := s.take(t); len(got) != 2 {
			t.Errorf("sniffed %q, want two routes", got)
		}
		w.settle(t)

		a := newAsker(t)
		for _, dst := range []string{host, host6} {
			r := a.ask(t, rtable.Query{Dst: netip.MustParseAddr(dst)}, false)
			if r.Errno != 0 || r.Oif != w.table.LinkByName(wan0).Index {
				t.Errorf("RTM_GETROUTE %s = %v, want dev %s", dst, r, wan0)
			}
		}
		for _, to := range []string{host + ":443", "[" + host6 + "]:443"} {
			server := owner(t, "peer", "-listen", ":443")
			server.next(t, "listening")
			client := owner(t, "", "-dial", to)
			opened := client.next(t, "open")
			client.say(t, "send")
			client.next(t, "sent")
			if accepted := server.next(t, "open"); accepted.Remote != opened.Local {
				t.Errorf("the server sees %v, want %v", accepted.Remote, opened.Local)
			}
			if _, ended := client.within(t, "end", 10*time.Millisecond); ended {
				t.Error("the connection ended with nobody closing it")
			}
			server.say(t, "close")
			if end := client.next(t, "end"); end.Errno != 0 && end.Errno != syscall.ECONNRESET {
				t.Errorf("the client's connection ended with %v", end)
			}
			server.stop() // the port is the next one's
		}
	})
}
