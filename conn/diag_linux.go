package conn

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"syscall"

	"github.com/netmond/netmond/internal/netlink"
	"github.com/netmond/netmond/rtable"
)

// Diag is the source of the TCP connections of the whole device, in the network
// namespace it was opened in: it lists them through sock_diag and closes them by
// SOCK_DESTROY. For one goroutine.
type Diag struct {
	sock    *netlink.Socket
	skipped uint64
}

// OpenDiag opens the source. Where the kernel has no sock_diag the error wraps
// errors.ErrUnsupported.
func OpenDiag() (*Diag, error) {
	s, err := netlink.Open(syscall.NETLINK_INET_DIAG)
	if err != nil {
		if errors.Is(err, syscall.EPROTONOSUPPORT) {
			err = fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
		}
		return nil, fmt.Errorf("conn: sock_diag: %w", err)
	}
	return &Diag{sock: s}, nil
}

// Skipped counts the answers that did not parse.
func (d *Diag) Skipped() uint64 { return d.skipped }

// Flows yields the connections that the changes can concern, filtered by the
// kernel where the changes are not of everything.
func (d *Diag) Flows(ctx context.Context, changes rtable.Changes) iter.Seq2[Flow, error] {
	return d.list(ctx, func(b []byte) []byte { return appendFilter(b, changes) })
}

// All yields every connection that can be judged.
func (d *Diag) All(ctx context.Context) iter.Seq2[Flow, error] {
	return d.list(ctx, func(b []byte) []byte { return b })
}

func (d *Diag) list(ctx context.Context, filter func([]byte) []byte) iter.Seq2[Flow, error] {
	return func(yield func(Flow, error) bool) {
		fill := func(b []byte) []byte { return filter(appendDiagReq(b, diagStates)) }
		for datagram, err := range d.sock.Dump(ctx, tcpDiagGetSock, fill) {
			if err != nil {
				yield(Flow{}, listError(err))
				return
			}
			for m, err := range netlink.Messages(datagram) {
				var f Flow
				if err == nil {
					f, err = parseDiag(m.Data)
				}
				if err != nil {
					d.skipped++
					continue
				}
				if !yield(f, nil) {
					return
				}
			}
		}
	}
}

// listable asks for the connections in no state: nil says that more could be had.
func (d *Diag) listable(ctx context.Context) error {
	for _, err := range d.sock.Dump(ctx, tcpDiagGetSock, func(b []byte) []byte { return appendDiagReq(b, 0) }) {
		if err != nil {
			return listError(err)
		}
	}
	return nil
}

func listError(err error) error {
	if errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOENT) { // inet_diag or tcp_diag is not loaded
		err = fmt.Errorf("%w: %w: load the module tcp_diag", errors.ErrUnsupported, err)
	}
	return fmt.Errorf("conn: sock_diag: %w", err)
}

// Shut closes the source itself.
func (d *Diag) Shut() error { return d.sock.Close() }

// Destroy closes the flow's socket: its owner's calls fail with ECONNABORTED. A
// socket that is gone already is no error. EOPNOTSUPP says that the kernel is
// built without CONFIG_INET_DIAG_DESTROY, EPERM that CAP_NET_ADMIN is missing.
func (d *Diag) Destroy(ctx context.Context, f Flow) error { return destroyed(f, d.destroy(ctx, f)) }

// DestroyAll puts into errs, which is as long as flows, what Destroy would return.
func (d *Diag) DestroyAll(ctx context.Context, flows []Flow, errs []error) {
	d.sock.DoAll(ctx, sockDestroy, 0, errs, func(i int, b []byte) []byte { return appendDestroy(b, flows[i]) }, nil)
	for i, err := range errs {
		errs[i] = destroyed(flows[i], err)
	}
}

// destroyed is what Destroy makes of the kernel's answer.
func destroyed(f Flow, err error) error {
	if err == nil || errors.Is(err, syscall.ENOENT) {
		return nil
	}
	return fmt.Errorf("conn: destroy %s: %w", f, err)
}

func (d *Diag) destroy(ctx context.Context, f Flow) error {
	return d.sock.Do(ctx, sockDestroy, 0, func(b []byte) []byte { return appendDestroy(b, f) }, nil)
}

// nowhere is an address that no connection has.
var nowhere = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 255, 255, 254}), 0)
