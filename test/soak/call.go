//go:build linux

package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// loSource is an address that lives on lo.
const loSource = "192.0.2.200"

// kind is how a connection is made. Of each that needs no other, the zero value.
type kind struct {
	name   string
	share  int                // of a hundred
	to     func(n int) string // the peer of the nth
	from   string             // its own address; "" leaves the choice to the kernel
	dev    string             // SO_BINDTODEVICE
	mark   int                // SO_MARK
	exempt bool               // its path never leaves the device, and it must never be closed
}

// kinds are the kinds of connections.
func kinds() []kind {
	hosts := func(net string) func(int) string {
		return func(n int) string { return host4(net, 1+n%15) }
	}
	hosts6 := func(net string) func(int) string {
		return func(n int) string { return host6(net, 1+n%15) }
	}
	four, six := hosts("198.51.100"), hosts6("2001:db8:ff")
	always := func(a string) func(int) string { return func(int) string { return a } }
	return []kind{
		{name: "default, IPv4", share: 20, to: four},
		{name: "default, IPv6", share: 15, to: six},
		{name: "second address, IPv4", share: 5, to: four, from: addr4(0, 1)},
		{name: "second address, IPv6", share: 5, to: six, from: addr6(0, 1)},
		{name: "bound, IPv4", share: 8, to: four, dev: wan(1)},
		{name: "bound, IPv6", share: 8, to: six, dev: wan(1)}, // not wan2: what leads by its source-specific route RTM_GETROUTE cannot tell of a bound socket
		{name: "marked, IPv4", share: 8, to: four, mark: 7},
		{name: "marked, IPv6", share: 7, to: six, mark: 7},
		{name: "nexthop object, IPv4", share: 6, to: hosts("203.0.113")},
		{name: "nexthop object, IPv6", share: 5, to: hosts6("2001:db8:fe")},
		{name: "on link", share: 5, to: func(n int) string {
			if n%2 == 0 {
				return gateway4(n / 2 % wans)
			}
			return gateway6(n / 2 % wans)
		}},
		{name: "source on lo", share: 2, to: four, from: loSource},
		{name: "source-specific", share: 3, to: six, from: addr6(2, 0)},
		{name: "loopback", share: 2, to: func(n int) string { return []string{"127.0.0.1", "::1"}[n%2] }, exempt: true},
		{name: "to itself", share: 1, to: always(addr4(0, 0)), from: addr4(0, 0), exempt: true},
	}
}

// call is one of the connections: a place that is dialled again whenever its
// connection ends. All but wire belongs to the run's goroutine.
type call struct {
	kind
	peer string

	*wire             // nil while there is none
	wake    time.Time // when to dial again, while there is no wire
	dialing bool
	version int // of the world when the dialling began
	life    life
	seen    cause
	opened  time.Time
	history []string
	told    bool // that it is stranded
}

// wire is an open connection.
type wire struct {
	net.Conn
	local, remote netip.Addr
	name          string // as netmond writes it
	question      question
	sent          int
	echoed        atomic.Int64
}

// word is what happens to a call beside the run's goroutine: it was opened, or
// could not be; or its wire ended.
type word struct {
	*call
	wire *wire // nil where it could not be opened
	err  error // of its end; nil where it was opened
	at   time.Time
}

// dialTimeout lets a handshake be lost once.
const dialTimeout = 1500 * time.Millisecond

// dial opens the connection of a call, and reads until it ends. Words go to out
// until ctx ends.
func (c *call) dial(ctx context.Context, ls links, out chan<- word) {
	say := func(w word) {
		w.call, w.at = c, time.Now()
		select {
		case out <- w:
		case <-ctx.Done():
			if w.wire != nil {
				w.wire.Close()
			}
		}
	}
	w, err := c.open(ctx, ls)
	if err != nil {
		say(word{err: err})
		return
	}
	say(word{wire: w})
	var b [16]byte
	for {
		n, err := w.Read(b[:])
		w.echoed.Add(int64(n))
		if err != nil {
			say(word{wire: w, err: err})
			return
		}
	}
}

func (c *call) open(ctx context.Context, ls links) (*wire, error) {
	d := net.Dialer{Timeout: dialTimeout, KeepAlive: -1, Control: func(_, _ string, raw syscall.RawConn) (err error) {
		if e := raw.Control(func(fd uintptr) {
			if c.dev != "" {
				err = unix.SetsockoptString(int(fd), unix.SOL_SOCKET, unix.SO_BINDTODEVICE, c.dev)
			}
			if c.mark != 0 && err == nil {
				err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_MARK, c.mark)
			}
		}); e != nil {
			return e
		}
		return err
	}}
	if c.from != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(c.from)}
	}
	at := port
	if c.dev != "" {
		at = boundPort
	}
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(c.peer, at))
	if err != nil {
		return nil, err
	}
	_ = conn.(*net.TCPConn).SetLinger(0) // what the run itself hangs up leaves nothing behind
	local, remote := conn.LocalAddr().(*net.TCPAddr).AddrPort(), conn.RemoteAddr().(*net.TCPAddr).AddrPort()
	w := &wire{Conn: conn, local: local.Addr().Unmap(), remote: remote.Addr().Unmap()}
	w.name = fmt.Sprintf("tcp %v %v", netip.AddrPortFrom(w.local, local.Port()), netip.AddrPortFrom(w.remote, remote.Port()))
	w.question = question{from: w.local, to: w.remote, mark: uint32(c.mark)}
	for i, l := range ls {
		if l.name == c.dev {
			w.question.oif = i
		}
	}
	return w, nil
}

// ping sends a byte, whose echo shows that the connection lives.
func (w *wire) ping() {
	if _, err := w.Write([]byte{'.'}); err == nil { // else the reader has the error too
		w.sent++
	}
}

// pages bounds a call's history.
const pages = 40

// note adds a line to the history of a call's present connection.
func (c *call) note(at time.Time, format string, args ...any) {
	if len(c.history) == pages {
		c.history = append(c.history[:1], c.history[2:]...) // the first tells of its beginning
	}
	c.history = append(c.history, at.Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
}
