//go:build linux

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// question is what the kernel is asked of a connection: where its packets go.
type question struct {
	from, to netip.Addr
	mark     uint32
	oif      uint32 // the link it is bound to; 0 for none
}

// answer is where they go.
type answer struct {
	refused syscall.Errno // 0: they go
	oif     uint32
}

// asker asks the kernel (RTM_GETROUTE). For one goroutine.
type asker struct {
	fd  int
	seq uint32
}

func newAsker() (*asker, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("netlink: %w", err)
	}
	return &asker{fd: fd}, nil
}

// where asks where a connection's packets go. Of bound sockets the kernel tells the
// truth in its own ways only. For IPv4 it must be asked for the entry of the table,
// or it takes every peer for on-link. For IPv6 it insists on the link for a socket,
// and for a question without a source; with one it only prefers it
// (ip6_route_output_flags_noref).
func (a *asker) where(q question) (answer, error) {
	if q.oif == 0 {
		return a.ask(q, 0)
	}
	if q.to.Is4() {
		return a.ask(q, unix.RTM_F_FIB_MATCH)
	}
	by, err := a.ask(q, 0)
	if err == nil && (by.refused != 0 || by.oif != q.oif) {
		q.from = netip.Addr{}
		return a.ask(q, 0)
	}
	return by, err
}

// ask asks one question.
func (a *asker) ask(q question, flags uint32) (answer, error) {
	family, bits := byte(unix.AF_INET), byte(32)
	if q.to.Is6() {
		family, bits = unix.AF_INET6, 128
	}
	a.seq++
	b := binary.NativeEndian.AppendUint32(nil, 0) // the length, see below
	b = binary.NativeEndian.AppendUint16(b, unix.RTM_GETROUTE)
	b = binary.NativeEndian.AppendUint16(b, unix.NLM_F_REQUEST)
	b = binary.NativeEndian.AppendUint32(b, a.seq)
	b = binary.NativeEndian.AppendUint32(b, 0)
	b = append(b, family, bits, 0, 0, 0, 0, 0, 0) // struct rtmsg
	b = binary.NativeEndian.AppendUint32(b, flags)
	b = attr(b, unix.RTA_DST, q.to.AsSlice())
	if q.from.IsValid() {
		b[unix.SizeofNlMsghdr+2] = bits
		b = attr(b, unix.RTA_SRC, q.from.AsSlice())
	}
	if q.oif != 0 {
		b = attr(b, unix.RTA_OIF, binary.NativeEndian.AppendUint32(nil, q.oif))
	}
	if q.mark != 0 {
		b = attr(b, unix.RTA_MARK, binary.NativeEndian.AppendUint32(nil, q.mark))
	}
	binary.NativeEndian.PutUint32(b, uint32(len(b)))
	if err := unix.Sendto(a.fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return answer{}, err
	}
	var reply [4096]byte
	n, _, err := unix.Recvfrom(a.fd, reply[:], 0)
	if err != nil {
		return answer{}, err
	}
	return parse(reply[:n], a.seq)
}

func attr(b []byte, typ uint16, data []byte) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(unix.SizeofRtAttr+len(data)))
	b = binary.NativeEndian.AppendUint16(b, typ)
	return append(b, data...) // all here are of whole words
}

var errReply = errors.New("netlink: a reply that is not understood")

func parse(b []byte, seq uint32) (answer, error) {
	msgs, err := syscall.ParseNetlinkMessage(b)
	if err != nil || len(msgs) == 0 || msgs[0].Header.Seq != seq {
		return answer{}, errReply
	}
	m := &msgs[0]
	switch m.Header.Type {
	case unix.NLMSG_ERROR:
		errno := syscall.Errno(-int32(binary.NativeEndian.Uint32(m.Data)))
		return answer{refused: errno}, nil
	case unix.RTM_NEWROUTE:
	default:
		return answer{}, errReply
	}
	attrs, err := syscall.ParseNetlinkRouteAttr(m)
	if err != nil {
		return answer{}, err
	}
	for _, at := range attrs {
		if at.Attr.Type == unix.RTA_OIF {
			return answer{oif: binary.NativeEndian.Uint32(at.Value)}, nil
		}
	}
	return answer{}, errReply
}

// links is the device's links at one moment.
type links map[uint32]*link

type link struct {
	name        string
	up, running bool
	addrs       map[netip.Addr]bool

	lost   time.Time // up, but without carrier: not before then
	graced bool      // and it was no more than the carrier that it lost, within the grace
}

// since says which links have just lost their carrier: they ran at the last look,
// then, or before it and not for longer than the grace.
func (ls links) since(then links, at span) {
	for i, l := range ls {
		was := then[i]
		switch {
		case was == nil || !l.up || l.running:
		case was.running:
			l.lost, l.graced = at.after, true
		case was.graced && at.before.Sub(was.lost) < grace:
			l.lost, l.graced = was.lost, true
		}
	}
}

func readLinks() (links, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	ls := make(links, len(all))
	for _, i := range all {
		l := &link{name: i.Name, up: i.Flags&net.FlagUp != 0, running: i.Flags&net.FlagRunning != 0, addrs: make(map[netip.Addr]bool)}
		ls[uint32(i.Index)] = l
		addrs, err := i.Addrs()
		if err != nil {
			continue // it has gone meanwhile
		}
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok {
				if a, ok := netip.AddrFromSlice(n.IP); ok {
					l.addrs[a.Unmap()] = true
				}
			}
		}
	}
	return ls, nil
}

// has says whether an address is one of the device's.
func (ls links) has(a netip.Addr) bool {
	for _, l := range ls {
		if l.addrs[a] {
			return true
		}
	}
	return false
}

// same says whether nothing has changed since.
func (ls links) same(then links) bool {
	if len(ls) != len(then) {
		return false
	}
	for i, l := range ls {
		was := then[i]
		if was == nil || was.up != l.up || was.running != l.running || len(was.addrs) != len(l.addrs) {
			return false
		}
		for a := range l.addrs {
			if !was.addrs[a] {
				return false
			}
		}
	}
	return true
}
