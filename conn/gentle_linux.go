package conn

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Gentle mode closes nothing. It sets TCP_USER_TIMEOUT (RFC 5482's local half)
// and keepalive on the stranded flow through its owner's descriptor, so that the
// kernel itself closes it, with ETIMEDOUT, unless the path comes back in time.

// armedOptions are the socket options of an armed flow. The user timeout covers
// data that is not acknowledged, keepalive a connection that is idle; with both,
// the user timeout bounds the keepalive as well (tcp_keepalive_timer).
var armedOptions = []struct{ level, opt, value int }{
	{unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(ArmedFor / time.Millisecond)},
	{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 1},
	{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 2},
	{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
}

// Arm puts the flow under the time limit.
func (d *Device) Arm(_ context.Context, f Flow, _ Cause) error {
	if d.means.pidfd != nil {
		return ErrAdvisory
	}
	err := d.owners.with(f.Inode, func(fd int) error {
		if err := plain(fd); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrAdvisory, f, err)
		}
		if err := still(fd, f); err != nil {
			return err
		}
		if d.armed[f.Cookie] == nil { // what it has now is its own
			before := make([]int, len(armedOptions))
			for i, o := range armedOptions {
				var err error
				if before[i], err = unix.GetsockoptInt(fd, o.level, o.opt); err != nil {
					return fmt.Errorf("conn: arm %s: %w", f, err)
				}
			}
			if d.armed == nil {
				d.armed = make(map[uint64][]int)
			}
			d.armed[f.Cookie] = before
		}
		for _, o := range armedOptions {
			if err := unix.SetsockoptInt(fd, o.level, o.opt, o.value); err != nil {
				return fmt.Errorf("conn: arm %s: %w", f, err)
			}
		}
		return nil
	})
	if errors.Is(err, errNoOwner) {
		return nil // an orphan, which the kernel bounds by itself (tcp_orphan_retries), or gone
	}
	return err
}

// Disarm puts the flow's options back as they were.
func (d *Device) Disarm(_ context.Context, f Flow) error {
	before := d.armed[f.Cookie]
	delete(d.armed, f.Cookie)
	if before == nil {
		return nil
	}
	err := d.owners.recent(f.Inode, time.Second, func(fd int) error {
		for i, o := range armedOptions {
			if err := unix.SetsockoptInt(fd, o.level, o.opt, before[i]); err != nil {
				return fmt.Errorf("conn: disarm %s: %w", f, err)
			}
		}
		return nil
	})
	if errors.Is(err, errNoOwner) {
		return nil
	}
	return err
}
