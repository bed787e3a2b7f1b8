package cpd

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// control binds a new socket to the link and marks it, before it connects.
// Binding needs no privilege since Linux 5.7 (sock_setbindtodevice), the mark
// needs CAP_NET_ADMIN, or CAP_NET_RAW since 5.17 (sockopt SO_MARK).
func control(dev string, mark uint32) func(network, address string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		var local error
		err := c.Control(func(fd uintptr) {
			if dev != "" {
				if err := unix.BindToDevice(int(fd), dev); err != nil {
					local = &localError{"bind to link " + dev, err}
					return
				}
			}
			if mark != 0 {
				if err := unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_MARK, int(mark)); err != nil {
					local = &localError{"mark socket", err}
				}
			}
		})
		if err != nil {
			return err
		}
		return local
	}
}
