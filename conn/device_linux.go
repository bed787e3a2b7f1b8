package conn

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"golang.org/x/sys/unix"

	"github.com/netmond/netmond/rtable"
)

// Device is the source of the device's TCP connections that closes them by the
// best rung there is. For one goroutine.
type Device struct {
	// Changed, if set, is told when the rung has changed, or why it is not a better
	// one. It runs in the goroutine that uses the source.
	Changed func(Rung, string)

	system
	diag   sockDiag // nil until it can be opened
	means  means
	rung   Rung
	why    string
	denied bool // SOCK_DESTROY was refused when it came to it: no probe knows better

	owners owners
	armed  map[uint64][]int // options of armed flows as they were before, by cookie

	marks connMarks
}

// OpenDevice opens the source and finds the rung. What is missing is looked for
// again before flows are read.
func OpenDevice(ctx context.Context) *Device {
	d := &Device{system: system{
		open:  openSockDiag,
		pidfd: probePidfd,
		admin: func() bool { return hasCapability(unix.CAP_NET_ADMIN) },
	}}
	d.Probe(ctx)
	return d
}

// Shut closes the source itself.
func (d *Device) Shut() error {
	d.marks.shut()
	if d.diag == nil {
		return nil
	}
	return d.diag.Shut()
}

// View tells the source of the table that its flows will be judged by.
func (d *Device) View(t *rtable.Table) { d.marks.view(t) }

// Flows yields the connections that the changes can concern; none where they
// cannot be listed, which Rung says. Where mark rules exist a flow's mark is its
// connection's, if that has one: mwan3 and its like mark packets, not sockets.
// Where it cannot be read, the mark is not known.
func (d *Device) Flows(ctx context.Context, changes rtable.Changes) iter.Seq2[Flow, error] {
	return func(yield func(Flow, error) bool) {
		if !d.ready(ctx) {
			return
		}
		marked := d.marks.read(ctx)
		for f, err := range d.diag.Flows(ctx, changes) {
			if err != nil && d.gone(ctx, err) {
				return
			}
			if !yield(marked(f), err) {
				return
			}
		}
	}
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
	if d.marks.mask != 0 { // the connection's mark may decide, which the socket does not know
		f.Mark, f.MarkKnown = listed.Mark, listed.MarkKnown
	}
	return f, err
}

// Close closes a flow by the rung in use. A refusal that is not the flow's own
// brings the rung down; the flow is to be tried again by the one below, which may
// know more of it.
func (d *Device) Close(ctx context.Context, f Flow, _ Cause) error {
	switch d.rung {
	case Destroy:
		return d.refused(ctx, d.diag.Destroy(ctx, f))
	case Pidfd:
		err := d.owners.with(f.Inode, func(fd int) error {
			if err := still(fd, f); err != nil {
				return err
			}
			return disconnect(fd)
		})
		switch {
		case err == nil, errors.Is(err, errNoOwner):
			return nil
		case errors.Is(err, errMultipath):
			return fmt.Errorf("%w: %s: %w", ErrAdvisory, f, err)
		}
		return fmt.Errorf("conn: %s: %w", f, err)
	}
	return ErrAdvisory
}

// CloseAll closes flows by the rung in use.
func (d *Device) CloseAll(ctx context.Context, flows []Flow, errs []error) {
	if d.rung == Destroy {
		d.diag.DestroyAll(ctx, flows, errs)
		for i, err := range errs {
			errs[i] = d.refused(ctx, err)
		}
		return
	}
	for i, f := range flows {
		errs[i] = d.Close(ctx, f, Cause{})
	}
}
