package conn

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Without SOCK_DESTROY a connection is closed through its owner's descriptor: a
// duplicate of it (pidfd_getfd) is the same socket, and disconnecting that ends
// the connection for all who hold it. It needs CAP_SYS_PTRACE, and, to find the
// owner in /proc, CAP_DAC_READ_SEARCH where it is another user's.

// errNoOwner says that no process has the socket open: it is an orphan, or has
// been closed meanwhile.
var errNoOwner = errors.New("no process has the socket open")

// holder is a descriptor of a process.
type holder struct{ pid, fd int }

// owners finds who holds a socket, by its inode. One walk over /proc finds all,
// and is kept until it does not help. The zero value is ready; for one goroutine.
type owners struct {
	byInode map[uint32]holder
	walked  time.Time
}

// with calls f with a duplicate of a descriptor of the socket with that inode.
func (o *owners) with(inode uint32, f func(fd int) error) error {
	return o.recent(inode, 0, f)
}

// recent is with for one of many sockets that may be gone: what a walk no older
// than age does not help with has no owner, so that not each costs a walk.
func (o *owners) recent(inode uint32, age time.Duration, f func(fd int) error) error {
	if inode == 0 {
		return errNoOwner
	}
	for _, fresh := range []bool{false, true} {
		if o.byInode == nil || fresh && time.Since(o.walked) >= age {
			o.walk()
		}
		h, ok := o.byInode[inode]
		if !ok {
			continue
		}
		fd, err := duplicate(h, inode)
		if errors.Is(err, errNoOwner) {
			continue // the descriptor is another file's by now
		}
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return f(fd)
	}
	return errNoOwner
}

// walk reads whose descriptors are sockets. What goes away meanwhile is passed
// over.
func (o *owners) walk() {
	o.byInode, o.walked = make(map[uint32]holder), time.Now()
	for _, p := range names("/proc") {
		pid, err := strconv.Atoi(p)
		if err != nil {
			continue
		}
		dir := "/proc/" + p + "/fd"
		for _, n := range names(dir) {
			target, err := os.Readlink(dir + "/" + n)
			if err != nil {
				continue
			}
			digits, ok := strings.CutPrefix(target, "socket:[")
			if !ok {
				continue
			}
			inode, err := strconv.ParseUint(strings.TrimSuffix(digits, "]"), 10, 32)
			fd, ferr := strconv.Atoi(n)
			if err == nil && ferr == nil {
				o.byInode[uint32(inode)] = holder{pid, fd}
			}
		}
	}
}

func names(dir string) []string {
	d, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer d.Close()
	list, _ := d.Readdirnames(-1)
	return list
}

// duplicate takes a duplicate of the holder's descriptor and makes sure that it
// is the socket: the number may have been given to another file.
func duplicate(h holder, inode uint32) (int, error) {
	pidfd, err := unix.PidfdOpen(h.pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return -1, errNoOwner
	}
	if err != nil {
		return -1, fmt.Errorf("pidfd_open %d: %w", h.pid, err)
	}
	defer unix.Close(pidfd)
	fd, err := unix.PidfdGetfd(pidfd, h.fd, 0)
	if errors.Is(err, unix.EBADF) || errors.Is(err, unix.ESRCH) {
		return -1, errNoOwner
	}
	if err != nil {
		return -1, fmt.Errorf("pidfd_getfd of process %d: %w", h.pid, err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFSOCK || uint32(st.Ino) != inode {
		unix.Close(fd)
		return -1, errNoOwner
	}
	return fd, nil
}

// still says errNoOwner where fd is no longer of the flow: a socket whose connection
// has ended keeps its inode, and may have another connection, or listen.
func still(fd int, f Flow) error {
	if plain(fd) != nil {
		return nil // the addresses are those of the first subflow
	}
	local, err := syscall.Getsockname(fd)
	if err != nil || addrPortOfSockaddr(local) != f.Local {
		return errNoOwner
	}
	remote, err := syscall.Getpeername(fd)
	if errors.Is(err, unix.ENOTCONN) { // nor is it told of one that is being dialled
		if info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO); err == nil && State(info.State) == SynSent {
			return nil
		}
	}
	if err != nil || addrPortOfSockaddr(remote) != f.Remote {
		return errNoOwner
	}
	return nil
}

func addrPortOfSockaddr(a syscall.Sockaddr) netip.AddrPort {
	switch a := a.(type) {
	case *syscall.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *syscall.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap(), uint16(a.Port))
	}
	return netip.AddrPort{}
}

// disconnect ends the connection of a socket: the peer gets a reset, pending
// calls of the owner return with an error (tcp_disconnect). Where that is
// refused, the socket is shut down, and the owner sees an end of file.
func disconnect(fd int) error {
	if err := single(fd); err != nil {
		return err
	}
	unspec := unix.RawSockaddr{Family: unix.AF_UNSPEC}
	_, _, errno := unix.Syscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&unspec)), unsafe.Sizeof(unspec))
	if errno == 0 {
		return nil
	}
	if err := unix.Shutdown(fd, unix.SHUT_RDWR); err != nil && !errors.Is(err, syscall.ENOTCONN) {
		return fmt.Errorf("disconnect: %w, shutdown: %w", errno, err)
	}
	return nil
}

// probePidfd says why descriptors of other processes cannot be had; nil if they
// can. It duplicates one of its own through the calls in question, and looks at
// the privilege for others'.
func probePidfd() error {
	pidfd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return fmt.Errorf("pidfd_open is not to be had: %w", err)
	}
	defer unix.Close(pidfd)
	fd, err := unix.PidfdGetfd(pidfd, pidfd, 0)
	if err != nil {
		return fmt.Errorf("pidfd_getfd is not to be had: %w", err)
	}
	unix.Close(fd)
	if !hasCapability(unix.CAP_SYS_PTRACE) {
		return errors.New("CAP_SYS_PTRACE is missing")
	}
	return nil
}

// hasCapability says whether the calling thread has a capability in effect.
func hasCapability(which uint) bool {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if unix.Capget(&hdr, &data[0]) != nil {
		return false
	}
	return data[which/32].Effective&(1<<(which%32)) != 0
}
