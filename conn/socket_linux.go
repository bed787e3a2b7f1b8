package conn

import (
	"net"
	"syscall"

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
