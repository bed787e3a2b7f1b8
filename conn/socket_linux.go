package conn

import (
	"errors"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// readSocket reads from a connection's socket what decides its route: the mark,
// the bound link, transparency.
func readSocket(c net.Conn, f *Flow) {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return
	}
	_ = rc.Control(func(fd uintptr) { readSocketFD(int(fd), f) })
}

// isOver says whether the kernel has ended the connection.
func isOver(c net.Conn) (over bool) {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return false
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return false
	}
	err = rc.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		over = err == nil && State(info.State) == Closed
	})
	return err == nil && over
}

// patienceFor is how long err may wait for its reason, where it is how a connection
// ends that a daemon closes by the rung. A reset or a broken pipe may be the peer's
// doing as well; an abort is not (tcp_abort).
func patienceFor(err error, rung Rung) time.Duration {
	switch {
	case rung == Advisory:
	case errors.Is(err, syscall.ECONNABORTED):
		return abortPatience
	case errors.Is(err, syscall.EPIPE), rung == Pidfd && errors.Is(err, syscall.ECONNRESET):
		return resetPatience
	}
	return 0
}

func readSocketFD(fd int, f *Flow) {
	if mark, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK); err == nil {
		f.Mark, f.MarkKnown = uint32(mark), true
	}
	if oif, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_BINDTOIFINDEX); err == nil {
		f.Oif = uint32(oif)
	}
	level, opt := unix.SOL_IP, unix.IP_TRANSPARENT
	if f.Remote.Addr().Is6() {
		level, opt = unix.SOL_IPV6, unix.IPV6_TRANSPARENT
	}
	if v, err := unix.GetsockoptInt(fd, level, opt); err == nil {
		f.Transparent = v != 0
	}
}
