//go:build linux

package kernel

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
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

// aborted waits for the end of the connection, which must be ECONNABORTED.
func (l *wire) aborted(t testing.TB) word {
	t.Helper()
	w := l.end(t)
	if w.Errno != syscall.ECONNABORTED {
		t.Errorf("the connection %v > %v ended with %q, want ECONNABORTED", l.local, l.remote, w.Text)
	}
	return w
}

// hangUp closes the connection at the talker's side.
func (l *wire) hangUp(t testing.TB) {
	t.Helper()
	l.order(t, order{Do: "close", Name: l.name})
	l.hear(t, l.name, "end")
}

// playTalk is the talker's side.
func playTalk([]string) error {
	words := make(chan word)
	go func() {
		enc := json.NewEncoder(os.Stdout)
		for w := range words {
			if enc.Encode(w) != nil {
				os.Exit(1)
			}
		}
	}()
	var limit unix.Rlimit // 10,000 connections need as many descriptors
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) == nil {
		limit.Cur = limit.Max
		_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
	}
	conns := make(chan named)
	orders := make(chan order)
	failed := make(chan error, 1)
	go func() {
		in := json.NewDecoder(bufio.NewReader(os.Stdin))
		for {
			var o order
			if err := in.Decode(&o); err != nil {
				if errors.Is(err, io.EOF) {
					err = nil
				}
				failed <- err
				return
			}
			orders <- o
		}
	}()
	open := make(map[string]net.Conn)
	for {
		select {
		case err := <-failed:
			return err
		case c := <-conns:
			open[c.name] = c.Conn
		case o := <-orders:
			switch c := open[o.Name]; {
			case o.Do == "dial":
				go dialAll(o, conns, words)
			case o.Do == "listen":
				go acceptAll(o, conns, words)
			case c == nil:
				words <- word{Name: o.Name, What: "end", Text: "there is no such connection"}
			case o.Do == "ping":
				_, _ = c.Write([]byte{'.'}) // the reader tells of errors
			case o.Do == "close":
				_ = c.(*net.TCPConn).SetLinger(0) // leave nothing behind that could be judged
				_ = c.Close()
			}
		}
	}
}

// named is a connection and its name.
type named struct {
	name string
	net.Conn
}

func dialAll(o order, conns chan<- named, words chan<- word) {
	for range max(o.Times, 1) {
		w := word{Name: o.Name, What: "open"}
		c, err := o.call.dial()
		if err != nil {
			words <- ended(word{Name: o.Name, What: "refused"}, err)
			return
		}
		conns <- named{o.Name, c}
		if o.Times == 0 {
			w.Local, w.Remote = plainAddr(c.LocalAddr()), plainAddr(c.RemoteAddr())
			words <- w
		}
		go func() {
			var b [1]byte
			for {
				if _, err = c.Read(b[:]); err != nil {
					words <- ended(word{Name: o.Name, What: "end", At: monotonic()}, err)
					return
				}
				words <- word{Name: o.Name, What: "pong"}
			}
		}()
	}
	if o.Times > 0 {
		words <- word{Name: o.Name, What: "open"}
	}
}

func acceptAll(o order, conns chan<- named, words chan<- word) {
	l, err := net.Listen("tcp", o.To)
	if err != nil {
		words <- ended(word{Name: o.Name, What: "refused"}, err)
		return
	}
	words <- word{Name: o.Name, What: "listening"}
	for {
		c, err := l.Accept()
		if err != nil {
			words <- ended(word{Name: o.Name, What: "end"}, err)
			return
		}
		if o.Answer != "" {
			go func() {
				defer c.Close()
				var request [4096]byte
				if _, err := c.Read(request[:]); err == nil {
					_, _ = io.WriteString(c, o.Answer)
				}
			}()
			continue
		}
		w := word{Name: plainAddr(c.RemoteAddr()).String(), What: "open", Local: plainAddr(c.LocalAddr()), Remote: plainAddr(c.RemoteAddr())}
		go func() {
			conns <- named{w.Name, c}
			if o.Times > 0 { // so many that nobody reads of them, and a copy would cost two more descriptors each
				_, _ = c.Read(make([]byte, 1))
				return
			}
			words <- w
			_, err := io.Copy(c, c)
			words <- ended(word{Name: w.Name, What: "end", At: monotonic()}, err)
		}()
	}
}

// plainAddr is an address as netmond has it: without a zone.
func plainAddr(a net.Addr) netip.AddrPort {
	p := addrPort(a)
	return netip.AddrPortFrom(p.Addr().WithZone(""), p.Port())
}

func ended(w word, err error) word {
	if err != nil && !errors.Is(err, io.EOF) {
		w.Text = err.Error()
		errors.As(err, &w.Errno)
	} else if err != nil {
		w.Text = "end of file"
	}
	return w
}

// dial opens a connection by the system calls themselves, so that each option is
// set where it counts.
func (c call) dial() (net.Conn, error) {
	to, err := netip.ParseAddrPort(c.To)
	if err != nil {
		return nil, err
	}
	if c.UID != 0 {
		runtime.LockOSThread() // and it ends with the goroutine
		if err := unix.Setfsuid(c.UID); err != nil {
			return nil, err
		}
	}
	family := unix.AF_INET
	if to.Addr().Is6() || c.Mapped {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "tcp")
	defer f.Close()
	if err := c.options(fd); err != nil {
		return nil, err
	}
	if c.From != "" {
		from, err := netip.ParseAddr(c.From)
		if err != nil {
			return nil, err
		}
		if err := unix.Bind(fd, sockaddr(netip.AddrPortFrom(from, 0), c.Mapped)); err != nil {
			return nil, fmt.Errorf("bind: %w", err)
		}
	}
	if err := unix.Connect(fd, sockaddr(to, c.Mapped)); err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, err
	}
	return net.FileConn(f)
}

func (c call) options(fd int) error {
	var err error
	if c.Dev != "" {
		err = errors.Join(err, unix.SetsockoptString(fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE, c.Dev))
	}
	if c.Mark != 0 {
		err = errors.Join(err, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, c.Mark))
	}
	if c.Transparent {
		err = errors.Join(err, unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_TRANSPARENT, 1))
	}
	return err
}

func sockaddr(a netip.AddrPort, mapped bool) unix.Sockaddr {
	if a.Addr().Is4() && !mapped {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	sa := &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
	if zone := a.Addr().Zone(); zone != "" {
		if l, err := net.InterfaceByName(zone); err == nil {
			sa.ZoneId = uint32(l.Index)
		}
	}
	return sa
}
