//go:build linux

package kernel

import (
	"bytes"
	"context"
	bin "encoding/binary"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/netmond/netmond/internal/netlink"
)

// latency is what BenchmarkRouteDeletedToError measures: the times from before
// the route's deletion to after the owner's read has failed, sorted.
type latency struct {
	Netmond, Floor []time.Duration
}

// BenchmarkRouteDeletedToError measures the time from the deletion of a route to
// the error at the owner of the connection that it strands, in 200 repetitions,
// with no other connections on the device and with 10,000. The daemon runs with
// -settle 0. In the same run the floor is measured: a bare loop that on the same
// event dumps the TCP sockets of both families through a kernel filter, and
// destroys the one that matches.
func BenchmarkRouteDeletedToError(b *testing.B) {
	for _, others := range []int{0, 10000} {
		b.Run(fmt.Sprintf("others=%d", others), func(b *testing.B) {
			if os.Getenv(envInside) != "" {
				out, err := json.Marshal(measure(b, others))
				if err != nil {
					b.Fatal(err)
				}
				fmt.Printf("\n%s%s\n", measured, out)
				return
			}
			var all latency
			for range b.N {
				l := rerun(b)
				all.Netmond = append(all.Netmond, l.Netmond...)
				all.Floor = append(all.Floor, l.Floor...)
			}
			slices.Sort(all.Netmond)
			slices.Sort(all.Floor)
			b.ReportMetric(0, "ns/op")
			for _, q := range []int{50, 99} {
				n, f := quantile(all.Netmond, q), quantile(all.Floor, q)
				b.ReportMetric(float64(n.Microseconds()), fmt.Sprintf("p%d-µs", q))
				b.ReportMetric(float64(f.Microseconds()), fmt.Sprintf("floor-p%d-µs", q))
				b.ReportMetric(float64(n)/float64(f), fmt.Sprintf("p%d/floor", q))
			}
		})
	}
}

// repetitions of each measurement.
const repetitions = 200

// measured opens the line in which a benchmark inside says what it has measured.
const measured = "measured: "

func quantile(sorted []time.Duration, percent int) time.Duration {
	return sorted[min(len(sorted)*percent/100, len(sorted)-1)]
}

// rerun runs the benchmark once more inside fresh namespaces.
func rerun(b *testing.B) latency {
	b.Helper()
	need(b, "ip", "iproute2")
	binary(b) // is not to be built in there
	cmd := exec.Command(self(b), "-test.run=^$", "-test.bench="+pattern(b.Name()), "-test.benchtime=1x")
	cmd.Env = append(os.Environ(), envInside+"=1")
	cmd.SysProcAttr = namespaces()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if why, ok := strings.CutPrefix(out.String(), noNamespace); ok {
		skip(b, "namespaces are restricted here: "+why)
	}
	for _, line := range strings.Split(out.String(), "\n") {
		if text, ok := strings.CutPrefix(line, measured); ok && err == nil {
			return decode[latency](b, text)
		}
	}
	b.Fatalf("%v\n%s", err, &out)
	panic("not reached")
}

// measure measures both in the namespaces.
func measure(b *testing.B, others int) latency {
	b.Helper()
	topology(b)
	do(b, "route add default via "+wan1Gateway)
	s := stageWith(b, "-settle", "0")
	if others > 0 {
		s.internet.order(b, order{Do: "listen", Name: "quiet", call: call{To: ":444", Times: 1}})
		s.internet.hear(b, "quiet", "listening")
		for done := 0; done < others; done += 1000 {
			s.device.order(b, order{Do: "dial", Name: "others", call: call{To: otherHost + ":444", Times: 1000}})
			if w := s.device.hear(b, "others", "open", "refused"); w.What == "refused" {
				b.Fatalf("connection %d: %s", done, w.Text)
			}
		}
	}
	kernel, err := netlink.Open(unix.NETLINK_ROUTE)
	if err != nil {
		b.Fatal(err)
	}
	defer kernel.Close()
	oif := linkIndex(b, wan0)
	route := func(typ, flags uint16) {
		if err := kernel.Do(context.Background(), typ, flags, func(m []byte) []byte {
			m = append(m, unix.AF_INET, 32, 0, 0, unix.RT_TABLE_MAIN, unix.RTPROT_BOOT, unix.RT_SCOPE_UNIVERSE, unix.RTN_UNICAST, 0, 0, 0, 0)
			m = netlink.AppendAttr(m, unix.RTA_DST, addr(host).AsSlice())
			m = netlink.AppendAttr(m, unix.RTA_GATEWAY, addr(wan0Gateway).AsSlice())
			return netlink.AppendUint32(m, unix.RTA_OIF, oif)
		}, nil); err != nil {
			b.Fatal(err)
		}
	}
	repeat := func(ready func()) (times []time.Duration) {
		for range repetitions {
			route(unix.RTM_NEWROUTE, netlink.FlagCreate|netlink.FlagExcl)
			ready()
			w := s.device.dial(b, to(host))
			w.echoes(b, "before")
			since := monotonic()
			route(unix.RTM_DELROUTE, 0)
			times = append(times, w.aborted(b).At-since)
		}
		return times
	}
	var l latency
	l.Netmond = repeat(func() {
		s.bus.forget()
		s.bus.await(b, "the route", func(m payload) bool { return m.RT == "add" && m.Dst == host })
	})
	s.daemon.stop()
	floor := start(b, "", "floor")
	floor.line(b)
	l.Floor = repeat(func() {})
	return l
}

func linkIndex(t testing.TB, name string) uint32 {
	t.Helper()
	return uint32(decode[[]struct{ IfIndex int }](t, ip(t, "-json link show dev "+name))[0].IfIndex)
}

// playFloor is the least that can be done: it waits for the deletion of an IPv4
// route and closes the connections to that address.
func playFloor([]string) error {
	events, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	if err := unix.Bind(events, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: unix.RTMGRP_IPV4_ROUTE}); err != nil {
		return err
	}
	diag, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_INET_DIAG)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	go func() { // as every role, until the input ends
		_, _ = os.Stdin.Read(make([]byte, 1))
		os.Exit(0)
	}()
	buf := make([]byte, 1<<16)
	for {
		n, _, err := unix.Recvfrom(events, buf, 0)
		if err != nil {
			return err
		}
		for m, err := range netlink.Messages(buf[:n]) {
			if err != nil || m.Type != unix.RTM_DELROUTE {
				continue
			}
			for a, err := range netlink.Attrs(m.Data[unix.SizeofRtMsg:]) {
				if dst, ok := netip.AddrFromSlice(a.Data); err == nil && ok && a.Type == unix.RTA_DST {
					if err := destroyTo(diag, dst); err != nil {
						return err
					}
				}
			}
		}
	}
}

// destroyTo closes the connections to an IPv4 address.
func destroyTo(diag int, dst netip.Addr) error {
	const (
		list       = 20 // SOCK_DIAG_BY_FAMILY
		destroy    = 21 // SOCK_DESTROY
		bytecode   = 1  // INET_DIAG_REQ_BYTECODE
		peer       = 8  // INET_DIAG_BC_D_COND
		listening  = 10
		header     = 16
		identified = 4 // where a struct inet_diag_msg has its id
	)
	request := func(typ, flags uint16, family byte, id []byte, filter []byte) error {
		return unix.Sendto(diag, netlink.AppendMessage(nil, netlink.Header{Type: typ, Flags: flags | netlink.FlagRequest}, func(b []byte) []byte {
			b = append(b, family, unix.IPPROTO_TCP, 0, 0)
			b = bin.NativeEndian.AppendUint32(b, ^uint32(1<<listening))
			b = append(b, id...)
			if filter != nil {
				b = netlink.AppendAttr(b, bytecode, filter)
			}
			return b
		}), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	}
	filter := bin.NativeEndian.AppendUint16([]byte{peer, 16}, 20) // the condition; past the end where it fails
	filter = append(filter, unix.AF_INET, 32, 0, 0)
	filter = bin.NativeEndian.AppendUint32(filter, ^uint32(0)) // any port
	filter = append(filter, dst.AsSlice()...)
	buf := make([]byte, 1<<16)
	for _, family := range []byte{unix.AF_INET, unix.AF_INET6} {
		if err := request(list, netlink.FlagDump, family, make([]byte, 48), filter); err != nil {
			return err
		}
		var found [][]byte
		for done := false; !done; {
			n, _, err := unix.Recvfrom(diag, buf, 0)
			if err != nil {
				return err
			}
			for m, err := range netlink.Messages(buf[:n]) {
				switch {
				case err != nil:
					return err
				case m.Type == netlink.TypeDone:
					done = true
				case m.Type == netlink.TypeError:
					return netlink.ParseError(m)
				default:
					found = append(found, slices.Clone(m.Data[identified:identified+48]))
				}
			}
		}
		for _, id := range found {
			if err := request(destroy, netlink.FlagAck, family, id, nil); err != nil {
				return err
			}
			if _, _, err := unix.Recvfrom(diag, buf, 0); err != nil {
				return err
			}
		}
	}
	return nil
}
