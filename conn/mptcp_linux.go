package conn

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

// An MPTCP connection (RFC 8684) is several TCP ones, its subflows, which sock_diag
// lists one by one among the others, each by its own cookie. Each is judged by its
// own path, as it should be. SOCK_DESTROY ends a stranded subflow alone: the
// connection lives on by the others, and without any waits for a new one, 60 s by
// default (net.mptcp.close_timeout).
//
// The owner's descriptor is of them all, and so is the inode that each is listed
// with. The second rung hence leaves a subflow alone that has others, and gentle mode
// every one: the kernel takes no TCP_USER_TIMEOUT for them.

const (
	solMPTCP  = 284 // SOL_MPTCP
	mptcpInfo = 1   // MPTCP_INFO: struct mptcp_info (linux/mptcp.h), since 5.16

	mptcpSubflows = 0  // mptcpi_subflows: those beside the first
	mptcpTotal    = 80 // mptcpi_subflows_total, since 6.7
)

// errMultipath says that a descriptor is not just of the connection in question.
var errMultipath = errors.New("it is a subflow of an MPTCP connection")

// plain is errMultipath where fd is of an MPTCP connection.
func plain(fd int) error {
	proto, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PROTOCOL)
	if err == nil && proto == int(MPTCP) {
		err = errMultipath
	}
	return err
}

// single is errMultipath where fd is of an MPTCP connection with several subflows, or
// with nobody knows how many.
func single(fd int) error {
	if err := plain(fd); !errors.Is(err, errMultipath) {
		return err
	}
	var info [mptcpTotal + 1]byte
	n := uint32(len(info))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), solMPTCP, mptcpInfo,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&n)), 0)
	subflows, most := info[mptcpTotal], byte(1)
	if n <= mptcpTotal {
		subflows, most = info[mptcpSubflows], 0
	}
	if errno != 0 || n == 0 || subflows > most {
		return errMultipath
	}
	return nil
}
