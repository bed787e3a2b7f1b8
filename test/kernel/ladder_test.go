//go:build linux

package kernel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/netmond/netmond/conn"
	"github.com/netmond/netmond/rtable"
)

// TestProbeHarmsNobody shows that the best rung is found without a socket of
// anyone being touched, listening ones least of all.
func TestProbeHarmsNobody(t *testing.T) {
	kernel(t, func(t *testing.T) {
		topology(t)
		ip(t, "route add default via "+wan0Gateway)
		server := owner(t, "peer", "-listen", ":443")
		server.next(t, "listening")
		client := owner(t, "", "-dial", host+":443")
		client.next(t, "open")
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		d := conn.OpenDevice(context.Background())
		defer d.Shut()
		for range 20 {
			d.Probe(context.Background())
		}
		if rung, why := d.Rung(); rung != conn.Destroy || why != "" {
			t.Errorf("Rung = %s (%s), want sock_destroy", rung, why)
		}
		if end, ended := client.within(t, "end", 50*time.Millisecond); ended {
			t.Errorf("a connection ended: %v", end)
		}
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		if c, err = l.Accept(); err != nil {
			t.Fatalf("the listener is dead: %v", err)
		}
		c.Close()
	})
}

// TestRungWithoutPrivilege shows what is said where connections may be seen and
// not closed.
func TestRungWithoutPrivilege(t *testing.T) {
	kernel(t, func(t *testing.T) {
		onThread(t, func() error {
			if err := dropCapability(unix.CAP_NET_ADMIN); err != nil {
				return err
			}
			d := conn.OpenDevice(context.Background())
			defer d.Shut()
			if rung, why := d.Rung(); rung != conn.Advisory || !strings.Contains(why, "CAP_NET_ADMIN") {
				return fmt.Errorf("Rung = %s (%s), want advisory for want of CAP_NET_ADMIN", rung, why)
			}
			if err := d.Close(context.Background(), conn.Flow{}, conn.Cause{}); !errors.Is(err, conn.ErrAdvisory) {
				return fmt.Errorf("Close = %v, want conn.ErrAdvisory", err)
			}
			return nil
		})
	})
}

// TestNoSockDiag shows the same for a kernel without sock_diag, which a filter on
// the thread's system calls stands in for; and that it is found when it comes.
func TestNoSockDiag(t *testing.T) {
	kernel(t, func(t *testing.T) {
		var d *conn.Device
		var told []conn.Rung
		flows := func() (n int, err error) {
			for _, ferr := range d.Flows(context.Background(), rtable.Diff(nil, nil)) {
				n++
				err = errors.Join(err, ferr)
			}
			return n, err
		}
		onThread(t, func() error {
			if err := denyNetlink(unix.NETLINK_INET_DIAG, unix.EPROTONOSUPPORT); err != nil {
				return err
			}
			d = conn.OpenDevice(context.Background())
			d.Changed = func(r conn.Rung, _ string) { told = append(told, r) }
			if rung, why := d.Rung(); rung != conn.Advisory || !strings.Contains(why, "sock_diag") {
				return fmt.Errorf("Rung = %s (%s), want advisory for want of sock_diag", rung, why)
			}
			if err := d.CanArm(); !errors.Is(err, errors.ErrUnsupported) {
				return fmt.Errorf("CanArm = %v, want an error that wraps errors.ErrUnsupported", err)
			}
			if n, err := flows(); n != 0 || err != nil {
				return fmt.Errorf("%d flows, %v, want none, since the rung says why", n, err)
			}
			k, err := conn.OpenKernel() // other families are not concerned
			if err != nil {
				return err
			}
			return k.Close()
		})
		if _, err := flows(); err != nil { // on a thread without the filter
			t.Error(err)
		}
		defer d.Shut()
		if rung, why := d.Rung(); rung != conn.Destroy || len(told) != 1 || told[0] != rung {
			t.Errorf("Rung = %s (%s), told of %v; want sock_destroy, told once", rung, why, told)
		}
	})
}

// onThread runs f on a thread of its own, which ends with it.
func onThread(t *testing.T, f func() error) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: what f does to the thread must not outlive it
		done <- f()
	}()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// dropCapability takes a capability from the calling thread.
func dropCapability(which uint) error {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return err
	}
	data[which/32].Effective &^= 1 << (which % 32)
	data[which/32].Permitted &^= 1 << (which % 32)
	return unix.Capset(&hdr, &data[0])
}

// denyNetlink makes socket(2) fail with errno on the calling thread for one netlink
// family: a filter over struct seccomp_data, where the arguments of 64 bits start
// at 16 (linux/seccomp.h).
func denyNetlink(family uint32, errno unix.Errno) error {
	low := uint32(0)
	if *(*byte)(unsafe.Pointer(&[]uint16{1}[0])) == 0 {
		low = 4 // the low half of an argument comes second
	}
	load := func(at uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: at}
	}
	unless := func(v uint32, skip uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: skip, K: v}
	}
	ret := func(v uint32) unix.SockFilter { return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: v} }
	filter := []unix.SockFilter{
		load(0), unless(unix.SYS_SOCKET, 5),
		load(16 + low), unless(unix.AF_NETLINK, 3),
		load(32 + low), unless(family, 1),
		ret(unix.SECCOMP_RET_ERRNO | uint32(errno)),
		ret(unix.SECCOMP_RET_ALLOW),
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	return unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&prog)), 0, 0)
}
