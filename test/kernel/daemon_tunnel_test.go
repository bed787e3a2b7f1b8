//go:build linux

package kernel

import (
	"testing"

	"golang.org/x/sys/unix"
)

// The VPN: a tun device on either side, and what is written to one comes out of
// the other.
const (
	tunAddr    = "203.0.113.225"
	tunGateway = "203.0.113.226"
)

// tunnel makes the VPN. The device's end has an address, and no route but to it.
func tunnel(t testing.TB) {
	t.Helper()
	near := openTun(t)
	var far int
	in(t, "peer", func() { far = openTun(t) })
	for _, pair := range [][2]int{{near, far}, {far, near}} {
		go func() { // ends with the process, as the devices do
			buf := make([]byte, 2048)
			for {
				n, err := unix.Read(pair[0], buf)
				if err != nil {
					return
				}
				_, _ = unix.Write(pair[1], buf[:n]) // a device that is down drops
			}
		}()
	}
	do(t, "address add "+tunAddr+"/30 dev tun0", "link set tun0 up")
	do(t, "-n peer address add "+tunGateway+"/30 dev tun0", "-n peer link set tun0 up")
}

// openTun makes tun0 in the namespace of the calling thread, and returns its
// descriptor.
func openTun(t testing.TB) int {
	t.Helper()
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		skip(t, "no tun devices: "+err.Error())
	}
	req, err := unix.NewIfreq("tun0")
	if err != nil {
		t.Fatal(err)
	}
	req.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, req); err != nil {
		skip(t, "no tun devices: "+err.Error())
	}
	return fd
}
