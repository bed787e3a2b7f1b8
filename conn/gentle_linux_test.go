package conn

import (
	"context"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// An armed connection whose path stays away ends by itself, with its limit,
// here an idle one; one that is disarmed has its options back. The
// limit is put to a second here, so that nobody waits for ArmedFor.
func TestArmedEnds(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	sh(t, "ip link set lo up; ip address add 192.0.2.1/32 dev lo")
	ctx := context.Background()
	d := openDevice(t)
	if err := d.CanArm(); err != nil {
		t.Fatalf("CanArm = %v", err)
	}
	f, server, next := owned(t, d)
	spared, _, _ := owned(t, d)
	before := options(t, d, f)
	for range 2 {
		if err := d.Arm(ctx, f, Cause{}); err != nil {
			t.Fatal(err)
		}
		if got := options(t, d, f); got != [4]int{int(ArmedFor / time.Millisecond), 1, 2, 1} {
			t.Errorf("armed: options = %v", got)
		}
		if got := options(t, d, spared); got != before {
			t.Errorf("another's options = %v, want %v", got, before)
		}
	}
	if err := d.Disarm(ctx, f); err != nil {
		t.Fatal(err)
	}
	if got := options(t, d, f); got != before {
		t.Errorf("disarmed: options = %v, want %v", got, before)
	}
	if err := d.Disarm(ctx, f); err != nil || options(t, d, f) != before {
		t.Errorf("Disarm of what is not armed = %v, and %v", err, options(t, d, f))
	}
	if err := d.Arm(ctx, f, Cause{}); err != nil {
		t.Fatal(err)
	}
	if err := d.owners.with(f.Inode, func(fd int) error {
		return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 1000)
	}); err != nil {
		t.Fatal(err)
	}
	server.(*net.TCPConn).SetKeepAlive(false)
	sh(t, "ip link set lo down") // packets are lost, and nobody says so
	if line := next(); !strings.Contains(line, syscall.ETIMEDOUT.Error()) {
		t.Errorf("the owner got %q, want ETIMEDOUT", line)
	}
	if err := d.Disarm(ctx, f); err != nil {
		t.Errorf("Disarm of what is gone = %v", err)
	}
	if len(d.armed) > 0 {
		t.Errorf("%d flows are still noted", len(d.armed))
	}
}

// options reads what Arm sets, in its order.
func options(t *testing.T, d *Device, f Flow) (v [4]int) {
	t.Helper()
	err := d.owners.with(f.Inode, func(fd int) error {
		for i, o := range armedOptions {
			var err error
			if v[i], err = unix.GetsockoptInt(fd, o.level, o.opt); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}
