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

	"golang.org/x/sys/unix"
)

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
