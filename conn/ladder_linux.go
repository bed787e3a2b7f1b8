package conn

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"syscall"

	"github.com/netmond/netmond/rtable"
)

// Closing is a ladder, and the kernel is asked which rung bears, without a socket
// of anyone being touched: at the start; before flows are read, while a better
// rung may yet come (modules are loaded late); and when a call is refused that the
// rung stands on. So nothing is asked while nothing happens.

// sockDiag is what the ladder needs of Diag.
type sockDiag interface {
	listable(context.Context) error
	destroy(context.Context, Flow) error
	Destroy(context.Context, Flow) error
	DestroyAll(context.Context, []Flow, []error)
	Flows(context.Context, rtable.Changes) iter.Seq2[Flow, error]
	Shut() error
}

// system is where the means to close come from.
type system struct {
	open  func() (sockDiag, error)
	pidfd func() error // why other processes' descriptors cannot be had
	admin func() bool  // CAP_NET_ADMIN is in effect
}

// openSockDiag is OpenDiag, whose nil is one here too.
func openSockDiag() (sockDiag, error) {
	diag, err := OpenDiag()
	if err != nil {
		return nil, err
	}
	return diag, nil
}

// means are what was found to close flows by; nil where it can be used.
type means struct {
	list    error // listing connections
	destroy error // SOCK_DESTROY
	pidfd   error // other processes' descriptors
}

// rung is the best of the means, and why it is not a better one.
func (m means) rung() (Rung, string) {
	const needAdmin = "closing other processes' connections needs CAP_NET_ADMIN"
	var why string
	switch {
	case m.list != nil:
		return Advisory, m.list.Error()
	case m.destroy == nil:
		return Destroy, ""
	case errors.Is(m.destroy, syscall.EPERM):
		return Advisory, needAdmin
	case errors.Is(m.destroy, syscall.EOPNOTSUPP):
		why = "this kernel has no CONFIG_INET_DIAG_DESTROY"
	default:
		why = m.destroy.Error()
	}
	if m.pidfd != nil {
		return Advisory, fmt.Sprintf("%s, and %s", why, m.pidfd)
	}
	return Pidfd, why
}

// Rung returns the rung in use, and why it is not a better one.
func (d *Device) Rung() (Rung, string) { return d.rung, d.why }

// CanArm says why flows cannot be armed; nil if they can.
func (d *Device) CanArm() error {
	if d.means.list != nil {
		return d.means.list
	}
	return d.means.pidfd
}

// Probe finds the best rung.
func (d *Device) Probe(ctx context.Context) {
	found := means{pidfd: d.pidfd()}
	if d.diag == nil {
		d.diag, found.list = d.open()
	}
	if found.list == nil {
		found.list, found.destroy = d.diag.listable(ctx), d.tryDestroy(ctx)
	}
	if ctx.Err() != nil {
		return // it says nothing of the kernel
	}
	rung, why := found.rung()
	changed := rung != d.rung || why != d.why
	if d.means, d.rung, d.why = found, rung, why; changed && d.Changed != nil {
		d.Changed(rung, why)
	}
}

// tryDestroy asks for the end of a connection that cannot exist, from port 0 to
// port 0. A kernel that could end it says ENOENT; to whom may not, too, for it
// looks for the socket first (tcp_diag_destroy).
func (d *Device) tryDestroy(ctx context.Context) error {
	err := d.diag.destroy(ctx, Flow{Proto: TCP, Local: nowhere, Remote: nowhere, Cookie: ^uint64(0)})
	if err != nil && !errors.Is(err, syscall.ENOENT) {
		return err
	}
	if d.denied || !d.admin() {
		return syscall.EPERM
	}
	return nil
}

// ready says whether flows can be listed. Below the best rung it looks again.
func (d *Device) ready(ctx context.Context) bool {
	if d.rung != Destroy {
		d.Probe(ctx)
	}
	return d.means.list == nil
}

// gone says whether err of listing flows means that they can no longer be listed.
func (d *Device) gone(ctx context.Context, err error) bool {
	if !errors.Is(err, errors.ErrUnsupported) {
		return false
	}
	d.Probe(ctx)
	return d.means.list != nil
}

// refused takes in what SOCK_DESTROY failed with, and returns what Close does.
func (d *Device) refused(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, syscall.EPERM): // the capability holds, but not for this network namespace
		d.denied = true
	case errors.Is(err, syscall.EOPNOTSUPP):
	default:
		return err
	}
	if d.rung == Destroy { // of many that are refused together, the first asks
		d.Probe(ctx)
	}
	if d.rung == Advisory {
		return ErrAdvisory
	}
	return err
}
