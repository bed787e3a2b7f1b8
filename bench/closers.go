//go:build linux

package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/netmond/netmond/conn"
	"github.com/netmond/netmond/internal/netlink"
	"github.com/netmond/netmond/rtable"
	"github.com/netmond/netmond/rtnl"
)

// playCloser is netmond as far as it closes connections. Its argument is the
// settle time.
func playCloser(args []string) error {
	settle, err := time.ParseDuration(args[0])
	if err != nil {
		return err
	}
	ctx := context.Background()
	device := conn.OpenDevice(ctx)
	kernel, err := conn.OpenKernel()
	if err != nil {
		return err
	}
	slot := make(chan conn.Update, 1)
	sweeper := conn.Sweeper{Source: device, Confirm: kernel.Confirm, Settle: settle, Grace: 3 * time.Second, Reasons: conn.AllReasons}
	go sweeper.Run(ctx, slot)
	var t *rtable.Table
	for b, err := range (&rtnl.Watcher{Reuse: true}).Watch(ctx) {
		if err != nil {
			return err
		}
		cur, changes := t.Apply(b)
		if !changes.Empty() {
			conn.Post(slot, conn.Update{Old: t, Cur: cur, Changes: []rtable.Changes{changes}})
		}
		if changes.First() {
			fmt.Println("ready")
		}
		t = cur
	}
	return nil
}

// playBareCloser is the floor: on each route that goes it lists the TCP
// connections to it, in both families and filtered by the kernel, and destroys
// them. It judges nothing.
func playBareCloser([]string) error {
	events, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	if err := unix.Bind(events, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	for _, group := range []int{unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV6_ROUTE} {
		if err := unix.SetsockoptInt(events, unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, group); err != nil {
			return err
		}
	}
	diag, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_INET_DIAG)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	b := bareCloser{diag: diag, buf: make([]byte, 32<<10)}
	buf := make([]byte, 32<<10)
	for {
		n, _, err := unix.Recvfrom(events, buf, 0)
		if err != nil {
			return err
		}
		for m, err := range netlink.Messages(buf[:n]) {
			if err != nil {
				return err
			}
			if m.Type != unix.RTM_DELROUTE {
				continue
			}
			dst := netip.IPv4Unspecified() // a default route says no destination; those here are of IPv4
			for a, err := range netlink.Attrs(m.Data[unix.SizeofRtMsg:]) {
				if to, ok := netip.AddrFromSlice(a.Data); err == nil && ok && a.Type == unix.RTA_DST {
					dst = to
				}
			}
			if err := b.close(netip.PrefixFrom(dst, int(m.Data[1]))); err != nil {
				return err
			}
		}
	}
}

type bareCloser struct {
	diag int
	seq  uint32
	buf  []byte
}

// Messages of sock_diag (linux/sock_diag.h, linux/inet_diag.h).
const (
	sockDiagByFamily = 20
	sockDestroy      = 21
)

// close destroys the TCP sockets whose peer the prefix holds.
func (b *bareCloser) close(p netip.Prefix) error {
	type socket struct {
		family byte
		id     [48]byte // struct inet_diag_sockid, whose cookie is the end
	}
	var found []socket
	for _, family := range []byte{unix.AF_INET, unix.AF_INET6} {
		err := b.do(sockDiagByFamily, unix.NLM_F_DUMP, func(r []byte) []byte {
			r = append(r, family, unix.IPPROTO_TCP, 0, 0)
			r = binary.NativeEndian.AppendUint32(r, 1<<1|1<<2|1<<4|1<<5|1<<8|1<<9|1<<11) // states with a peer
			r = append(r, make([]byte, 48)...)
			return netlink.AppendAttr(r, 1, peerFilter(p)) // INET_DIAG_REQ_BYTECODE
		}, func(m netlink.Message) {
			found = append(found, socket{m.Data[0], [48]byte(m.Data[4:52])})
		})
		if err != nil {
			return err
		}
	}
	for _, s := range found {
		err := b.do(sockDestroy, unix.NLM_F_ACK, func(r []byte) []byte {
			r = append(r, s.family, unix.IPPROTO_TCP, 0, 0, 0, 0, 0, 0)
			return append(r, s.id[:]...)
		}, nil)
		if err != nil && !errors.Is(err, unix.ENOENT) {
			return err
		}
	}
	return nil
}

// peerFilter is the bytecode for "the peer is in p": one condition
// (INET_DIAG_BC_D_COND), which skips past the end where it fails.
func peerFilter(p netip.Prefix) []byte {
	a := p.Addr().AsSlice()
	size := 4 + 8 + len(a)
	family := byte(unix.AF_INET)
	if p.Addr().Is6() {
		family = unix.AF_INET6
	}
	f := binary.NativeEndian.AppendUint16([]byte{8, byte(size)}, uint16(size+4))
	f = append(f, family, byte(p.Bits()), 0, 0, 0xff, 0xff, 0xff, 0xff)
	return append(f, a...)
}

// do sends a request and reads the answer to its end.
func (b *bareCloser) do(typ, flags uint16, fill func([]byte) []byte, each func(netlink.Message)) error {
	b.seq++
	req := netlink.AppendMessage(nil, netlink.Header{Type: typ, Flags: flags | netlink.FlagRequest, Seq: b.seq}, fill)
	if err := unix.Sendto(b.diag, req, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	for {
		n, _, err := unix.Recvfrom(b.diag, b.buf, 0)
		if err != nil {
			return err
		}
		for m, err := range netlink.Messages(b.buf[:n]) {
			switch {
			case err != nil:
				return err
			case m.Type == netlink.TypeDone || m.Type == netlink.TypeError:
				return netlink.ParseError(m)
			case each != nil:
				each(m)
			}
		}
	}
}
