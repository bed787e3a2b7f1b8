package netlink

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Receive buffers of a socket, in bytes.
const (
	// recvSize is for answers and notifications, which are shorter than a page with
	// hardly an exception; a longer one makes the buffer grow.
	recvSize = 8 << 10

	// dumpSize is for dumps. The kernel fills their datagrams up to 32 KiB
	// (netlink_dump), so a smaller one costs more system calls and a larger one
	// memory for nothing.
	dumpSize = 32 << 10
)

// Socket is a netlink socket in Go's poller: waiting costs no thread. For one
// goroutine; Close may be called from another and ends a wait.
type Socket struct {
	file  *os.File
	conn  syscall.RawConn
	buf   []byte // of the last datagram received
	out   []byte // of the last one sent
	seq   uint32
	alien uint64
}

// Open opens a socket of the given family (NETLINK_ROUTE, NETLINK_SOCK_DIAG)
// with extended ACKs and strict checking of dump requests where the kernel has
// them (4.12, 4.20).
func Open(family int) (*Socket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, family)
	if err != nil {
		return nil, fmt.Errorf("netlink: socket of family %d: %w", family, err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("netlink: bind: %w", err)
	}
	for _, opt := range []int{unix.NETLINK_EXT_ACK, unix.NETLINK_GET_STRICT_CHK, unix.NETLINK_CAP_ACK} {
		_ = unix.SetsockoptInt(fd, unix.SOL_NETLINK, opt, 1) // old kernels answer ENOPROTOOPT
	}
	f := os.NewFile(uintptr(fd), "netlink")
	rc, err := f.SyscallConn()
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("netlink: %w", err)
	}
	return &Socket{file: f, conn: rc, buf: make([]byte, recvSize)}, nil
}

// Close closes the socket. A Recv that waits returns os.ErrClosed.
func (s *Socket) Close() error { return s.file.Close() }

// Alien counts the datagrams dropped since Open because another process, not
// the kernel, had sent them.
func (s *Socket) Alien() uint64 { return s.alien }

// Join subscribes to a multicast group, by its number (RTNLGRP_LINK, ...).
func (s *Socket) Join(group int) error {
	return s.setsockopt("join group", unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, group)
}

// SetReceiveBuffer asks for n bytes of kernel receive buffer: beyond
// net.core.rmem_max with CAP_NET_ADMIN, up to it without.
func (s *Socket) SetReceiveBuffer(n int) error {
	if s.setsockopt("", unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, n) == nil {
		return nil
	}
	return s.setsockopt("receive buffer", unix.SOL_SOCKET, unix.SO_RCVBUF, n)
}

func (s *Socket) setsockopt(what string, level, opt, v int) error {
	var err error
	if cerr := s.conn.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), level, opt, v) }); cerr != nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("netlink: %s %d: %w", what, v, err)
	}
	return nil
}

// Recv waits for one datagram from the kernel and returns it. The slice is
// valid until the next call. It returns ErrOverrun where notifications were
// lost, the context's error where ctx ended, os.ErrClosed after Close.
func (s *Socket) Recv(ctx context.Context) ([]byte, error) {
	stop, err := s.until(ctx)
	if err != nil {
		return nil, err
	}
	defer stop()
	return s.recv(ctx, true)
}

// TryRecv is Recv without waiting: where nothing is queued it returns nil, nil.
func (s *Socket) TryRecv() ([]byte, error) { return s.recv(context.Background(), false) }

// until makes the end of ctx end a wait on the socket, until stop is called.
func (s *Socket) until(ctx context.Context) (stop func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if ctx.Done() == nil {
		return func() {}, nil
	}
	fired := make(chan struct{})
	off := context.AfterFunc(ctx, func() {
		_ = s.file.SetReadDeadline(time.Unix(1, 0))
		close(fired)
	})
	return func() {
		if !off() { // it ran or runs: the deadline must not outlive this call
			<-fired
			_ = s.file.SetReadDeadline(time.Time{})
		}
	}, nil
}

func (s *Socket) recv(ctx context.Context, wait bool) ([]byte, error) {
	for {
		var (
			n    int
			from unix.RawSockaddrNetlink
			err  error
		)
		rerr := s.conn.Read(func(fd uintptr) bool {
			for {
				n, from, err = recvfrom(fd, s.buf, unix.MSG_TRUNC)
				if err != unix.EINTR {
					return err != unix.EAGAIN || !wait
				}
			}
		})
		switch {
		case rerr != nil && ctx.Err() != nil:
			return nil, ctx.Err()
		case rerr != nil:
			return nil, fmt.Errorf("netlink: receive: %w", closed(rerr))
		case err == unix.EAGAIN:
			return nil, nil
		case err == unix.ENOBUFS:
			return nil, ErrOverrun
		case err != nil:
			return nil, fmt.Errorf("netlink: receive: %w", err)
		}
		if from.Pid != 0 {
			s.alien++
			continue
		}
		if n > len(s.buf) {
			lost := n
			s.buf = make([]byte, align(n)+recvSize)
			return nil, fmt.Errorf("%w: a datagram of %d bytes was cut", ErrOverrun, lost)
		}
		return s.buf[:n], nil
	}
}

// recvfrom is unix.Recvfrom for a netlink socket. That one allocates the sender's
// address, and links all kinds of them.
func recvfrom(fd uintptr, b []byte, flags int) (n int, from unix.RawSockaddrNetlink, err error) {
	size := uint32(unix.SizeofSockaddrNetlink)
	r, _, errno := unix.Syscall6(unix.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), uintptr(flags),
		uintptr(unsafe.Pointer(&from)), uintptr(unsafe.Pointer(&size)))
	if errno != 0 {
		return 0, from, errno
	}
	return int(r), from, nil
}

// closed maps the poller's own error for a closed file to os.ErrClosed.
func closed(err error) error {
	if errors.Is(err, os.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%w (%w)", os.ErrClosed, err)
}

// Send sends one request under a new sequence number, which it returns.
func (s *Socket) Send(typ, flags uint16, fill func([]byte) []byte) (seq uint32, err error) {
	s.seq++
	s.out = AppendMessage(s.out[:0], Header{Type: typ, Flags: flags | FlagRequest, Seq: s.seq}, fill)
	if err := s.send(s.out); err != nil {
		return 0, err
	}
	return s.seq, nil
}

func (s *Socket) send(datagram []byte) (err error) {
	werr := s.conn.Write(func(fd uintptr) bool {
		err = unix.Sendto(int(fd), datagram, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
		return err != unix.EAGAIN
	})
	if werr != nil {
		err = closed(werr)
	}
	if err != nil {
		return fmt.Errorf("netlink: send: %w", err)
	}
	return nil
}

// Do sends a request and returns the kernel's answer: nil on success, *Error on
// refusal. reply, if not nil, is called with each message of the answer that is
// no acknowledgement.
func (s *Socket) Do(ctx context.Context, typ, flags uint16, fill func([]byte) []byte, reply func(Message)) error {
	seq, err := s.Send(typ, flags|FlagAck, fill)
	if err != nil {
		return err
	}
	for {
		datagram, err := s.Recv(ctx)
		if err != nil {
			return err
		}
		for m, err := range Messages(datagram) {
			switch {
			case err != nil:
				return err
			case m.Seq != seq:
			case m.Type == TypeError:
				return ParseError(m)
			case reply != nil:
				reply(m)
			}
		}
	}
}
