package conn

import (
	"context"
	"net"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

// A socket whose connection has ended may have another one, or listen: it is the
// same descriptor and the same inode, and none of the flow's.
func TestPidfdSparesWhatTheSocketIsNow(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	sh(t, "ip link set lo up")
	d := openDevice(t)
	d.rung = Pidfd
	first, second := listenLocal(t), listenLocal(t)
	for _, test := range []struct {
		name  string
		again func(fd int) error
		lives func(fd int) bool
	}{
		{"connected elsewhere", func(fd int) error { return unix.Connect(fd, sockaddr(second)) },
			func(fd int) bool { _, err := unix.Getpeername(fd); return err == nil }},
		{"listening", func(fd int) error { return unix.Listen(fd, 1) },
			func(fd int) bool {
				on, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
				return err == nil && on == 1
			}},
	} {
		t.Run(test.name, func(t *testing.T) {
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(fd)
			if err := unix.Bind(fd, sockaddr(netip.AddrPortFrom(first.Addr(), 0))); err != nil {
				t.Fatal(err)
			}
			if err := unix.Connect(fd, sockaddr(first)); err != nil {
				t.Fatal(err)
			}
			var flow Flow
			for f := range d.diag.(*Diag).All(context.Background()) {
				if f.Remote == first {
					flow = f
				}
			}
			if err := disconnect(fd); err != nil {
				t.Fatal(err)
			}
			if err := test.again(fd); err != nil {
				t.Fatal(err)
			}
			if err := d.Close(context.Background(), flow, Cause{Reason: NoRoute}); err != nil {
				t.Errorf("Close = %v", err)
			}
			if !test.lives(fd) {
				t.Error("what the socket is now was ended")
			}
		})
	}
}

func listenLocal(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().(*net.TCPAddr).AddrPort()
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	return &unix.SockaddrInet4{Addr: a.Addr().As4(), Port: int(a.Port())}
}
