package smd

import (
	"fmt"
	"net"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// monotonic returns CLOCK_MONOTONIC in ns.
func monotonic() int64 {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) != nil {
		return 0
	}
	return t.Nano()
}

// flock takes the exclusive lock of f, or reports that another process has it.
// It ends with f.
func flock(f *os.File) (taken bool, err error) {
	switch err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err {
	case nil:
		return true, nil
	case unix.EWOULDBLOCK:
		return false, nil
	default:
		return false, os.NewSyscallError("flock", err)
	}
}

// peerOf returns who connected c: its credentials at that time, SO_PEERCRED of
// unix(7).
func peerOf(c *net.UnixConn) (peer, error) {
	var cred *unix.Ucred
	err := control(c, func(fd int) (err error) {
		cred, err = unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
		return os.NewSyscallError("getsockopt SO_PEERCRED", err)
	})
	if err != nil {
		return peer{}, err
	}
	return peer{uid: cred.Uid, gid: cred.Gid}, nil
}

// peerGroups returns the supplementary groups of who connected c: SO_PEERGROUPS,
// since Linux 4.13 (sock_getsockopt in net/core/sock.c). x/sys has no call for
// it.
func peerGroups(c *net.UnixConn) ([]uint32, error) {
	groups := make([]uint32, 32)
	err := control(c, func(fd int) error {
		for {
			size := uint32(4 * len(groups))
			_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_PEERGROUPS,
				uintptr(unsafe.Pointer(&groups[0])), uintptr(unsafe.Pointer(&size)), 0)
			n := int(size / 4)
			switch {
			case errno == 0:
				groups = groups[:n]
				return nil
			case errno == unix.ERANGE && n > len(groups): // size is what it takes
				groups = make([]uint32, n)
			default:
				return os.NewSyscallError("getsockopt SO_PEERGROUPS", errno)
			}
		}
	})
	return groups, err
}

// fileGroup returns the group that owns the file at path.
func fileGroup(path string) (gid uint32, err error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return 0, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	return st.Gid, nil
}

// waitHangup returns when the peer of c has closed, or the read side was shut or
// its deadline passed here. A peer that has only shut down its sending side, as
// the end of a pipe into socat does, is still there: unix_poll in
// net/unix/af_unix.c tells the two apart by EPOLLHUP. Nothing is read.
func waitHangup(c *net.UnixConn, over func() bool) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Read(func(fd uintptr) bool {
		if over() {
			return true
		}
		p := []unix.PollFd{{Fd: int32(fd)}} // POLLHUP and POLLERR need no asking
		n, err := unix.Poll(p, 0)
		return err == nil && n > 0
	})
}

func control(c *net.UnixConn, f func(fd int) error) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return fmt.Errorf("smd: peer: %w", err)
	}
	var inner error
	if err := raw.Control(func(fd uintptr) { inner = f(int(fd)) }); err != nil {
		return fmt.Errorf("smd: peer: %w", err)
	}
	if inner != nil {
		return fmt.Errorf("smd: peer: %w", inner)
	}
	return nil
}
