//go:build linux

package kernel

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// monotonic is CLOCK_MONOTONIC, which all processes share.
func monotonic() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic(err)
	}
	return time.Duration(ts.Nano())
}

// report is what an owner says of one of its connections.
type report struct {
	N             int           `json:"n"`    // which one, from 0, by order of their opening
	What          string        `json:"what"` // "listening", "open", "sent", "end"
	At            time.Duration `json:"at"`   // monotonic()
	Local, Remote netip.AddrPort
	Errno         syscall.Errno `json:"errno,omitempty"` // of "sent" and "end"; 0 for a clean end of file
	Text          string        `json:"text,omitempty"`  // the error in words
}

// ownerProcess is a helper process that owns TCP sockets.
type ownerProcess struct{ *process }

// owner starts a process that owns TCP sockets in the namespace ns, and reports
// the end of each with its errno. args are
//
//	-dial HOST:PORT [-n 1] [-from ADDR] [-dev LINK] [-mark M]   open n connections
//	-listen HOST:PORT                                           accept any number
//
// It reads and drops what comes. The line "send" makes each connection send two
// bytes and report "sent"; "close" makes it close all.
func owner(t testing.TB, ns string, args ...string) ownerProcess {
	t.Helper()
	return ownerProcess{start(t, ns, "owner", args...)}
}

// next waits for the next report of the given kind, and passes over others.
func (o ownerProcess) next(t testing.TB, what string) report {
	t.Helper()
	for {
		var r report
		line := o.line(t)
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("owner said %q: %v", line, err)
		}
		if r.What == what {
			return r
		}
	}
}

// within waits as next does, for at most d, and answers false where nothing came:
// to show that a connection was left alone.
func (o ownerProcess) within(t testing.TB, what string, d time.Duration) (report, bool) {
	t.Helper()
	for end := time.After(d); ; {
		select {
		case line, ok := <-o.lines:
			var r report
			if !ok {
				t.Fatalf("the owner ended\n%s", o.stderr)
			}
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				t.Fatalf("owner said %q: %v", line, err)
			}
			if r.What == what {
				return r, true
			}
		case <-end:
			return report{}, false
		}
	}
}

// playOwner is the owner's side.
func playOwner(args []string) error {
	flags := flag.NewFlagSet("owner", flag.ContinueOnError)
	var (
		dial   = flags.String("dial", "", "")
		listen = flags.String("listen", "", "")
		n      = flags.Int("n", 1, "")
		from   = flags.String("from", "", "")
		dev    = flags.String("dev", "", "")
		mark   = flags.Int("mark", 0, "")
	)
	if err := flags.Parse(args); err != nil {
		return err
	}
	s := sockets{out: make(chan report), conns: make(chan net.Conn)}
	go s.print()
	if *listen != "" {
		l, err := net.Listen("tcp", *listen)
		if err != nil {
			return err
		}
		s.out <- report{What: "listening", Local: addrPort(l.Addr())}
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				s.conns <- c
			}
		}()
	} else {
		d := net.Dialer{KeepAlive: -1, Control: func(_, _ string, c syscall.RawConn) (err error) {
			cerr := c.Control(func(fd uintptr) {
				if *dev != "" {
					err = unix.SetsockoptString(int(fd), unix.SOL_SOCKET, unix.SO_BINDTODEVICE, *dev)
				}
				if err == nil && *mark != 0 {
					err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_MARK, *mark)
				}
			})
			return errors.Join(cerr, err)
		}}
		if *from != "" {
			d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(*from)}
		}
		go func() {
			for range *n {
				c, err := d.DialContext(context.Background(), "tcp", *dial)
				if err != nil {
					fmt.Fprintln(os.Stderr, "kernel: owner:", err)
					os.Exit(1)
				}
				s.conns <- c
			}
		}()
	}
	return s.serve()
}

// sockets are the connections of an owner process.
type sockets struct {
	out   chan report
	conns chan net.Conn
}

// print writes the reports, one line each.
func (s sockets) print() {
	enc := json.NewEncoder(os.Stdout)
	for r := range s.out {
		if r.At == 0 {
			r.At = monotonic()
		}
		if err := enc.Encode(r); err != nil {
			os.Exit(1)
		}
	}
}

// serve obeys standard input until it ends.
func (s sockets) serve() error {
	commands := make(chan string)
	go func() {
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			commands <- strings.TrimSpace(in.Text())
		}
		close(commands)
	}()
	var all []net.Conn
	for {
		select {
		case c := <-s.conns:
			r := report{N: len(all), What: "open", Local: addrPort(c.LocalAddr()), Remote: addrPort(c.RemoteAddr())}
			all = append(all, c)
			s.out <- r
			go s.read(c, r)
		case line, ok := <-commands:
			if !ok {
				return nil
			}
			for i, c := range all {
				switch line {
				case "send":
					_, err := c.Write([]byte("hi"))
					s.out <- result(report{N: i, What: "sent"}, err)
				case "close":
					c.Close()
				default:
					return fmt.Errorf("unknown command %q", line)
				}
			}
		}
	}
}

// read waits for the end of a connection.
func (s sockets) read(c net.Conn, r report) {
	_, err := io.Copy(io.Discard, c)
	r.What, r.At = "end", monotonic()
	s.out <- result(r, err)
}

func result(r report, err error) report {
	if err != nil {
		r.Text = err.Error()
		errors.As(err, &r.Errno)
	}
	return r
}

func addrPort(a net.Addr) netip.AddrPort {
	p, _ := netip.ParseAddrPort(a.String())
	return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
}
