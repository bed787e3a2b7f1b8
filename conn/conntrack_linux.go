package conn

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"syscall"

	"github.com/netmond/netmond/internal/netlink"
	"github.com/netmond/netmond/rtable"
)

// Conntrack is the source of flows that this device translates, of those behind it
// to the peer or the other way round: it lists them from the kernel's connection
// tracker and ends them by deleting their entry. For one goroutine.
type Conntrack struct {
	sock    *netlink.Socket
	skipped uint64
}

// OpenConntrack opens the source. Where the kernel offers no ctnetlink the error
// wraps errors.ErrUnsupported; EPERM says that CAP_NET_ADMIN is missing.
func OpenConntrack(ctx context.Context) (*Conntrack, error) {
	s, err := netlink.Open(syscall.NETLINK_NETFILTER)
	if err != nil {
		if errors.Is(err, syscall.EPROTONOSUPPORT) {
			err = fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
		}
		return nil, fmt.Errorf("conn: conntrack: %w", err)
	}
	c := &Conntrack{sock: s}
	if err := c.probe(ctx); err != nil {
		s.Close()
		if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.EOPNOTSUPP) { // no such subsystem (nfnetlink_rcv_msg)
			err = fmt.Errorf("%w: %w: load the module nf_conntrack_netlink", errors.ErrUnsupported, err)
		}
		return nil, fmt.Errorf("conn: conntrack: %w", err)
	}
	return c, nil
}

// Shut closes the source itself.
func (c *Conntrack) Shut() error { return c.sock.Close() }

// Flows yields the translated flows that the changes can concern.
func (c *Conntrack) Flows(ctx context.Context, changes rtable.Changes) iter.Seq2[Flow, error] {
	return func(yield func(Flow, error) bool) {
		for e, err := range c.entries(ctx) {
			if err != nil {
				yield(Flow{}, err)
				return
			}
			if f, ok := e.flow(); ok && changes.TouchesFlow(f.Local.Addr(), f.Remote.Addr()) && !yield(f, nil) {
				return
			}
		}
	}
}

// marks returns the marks of tracked TCP connections that have one, by both
// directions' addresses, local first as a socket has them.
func (c *Conntrack) marks(ctx context.Context) (map[tuple]uint32, error) {
	marks := make(map[tuple]uint32)
	for e, err := range c.entries(ctx) {
		if err != nil {
			return nil, err
		}
		if e.mark != 0 && e.proto == uint8(TCP) {
			marks[e.orig] = e.mark
			marks[tuple{e.orig.dst, e.orig.src}] = e.mark
		}
	}
	return marks, nil
}

// entries yields what the tracker has. What is malformed is counted and skipped;
// entries that came or went during a dump are no matter, since those asked for
// were there before.
func (c *Conntrack) entries(ctx context.Context) iter.Seq2[ctEntry, error] {
	return func(yield func(ctEntry, error) bool) {
		for _, fam := range []byte{afINET, afINET6} {
			for datagram, err := range c.sock.Dump(ctx, ctGet, func(b []byte) []byte { return appendNfgen(b, fam) }) {
				if errors.Is(err, netlink.ErrInterrupted) {
					continue
				}
				if err != nil {
					yield(ctEntry{}, fmt.Errorf("conn: conntrack: %w", err))
					return
				}
				for m, err := range netlink.Messages(datagram) {
					var e ctEntry
					if err == nil {
						e, err = parseCT(m.Data)
					}
					if err != nil {
						c.skipped++
						continue
					}
					if !yield(e, nil) {
						return
					}
				}
			}
		}
	}
}

// Close deletes the flow's entry, by its tuple and its id, so that one which has
// taken its place is spared. An entry that is gone is no error.
func (c *Conntrack) Close(ctx context.Context, f Flow, _ Cause) error {
	err := c.sock.Do(ctx, ctDelete, 0, func(b []byte) []byte { return appendDelete(b, f) }, nil)
	if err != nil && !errors.Is(err, syscall.ENOENT) {
		return fmt.Errorf("conn: conntrack: %s: %w", f, err)
	}
	return nil
}

// probe asks for an entry that cannot be: a kernel with ctnetlink says ENOENT.
func (c *Conntrack) probe(ctx context.Context) error {
	err := c.sock.Do(ctx, ctGet, 0, func(b []byte) []byte {
		return appendTuple(appendNfgen(b, afINET), ctaTupleOrig, tuple{nowhere, nowhere}, uint8(TCP))
	}, nil)
	if errors.Is(err, syscall.ENOENT) {
		return nil
	}
	return err
}
