//go:build !linux

package conn

import (
	"context"
	"errors"
	"iter"
	"net"
	"time"

	"github.com/netmond/netmond/rtable"
)

// Other systems have none of the kernel's interfaces that this file stands in
// for: what opens fails with errors.ErrUnsupported, and the rest is never called.
// Judge, Sweeper and Registry work anywhere.

// Kernel confirms verdicts.
type Kernel struct{}

// OpenKernel fails.
func OpenKernel() (*Kernel, error) { return nil, errors.ErrUnsupported }

// Close does nothing.
func (*Kernel) Close() error { return nil }

// Confirm confirms nothing.
func (*Kernel) Confirm(context.Context, *rtable.Table, []Claim) {}

// ConfirmForwarded confirms nothing.
func (*Kernel) ConfirmForwarded(context.Context, *rtable.Table, []Claim) {}

// source is one that cannot be opened.
type source struct{}

func (source) Flows(context.Context, rtable.Changes) iter.Seq2[Flow, error] {
	return func(func(Flow, error) bool) {}
}

func (source) Close(context.Context, Flow, Cause) error { return ErrAdvisory }

// Shut does nothing.
func (source) Shut() error { return nil }

// Device is the source of the device's connections, which has none.
type Device struct {
	source
	Changed func(Rung, string)
}

// OpenDevice opens a source of nothing.
func OpenDevice(context.Context) *Device { return &Device{} }

// Probe finds nothing.
func (*Device) Probe(context.Context) {}

// Rung is Advisory.
func (*Device) Rung() (Rung, string) { return Advisory, errors.ErrUnsupported.Error() }

// CanArm says that flows cannot be armed.
func (*Device) CanArm() error { return errors.ErrUnsupported }

// Diag lists the device's connections.
type Diag struct{ source }

// OpenDiag fails.
func OpenDiag() (*Diag, error) { return nil, errors.ErrUnsupported }

// All yields nothing.
func (*Diag) All(context.Context) iter.Seq2[Flow, error] { return func(func(Flow, error) bool) {} }

// Conntrack is the source of forwarded flows.
type Conntrack struct{ source }

// OpenConntrack fails.
func OpenConntrack(context.Context) (*Conntrack, error) { return nil, errors.ErrUnsupported }

// connMarks reads the marks of connections, which have none.
type connMarks struct{}

func (*connMarks) view(*rtable.Table) {}

func (*connMarks) read(context.Context) func(Flow) Flow { return func(f Flow) Flow { return f } }

func (*connMarks) shut() {}

func readSocket(net.Conn, *Flow) {}

func isOver(net.Conn) bool { return false }

func patienceFor(error, Rung) time.Duration { return 0 }
