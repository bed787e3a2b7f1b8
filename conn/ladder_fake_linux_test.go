package conn

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/netmond/netmond/rtable"
)

func TestBestRung(t *testing.T) {
	noPidfd := errors.New("CAP_SYS_PTRACE is missing")
	for _, test := range []struct {
		means means
		rung  Rung
		why   string // parts of it, by spaces
	}{
		{means{}, Destroy, ""},
		{means{pidfd: noPidfd}, Destroy, ""},
		{means{destroy: syscall.EOPNOTSUPP}, Pidfd, "CONFIG_INET_DIAG_DESTROY"},
		{means{destroy: syscall.EOPNOTSUPP, pidfd: noPidfd}, Advisory, "CONFIG_INET_DIAG_DESTROY CAP_SYS_PTRACE"},
		{means{destroy: syscall.EPERM}, Advisory, "CAP_NET_ADMIN"},
		{means{destroy: syscall.EINVAL}, Pidfd, syscall.EINVAL.Error()},
		{means{list: listError(syscall.ENOENT)}, Advisory, "tcp_diag"},
		{means{list: listError(syscall.ENOENT), destroy: syscall.EOPNOTSUPP}, Advisory, "tcp_diag"},
	} {
		rung, why := test.means.rung()
		if rung != test.rung || (why == "") != (test.why == "") {
			t.Errorf("%+v: rung %s (%s), want %s (%s)", test.means, rung, why, test.rung, test.why)
		}
		for _, part := range strings.Fields(test.why) {
			if !strings.Contains(why, part) {
				t.Errorf("%+v: why %q, want %q in it", test.means, why, part)
			}
		}
	}
}

// fakeDiag is a kernel's sock_diag.
type fakeDiag struct {
	listing, destroying error
	asked               int
}

func (k *fakeDiag) listable(context.Context) error { k.asked++; return k.listing }

func (k *fakeDiag) destroy(_ context.Context, f Flow) error {
	if k.destroying == nil && f.Remote == nowhere {
		return syscall.ENOENT
	}
	return k.destroying
}

func (k *fakeDiag) Destroy(ctx context.Context, f Flow) error { return destroyed(f, k.destroy(ctx, f)) }

func (k *fakeDiag) DestroyAll(ctx context.Context, flows []Flow, errs []error) {
	for i, f := range flows {
		errs[i] = k.Destroy(ctx, f)
	}
}

func (k *fakeDiag) Flows(context.Context, rtable.Changes) iter.Seq2[Flow, error] {
	return func(yield func(Flow, error) bool) { yield(Flow{}, k.listing) }
}

func (k *fakeDiag) Shut() error { return nil }

// TestLadderMoves: the rung follows what the kernel can do, both ways, and each
// change is told once.
func TestLadderMoves(t *testing.T) {
	ctx := context.Background()
	kernel := &fakeDiag{}
	missing := error(errors.ErrUnsupported)
	pidfd := error(nil)
	var told []string
	d := &Device{
		Changed: func(r Rung, _ string) { told = append(told, r.String()) },
		system: system{
			open: func() (sockDiag, error) {
				if missing != nil {
					return nil, missing
				}
				return kernel, nil
			},
			pidfd: func() error { return pidfd },
			admin: func() bool { return true },
		},
	}
	read := func() (n int, err error) {
		for _, ferr := range d.Flows(ctx, rtable.Changes{}) {
			n++
			err = errors.Join(err, ferr)
		}
		return n, err
	}
	expect := func(what string, rung Rung, flows int, want ...string) {
		t.Helper()
		n, err := read()
		if got, why := d.Rung(); got != rung || n != flows || err != nil || !slices.Equal(told, want) {
			t.Errorf("%s: rung %s (%s), %d flows, %v, told %v; want %s, %d flows, told %v", what, got, why, n, err, told, rung, flows, want)
		}
		told = nil
	}
	d.Probe(ctx)
	expect("no sock_diag", Advisory, 0, "advisory")
	missing, kernel.listing = nil, listError(syscall.ENOENT)
	expect("no tcp_diag", Advisory, 0, "advisory") // for another reason
	expect("still none", Advisory, 0)
	kernel.listing, kernel.destroying = nil, syscall.EOPNOTSUPP
	expect("tcp_diag without destroy", Pidfd, 1, "pidfd")
	pidfd = errors.New("no pidfd")
	expect("and no pidfd", Advisory, 1, "advisory")
	kernel.destroying = nil
	expect("destroy has come", Destroy, 1, "sock_destroy")

	asked := kernel.asked
	expect("the best", Destroy, 1)
	if kernel.asked != asked {
		t.Error("on the best rung the kernel was asked again")
	}

	kernel.destroying, pidfd = syscall.EOPNOTSUPP, nil
	if err := d.Close(ctx, Flow{}, Cause{}); !errors.Is(err, syscall.EOPNOTSUPP) {
		t.Errorf("Close on the rung that broke = %v, want the refusal, to be tried again", err)
	}
	expect("destroy has gone", Pidfd, 1, "pidfd")
	kernel.destroying = nil
	expect("and come back", Destroy, 1, "sock_destroy")
	kernel.listing = listError(syscall.ENOENT)
	expect("tcp_diag has gone", Advisory, 0, "advisory")
	kernel.listing = nil
	expect("and come back", Destroy, 1, "sock_destroy")

	for _, errno := range []syscall.Errno{syscall.EBUSY, syscall.ENOENT} { // this flow's own affair
		kernel.destroying = fmt.Errorf("destroy: %w", errno)
		if err := d.Close(ctx, Flow{}, Cause{}); (err == nil) != (errno == syscall.ENOENT) {
			t.Errorf("Close with %v = %v", errno, err)
		}
		expect(errno.Error(), Destroy, 1)
	}
	kernel.destroying = syscall.EPERM
	errs := make([]error, 2)
	if d.CloseAll(ctx, make([]Flow, 2), errs); !errors.Is(errs[0], ErrAdvisory) || !errors.Is(errs[1], ErrAdvisory) {
		t.Errorf("CloseAll without permission = %v, want ErrAdvisory of both", errs)
	}
	kernel.destroying = nil // the probe's socket is not there to be refused
	expect("not permitted", Advisory, 1, "advisory")
	expect("still not", Advisory, 1)
}

// A probe that its context cuts short changes nothing.
func TestProbeCutShort(t *testing.T) {
	kernel := &fakeDiag{}
	d := Device{system: system{
		open:  func() (sockDiag, error) { return kernel, nil },
		pidfd: func() error { return nil },
		admin: func() bool { return true },
	}}
	d.Probe(context.Background())
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	kernel.destroying = context.Canceled
	d.Probe(ctx)
	if rung, why := d.Rung(); rung != Destroy {
		t.Errorf("rung %s (%s), want it as it was", rung, why)
	}
}
