package conn

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/netmond/netmond/rtable"
)

// Device is the source of the device's TCP connections that closes them by the
// best rung there is. For one goroutine.
type Device struct {
	diag   *Diag
	owners owners
	rung   Rung
	why    string
	pidfd  error            // why other processes' descriptors cannot be had; nil if they can
	armed  map[uint64][]int // options of armed flows as they were before, by cookie

	marked bool       // mark rules exist: the connection's mark decides
	track  *Conntrack // to read it from; nil until it is needed
}

// OpenDevice opens the source and finds the rung. It fails only where the
// device's connections cannot be listed at all.
func OpenDevice(ctx context.Context) (*Device, error) {
	diag, err := OpenDiag()
	if err != nil {
		return nil, err
	}
	d := &Device{diag: diag}
	d.Probe(ctx)
	return d, nil
}

// Probe finds the best rung, without touching a socket of anyone: it asks for
// the end of a connection that cannot exist, from port 0 to port 0. A kernel
// that could end it says ENOENT; to whom may not, too, for it looks for the
// socket first (tcp_diag_destroy).
func (d *Device) Probe(ctx context.Context) {
	d.pidfd = probePidfd()
	err := d.diag.destroy(ctx, Flow{Proto: TCP, Local: nowhere, Remote: nowhere, Cookie: ^uint64(0)})
	missing := (err == nil || errors.Is(err, syscall.ENOENT)) && !hasCapability(unix.CAP_NET_ADMIN)
	switch {
	case missing || errors.Is(err, syscall.EPERM):
		d.rung, d.why = Advisory, needAdmin
		return
	case err == nil || errors.Is(err, syscall.ENOENT):
		d.rung, d.why = Destroy, ""
		return
	case errors.Is(err, syscall.EOPNOTSUPP):
		d.why = "this kernel has no CONFIG_INET_DIAG_DESTROY"
	default:
		d.why = err.Error()
	}
	if d.pidfd != nil {
		d.rung, d.why = Advisory, fmt.Sprintf("%s, and %s", d.why, d.pidfd)
		return
	}
	d.rung = Pidfd
}

const needAdmin = "closing other processes' connections needs CAP_NET_ADMIN"

// Rung returns the rung in use, and why it is not a better one.
func (d *Device) Rung() (Rung, string) { return d.rung, d.why }

// Shut closes the source itself.
func (d *Device) Shut() error {
	if d.track != nil {
		d.track.Shut()
	}
	return d.diag.Shut()
}

// View tells the source of the table that its flows will be judged by.
func (d *Device) View(t *rtable.Table) { d.marked = t.HasMarkRules() }

// Flows yields the connections that the changes can concern. Where mark rules
// exist a flow's mark is its connection's, if that has one: mwan3 and its like
// mark packets, not sockets. Where it cannot be read, the mark is not known.
func (d *Device) Flows(ctx context.Context, changes rtable.Changes) iter.Seq2[Flow, error] {
	if !d.marked {
		return d.diag.Flows(ctx, changes)
	}
	return func(yield func(Flow, error) bool) {
		marks, err := d.marks(ctx)
		for f, ferr := range d.diag.Flows(ctx, changes) {
			if m := marks[tuple{f.Local, f.Remote}]; m != 0 {
				f.Mark = m
			}
			f.MarkKnown = f.MarkKnown && err == nil
			if !yield(f, ferr) {
				return
			}
		}
	}
}

// marks reads the connection marks of the device's own flows. Without a tracker
// there are none, and that is no error.
func (d *Device) marks(ctx context.Context) (map[tuple]uint32, error) {
	if d.track == nil {
		if _, err := os.Stat("/proc/sys/net/netfilter/nf_conntrack_count"); errors.Is(err, os.ErrNotExist) {
			return nil, nil
		}
		var err error
		if d.track, err = OpenConntrack(ctx); err != nil {
			return nil, err
		}
	}
	return d.track.marks(ctx)
}

// Inspect reads from the flow's socket what the listing cannot tell, where the
// rung can: its mark, its bound link, whether it is transparent.
func (d *Device) Inspect(_ context.Context, f Flow) (Flow, error) {
	if d.rung != Pidfd {
		return f, nil
	}
	listed := f
	err := d.owners.with(f.Inode, func(fd int) error {
		readSocketFD(fd, &f)
		return nil
	})
	if d.marked { // the connection's mark decides, which the socket does not know
		f.Mark, f.MarkKnown = listed.Mark, listed.MarkKnown
	}
	return f, err
}

// Close closes a flow by the rung in use.
func (d *Device) Close(ctx context.Context, f Flow, _ Cause) error {
	switch d.rung {
	case Destroy:
		return d.allowed(d.diag.Destroy(ctx, f))
	case Pidfd:
		if err := d.owners.with(f.Inode, disconnect); err != nil && !errors.Is(err, errNoOwner) {
			return fmt.Errorf("conn: %s: %w", f, err)
		}
		return nil
	}
	return ErrAdvisory
}

// CloseAll closes flows by the rung in use.
func (d *Device) CloseAll(ctx context.Context, flows []Flow, errs []error) {
	if d.rung == Destroy {
		d.diag.DestroyAll(ctx, flows, errs)
		for i, err := range errs {
			errs[i] = d.allowed(err)
		}
		return
	}
	for i, f := range flows {
		errs[i] = d.Close(ctx, f, Cause{})
	}
}

// allowed steps down from SOCK_DESTROY where the capability holds, but not for
// this network namespace.
func (d *Device) allowed(err error) error {
	if !errors.Is(err, syscall.EPERM) {
		return err
	}
	d.rung, d.why = Advisory, needAdmin
	return ErrAdvisory
}
