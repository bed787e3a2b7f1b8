package netlink

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	rtmNewLink = 16
	rtmGetLink = 18
	rtmNone    = 1000 // beyond RTM_MAX of any kernel
)

// open opens a socket of the kernel's, which an emulator of another processor
// does not have: it passes datagrams through, or swaps parts of them.
func open(t *testing.T, family int) *Socket {
	t.Helper()
	if exe, err := os.Readlink("/proc/thread-self/exe"); err == nil && strings.HasPrefix(filepath.Base(exe), "qemu-") {
		t.Skip("the kernel below is of another byte order than this program: ", exe)
	}
	s, err := Open(family)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// soon is a context that ends the test's waits, not its luck.
func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// ifinfo appends a struct ifinfomsg that asks about lo.
func ifinfo(b []byte) []byte {
	b = append(b, make([]byte, 16)...)
	native.PutUint32(b[len(b)-12:], 1)
	return b
}

// answers sends a request about lo and checks that the socket brings the answer.
func answers(t *testing.T, s *Socket) {
	t.Helper()
	n := 0
	if err := s.Do(soon(t), rtmGetLink, 0, ifinfo, func(m Message) {
		if m.Type == rtmNewLink {
			n++
		}
	}); err != nil || n != 1 {
		t.Errorf("Do(get lo) = %v with %d links, want one link", err, n)
	}
}

func TestDumpYieldsLinks(t *testing.T) {
	s := open(t, syscall.NETLINK_ROUTE)
	links := 0
	for datagram, err := range s.Dump(soon(t), rtmGetLink, func(b []byte) []byte { return append(b, make([]byte, 16)...) }) {
		if err != nil {
			t.Fatal(err)
		}
		for m, err := range Messages(datagram) {
			if err != nil || m.Type != rtmNewLink {
				t.Errorf("message of type %d, %v, want links alone", m.Type, err)
			}
			links++
		}
	}
	if links == 0 {
		t.Error("no link in the dump, want lo at least")
	}
	answers(t, s)
}

func TestRefusalIsAnError(t *testing.T) {
	s := open(t, syscall.NETLINK_ROUTE)
	var e *Error
	if err := s.Do(soon(t), rtmNone, 0, ifinfo, nil); !errors.As(err, &e) || e.Errno != syscall.EOPNOTSUPP {
		t.Errorf("Do(no such request) = %v, want EOPNOTSUPP", err)
	}
	if err := s.Do(soon(t), rtmGetLink, 0, func(b []byte) []byte {
		b = ifinfo(b)
		native.PutUint32(b[len(b)-12:], 1<<31-1)
		return b
	}, nil); !errors.Is(err, syscall.ENODEV) {
		t.Errorf("Do(get a link that is not) = %v, want ENODEV", err)
	}
	answers(t, s)
}

func TestRefusedDumpIsAnError(t *testing.T) {
	s := open(t, syscall.NETLINK_ROUTE)
	n := 0
	for datagram, err := range s.Dump(soon(t), rtmNone, ifinfo) {
		if n++; datagram != nil || !errors.Is(err, syscall.EOPNOTSUPP) {
			t.Errorf("Dump(no such request) = %x, %v, want EOPNOTSUPP", datagram, err)
		}
	}
	if n != 1 {
		t.Errorf("Dump(no such request) yielded %d times, want once", n)
	}
	answers(t, s)
}

func TestEndOfContextEndsRecv(t *testing.T) {
	s := open(t, syscall.NETLINK_ROUTE)
	ctx, cancel := context.WithCancel(soon(t))
	got := make(chan error, 1)
	go func() {
		_, err := s.Recv(ctx)
		got <- err
	}()
	cancel()
	if err := <-got; !errors.Is(err, context.Canceled) {
		t.Errorf("Recv = %v, want context.Canceled", err)
	}
	if _, err := s.Recv(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Recv with an ended context = %v, want context.Canceled", err)
	}
	deadline, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	if _, err := s.Recv(deadline); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Recv = %v, want context.DeadlineExceeded", err)
	}
	answers(t, s) // the socket is none the worse
}

func TestCloseEndsRecv(t *testing.T) {
	s := open(t, syscall.NETLINK_ROUTE)
	got := make(chan error, 1)
	go func() {
		_, err := s.Recv(context.Background())
		got <- err
	}()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-got:
		if !errors.Is(err, os.ErrClosed) {
			t.Errorf("Recv = %v, want os.ErrClosed", err)
		}
	case <-soon(t).Done():
		t.Fatal("Recv outlives Close")
	}
	if _, err := s.Send(rtmGetLink, 0, ifinfo); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Send after Close = %v, want os.ErrClosed", err)
	}
	if _, err := s.TryRecv(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("TryRecv after Close = %v, want os.ErrClosed", err)
	}
}

func TestTryRecvDoesNotWait(t *testing.T) {
	s := open(t, syscall.NETLINK_ROUTE)
	if b, err := s.TryRecv(); b != nil || err != nil {
		t.Errorf("TryRecv = %x, %v, want nothing", b, err)
	}
	if _, err := s.Send(rtmGetLink, 0, ifinfo); err != nil { // answered before Send returns
		t.Fatal(err)
	}
	if b, err := s.TryRecv(); len(b) == 0 || err != nil {
		t.Errorf("TryRecv after a request = %x, %v, want the answer", b, err)
	}
}

// Anyone may send to a NETLINK_USERSOCK, which stands in for the same trick on
// NETLINK_ROUTE, where it takes privilege.
func TestMessagesOfOtherProcessesAreDropped(t *testing.T) {
	s, other := open(t, unix.NETLINK_USERSOCK), open(t, unix.NETLINK_USERSOCK)
	var (
		self unix.Sockaddr
		err  error
	)
	if cerr := s.conn.Control(func(fd uintptr) { self, err = unix.Getsockname(int(fd)) }); cerr != nil || err != nil {
		t.Fatal(cerr, err)
	}
	for range 2 {
		if cerr := other.conn.Write(func(fd uintptr) bool {
			err = unix.Sendto(int(fd), message(16, 20, 4), 0, self)
			return true
		}); cerr != nil || err != nil {
			t.Fatal(cerr, err)
		}
	}
	if b, err := s.TryRecv(); b != nil || err != nil || s.Alien() != 2 {
		t.Errorf("TryRecv = %x, %v with %d alien, want nothing with 2", b, err, s.Alien())
	}
}

func TestCutDatagramIsAnOverrunAndTheNextFits(t *testing.T) {
	s := open(t, syscall.NETLINK_ROUTE)
	s.buf = make([]byte, 64) // shorter than any link
	for range 2 {
		if _, err := s.Send(rtmGetLink, 0, ifinfo); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Recv(soon(t)); !errors.Is(err, ErrOverrun) {
		t.Errorf("Recv = %v, want ErrOverrun", err)
	}
	b, err := s.Recv(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	for m, err := range Messages(b) {
		if err != nil || m.Type != rtmNewLink {
			t.Errorf("message of type %d, %v, want a whole link", m.Type, err)
		}
	}
}

func TestFullReceiveBufferIsAnOverrun(t *testing.T) {
	s := open(t, syscall.NETLINK_ROUTE)
	if err := s.SetReceiveBuffer(16 << 10); err != nil { // some ten answers
		t.Fatal(err)
	}
	for range 100 {
		if _, err := s.Send(rtmGetLink, 0, ifinfo); err != nil {
			t.Fatal(err)
		}
	}
	overruns := 0
	for {
		b, err := s.TryRecv()
		if errors.Is(err, ErrOverrun) {
			overruns++
		} else if err != nil {
			t.Fatal(err)
		} else if b == nil {
			break
		}
	}
	if overruns == 0 {
		t.Error("no overrun after 100 answers into a buffer of 16 KiB")
	}
	answers(t, s)
}

func TestJoinRefusesWhatIsNoGroup(t *testing.T) {
	s := open(t, syscall.NETLINK_ROUTE)
	if err := s.Join(1); err != nil {
		t.Errorf("Join(RTNLGRP_LINK) = %v", err)
	}
	if err := s.Join(1 << 20); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("Join(2^20) = %v, want EINVAL", err)
	}
}

func TestDumpPart(t *testing.T) {
	msg := func(typ, flags uint16, seq uint32, n int) []byte {
		return AppendMessage(nil, Header{Type: typ, Flags: flags, Seq: seq}, func(b []byte) []byte { return append(b, make([]byte, n)...) })
	}
	link, done := msg(16, FlagMulti, 7, 5), msg(TypeDone, FlagMulti, 7, 4)
	for _, tt := range []struct {
		name              string
		datagram          []byte
		part              int
		interrupted, done bool
		err               error
	}{
		{name: "more", datagram: join(link, link), part: 48},
		{name: "more-unpadded", datagram: join(link, link)[:45], part: 45},
		{name: "last", datagram: join(link, done), part: 24, done: true},
		{name: "done", datagram: done, done: true},
		{name: "done-before-4.14", datagram: msg(TypeDone, FlagMulti, 7, 0), done: true},
		{name: "interrupted", datagram: join(msg(16, FlagMulti|FlagDumpInterrupted, 7, 5), link), part: 48, interrupted: true},
		{name: "interrupted-done", datagram: msg(TypeDone, FlagMulti|FlagDumpInterrupted, 7, 4), interrupted: true, done: true},
		{name: "refused", datagram: join(link, AppendMessage(nil, Header{Type: TypeError, Seq: 7}, func(b []byte) []byte {
			return refusal(b, syscall.ENODEV)
		})), part: 24, done: true, err: syscall.ENODEV},
		{name: "other-sequence", datagram: join(msg(16, FlagMulti, 6, 5), msg(TypeDone, FlagMulti, 6, 4))},
		{name: "broken", datagram: join(link, link[:9]), part: 24, done: true, err: ErrShort},
	} {
		t.Run(tt.name, func(t *testing.T) {
			part, interrupted, done, err := dumpPart(tt.datagram, 7)
			if len(part) != tt.part || interrupted != tt.interrupted || done != tt.done || !errors.Is(err, tt.err) {
				t.Errorf("dumpPart = %d bytes, %t, %t, %v, want %d, %t, %t, %v", len(part), interrupted, done, err,
					tt.part, tt.interrupted, tt.done, tt.err)
			}
		})
	}
}
