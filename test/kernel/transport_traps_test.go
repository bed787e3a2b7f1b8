//go:build linux

package kernel

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/netmond/netmond/internal/netlink"
	"github.com/netmond/netmond/rtable"
	"github.com/netmond/netmond/rtnl"
)

// T19: a burst overruns a small receive buffer. The kernel drops what does not
// fit; the table is right again all the same, the changes tell each net
// difference once, and the time until then is logged.
func TestTrap19Overrun(t *testing.T) {
	kernel(t, func(t *testing.T) {
		topology(t)
		w := watchWith(t, &rtnl.Watcher{ReceiveBuffer: 32 << 10})
		before := w.table

		const routes = 100_000
		resident := peak(t)
		begin := time.Now()
		storm(t, "add", routes)
		storm(t, "del", routes)
		ip(t, "route add 203.0.113.0/24 via "+wan0Gateway)
		ip(t, "route add 198.51.100.0/24 via "+wan1Gateway)
		sent := time.Now()
		w.until(t, "the routes behind the storm", func(table *rtable.Table) bool {
			return table.Len() == before.Len()+2
		})
		w.settle(t)
		t.Logf("%d changes in %v, quiet %v later, %d resyncs, %d changes told, %d MiB resident at most, %d before", 2*routes, sent.Sub(begin).Round(time.Millisecond), time.Since(sent).Round(time.Millisecond), w.rtnl.Resyncs(), len(w.log), peak(t)>>20, resident>>20)
		if most := peak(t); most > 64<<20 {
			t.Errorf("%d MiB resident at most, want 64 at most", most>>20)
		}
		if w.rtnl.Resyncs() == 0 {
			t.Error("nothing was lost: the storm was too small to show anything")
		}

		// What was told, in order, leads from the table before to the one now.
		told := make(map[string]bool)
		for r := range before.Routes() {
			told[r.String()] = true
		}
		for _, c := range w.log {
			r, ok := c.Message.(*rtnl.Route)
			if !ok {
				continue
			}
			if there := told[r.String()]; there == (c.Op == rtnl.New) && c.Was == nil {
				t.Fatalf("%v of %v was told, which was there: %v", c.Op, r, there)
			}
			if c.Was != nil {
				delete(told, c.Was.(*rtnl.Route).String())
			}
			if told[r.String()] = true; c.Op == rtnl.Del {
				delete(told, r.String())
			}
		}
		for r := range w.table.Routes() {
			if !told[r.String()] {
				t.Errorf("%v was never told", r)
			}
			delete(told, r.String())
		}
		if len(told) > 0 {
			t.Errorf("%d routes were told that are not there", len(told))
		}
	})
}

// peak is the most memory that this process has had resident, in bytes.
func peak(t testing.TB) int64 {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	var kib int64
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	if _, err := fmt.Sscan(after, &kib); err != nil {
		t.Fatalf("VmHWM in /proc/self/status: %v", err)
	}
	return kib << 10
}

// storm adds or deletes n routes to single addresses of 10.0.0.0/8.
func storm(t testing.TB, verb string, n int) {
	t.Helper()
	lines := make([]string, n)
	for i := range lines {
		lines[i] = fmt.Sprintf("route %s 10.%d.%d.%d via %s table 100", verb, i>>16, i>>8&255, i&255, wan0Gateway)
	}
	batch(t, lines...)
}

// T20: dumps under churn are interrupted, or not even told that they were; the
// events put right what they lack.
func TestTrap20ChurnDuringDumps(t *testing.T) {
	kernel(t, func(t *testing.T) {
		topology(t)
		stop, churned := make(chan struct{}), make(chan int)
		go func() {
			n := 0
			for ; ; n++ {
				select {
				case <-stop:
					churned <- n
					return
				default:
				}
				verb := []string{"add", "del"}[n%2]
				var lines []string
				for i := range 20 {
					lines = append(lines, fmt.Sprintf("address %s 10.9.%d.1/24 dev wan0", verb, i), fmt.Sprintf("route %s 203.0.113.%d via %s", verb, i, wan1Gateway))
				}
				if _, err := output([]string{"-force", "-batch", "-"}, strings.Join(lines, "\n")); err != nil {
					continue // some of them are there still, or no more
				}
			}
		}()
		for range 10 {
			w := watch(t)
			for range 5 {
				w.next(t)
			}
			if w.table.LinkByName(wan0) == nil {
				t.Error("a dump under churn lost a link")
			}
		}
		w := watch(t)
		for range 20 {
			w.next(t)
		}
		close(stop)
		t.Logf("%d rounds of churn, %d resyncs", <-churned, w.rtnl.Resyncs())
		w.settle(t)
	})
}

// T21: with strict checking the kernel answers what a filter asks for, and
// without it everything.
func TestTrap21StrictChecking(t *testing.T) {
	kernel(t, func(t *testing.T) {
		s := newScene(t, "route add 203.0.113.0/24 via 192.0.2.1", "route add 198.51.100.0/24 via 192.0.2.129 table 100")
		index := s.table.LinkByName(wan0).Index
		for _, strict := range []bool{true, false} {
			in, others := 0, 0
			for _, r := range dumpVia(t, index, strict) {
				if r.Uses(index) {
					in++
				} else {
					others++
				}
			}
			if in == 0 || strict != (others == 0) {
				t.Errorf("a dump with strict checking %v holds %d routes of the link and %d others", strict, in, others)
			}
		}
	})
}

// dumpVia asks for the IPv4 routes out of a link.
func dumpVia(t testing.TB, oif uint32, strict bool) []*rtnl.Route {
	t.Helper()
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if strict {
		if err := unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_GET_STRICT_CHK, 1); err != nil {
			t.Fatal(err)
		}
	}
	h := netlink.Header{Type: unix.RTM_GETROUTE, Flags: netlink.FlagRequest | netlink.FlagDump, Seq: 1}
	request := netlink.AppendMessage(nil, h, func(b []byte) []byte {
		b = append(b, unix.AF_INET)
		b = append(b, make([]byte, unix.SizeofRtMsg-1)...)
		return netlink.AppendUint32(b, unix.RTA_OIF, oif)
	})
	if err := unix.Sendto(fd, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		t.Fatal(err)
	}
	var routes []*rtnl.Route
	for buf := make([]byte, 64<<10); ; {
		n, _, err := unix.Recvfrom(fd, buf, 0)
		if err != nil {
			t.Fatal(err)
		}
		for e, err := range rtnl.Events(buf[:n]) {
			if err != nil {
				t.Fatal(err)
			}
			routes = append(routes, e.Message.(*rtnl.Route))
		}
		for m := range netlink.Messages(buf[:n]) {
			if m.Type == netlink.TypeDone {
				return routes
			}
		}
	}
}

// T22: a message that another process has sent is no event.
func TestTrap22ForgedMessages(t *testing.T) {
	kernel(t, func(t *testing.T) {
		s := newScene(t)
		fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		forged := netlink.AppendMessage(nil, netlink.Header{Type: unix.RTM_NEWROUTE}, func(b []byte) []byte {
			b = append(b, unix.AF_INET, 24, 0, 0, unix.RT_TABLE_MAIN, unix.RTPROT_STATIC, 0, unix.RTN_BLACKHOLE, 0, 0, 0, 0)
			return netlink.AppendAttr(b, unix.RTA_DST, []byte{203, 0, 113, 0})
		})
		const routes4 = 1 << (unix.RTNLGRP_IPV4_ROUTE - 1)
		if err := unix.Sendto(fd, forged, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: routes4}); err != nil {
			t.Fatal(err)
		}
		s.act("route add 198.51.100.0/24 via 192.0.2.1") // the forged one is through when this is
		s.kernelSaid("route", "new EXCL CREATE route 198.51.100.0/24")
		s.goes(otherHost, "network is unreachable")
		if s.sniffer.socket.Alien() != 1 {
			t.Errorf("%d datagrams were not the kernel's, want 1", s.sniffer.socket.Alien())
		}
	})
}
