//go:build linux

package main

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/netmond/netmond/internal/netlink"
)

// Two uplinks, with a router and a half each. veth, because every kernel with
// namespaces has it.
var uplinkCommands = []string{
	"link add wan0 type veth peer name peer0",
	"link add wan1 type veth peer name peer1",
	"address add 192.0.2.9/25 dev wan0",
	"address add 192.0.2.139/25 dev wan1",
	"link set wan0 up", "link set peer0 up", "link set wan1 up", "link set peer1 up",
}

var gateways = [4]netip.Addr{
	netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"),
	netip.MustParseAddr("192.0.2.129"), netip.MustParseAddr("192.0.2.130"),
}

// writer changes routes, many with one system call, which is some twenty times as
// fast as waiting for each answer. Requests are queued; flush has them done.
type writer struct {
	fd      int
	buf     []byte
	seq     uint32
	refused error
}

// protoBGP marks the routes of this program (RTPROT_BGP).
const protoBGP = 186

const writeSize = 64 << 10 // less than net.core.wmem_default, which bounds a datagram

func newWriter() (*writer, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, err
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_CAP_ACK, 1)
	return &writer{fd: fd}, unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
}

func (w *writer) close() { unix.Close(w.fd) }

// add, replace and del queue a change of the route to dst by the i-th gateway.
func (w *writer) add(dst netip.Prefix, i int) error {
	return w.route(unix.RTM_NEWROUTE, unix.NLM_F_CREATE|unix.NLM_F_EXCL, dst, i)
}

func (w *writer) replace(dst netip.Prefix, i int) error {
	return w.route(unix.RTM_NEWROUTE, unix.NLM_F_CREATE|unix.NLM_F_REPLACE, dst, i)
}

func (w *writer) del(dst netip.Prefix, i int) error { return w.route(unix.RTM_DELROUTE, 0, dst, i) }

func (w *writer) route(typ, flags uint16, dst netip.Prefix, i int) error {
	w.seq++
	w.buf = netlink.AppendMessage(w.buf, netlink.Header{Type: typ, Flags: flags | netlink.FlagRequest, Seq: w.seq}, func(b []byte) []byte {
		b = append(b, unix.AF_INET, byte(dst.Bits()), 0, 0, unix.RT_TABLE_MAIN, protoBGP, unix.RT_SCOPE_UNIVERSE, unix.RTN_UNICAST, 0, 0, 0, 0)
		b = netlink.AppendAttr(b, unix.RTA_DST, dst.Addr().AsSlice())
		b = netlink.AppendAttr(b, unix.RTA_GATEWAY, gateways[i%len(gateways)].AsSlice())
		return b
	})
	if len(w.buf) < writeSize {
		return nil
	}
	return w.send()
}

func (w *writer) send() error {
	if len(w.buf) == 0 {
		return nil
	}
	err := unix.Sendto(w.fd, w.buf, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	w.buf = w.buf[:0]
	if err != nil {
		return err
	}
	return w.check(unix.MSG_DONTWAIT)
}

// check reads the refusals that have come; the kernel answers nothing else.
func (w *writer) check(flags int) error {
	var b [8 << 10]byte
	for {
		n, _, err := unix.Recvfrom(w.fd, b[:], flags)
		if err == unix.EAGAIN {
			return nil
		}
		if err != nil {
			return err
		}
		for m, err := range netlink.Messages(b[:n]) {
			if err != nil {
				return err
			}
			if err := netlink.ParseError(m); err != nil {
				return fmt.Errorf("route %d: %w", m.Seq, err)
			}
			if m.Flags&netlink.FlagAck != 0 || m.Seq == w.seq {
				return nil
			}
		}
	}
}

// flush sends what is queued. When it returns the kernel has done it: it works
// off a request within the system call.
func (w *writer) flush() error { return w.send() }

// load adds the routes to all prefixes, through the gateways in turns.
func load(dst []netip.Prefix) error {
	w, err := newWriter()
	if err != nil {
		return err
	}
	defer w.close()
	for i, p := range dst {
		if err := w.add(p, i); err != nil {
			return err
		}
	}
	return w.flush()
}
