package conn

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"syscall"

	"github.com/netmond/netmond/internal/netlink"
	"github.com/netmond/netmond/rtable"
	"github.com/netmond/netmond/rtnl"
)

// Kernel confirms verdicts: it asks the kernel, which knows what the table may
// not yet. For one goroutine.
type Kernel struct{ sock *netlink.Socket }

// OpenKernel opens the socket on which to ask.
func OpenKernel() (*Kernel, error) {
	s, err := netlink.Open(syscall.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("conn: %w", err)
	}
	return &Kernel{s}, nil
}

// Close closes the socket.
func (k *Kernel) Close() error { return k.sock.Close() }

// Confirm says whether the kernel supports the verdict on f, which was made with
// cur. Each reason has its own question; any answer that leaves the flow a path
// denies it.
func (k *Kernel) Confirm(ctx context.Context, cur *rtable.Table, f Flow, v Verdict) (bool, error) {
	switch v.Reason {
	case SourceGone:
		return k.notLocal(ctx, f)
	case NoRoute:
		return k.noRoute(ctx, f, v)
	case LinkDown:
		link := v.Link
		if !cur.LinkDown(link) && len(v.Now.Hops) > 0 { // it is the link that it now leaves by
			link = v.Now.Hops[0].Oif
		}
		if down, err := k.linkDown(ctx, cur, link); !down || err != nil {
			return false, err
		}
		return k.leftBehind(ctx, cur, f, v)
	case GatewayGone, Rerouted:
		return k.leftBehind(ctx, cur, f, v)
	}
	return false, nil
}

// ConfirmForwarded is Confirm for forwarded flows. Where the kernel refuses the
// path the translation may still be good, so only a path by another link counts.
func (k *Kernel) ConfirmForwarded(ctx context.Context, cur *rtable.Table, f Flow, v Verdict) (bool, error) {
	switch v.Reason {
	case SourceGone:
		return k.notLocal(ctx, f)
	case Rerouted:
		iif := forwardQuery(cur, f).Iif
		r, err := k.route(ctx, func(b []byte) []byte { return appendForwardQuery(b, f, iif) })
		if refused(err) {
			return false, nil
		}
		if err != nil || r.local {
			return false, err
		}
		for _, h := range r.hops {
			if cur.Owns(h.oif, f.Local.Addr()) {
				return false, nil
			}
		}
		return true, nil
	}
	return false, nil
}

// notLocal asks whether the local address is no longer local.
func (k *Kernel) notLocal(ctx context.Context, f Flow) (bool, error) {
	r, err := k.route(ctx, func(b []byte) []byte { return appendLocalQuery(b, f.Local.Addr(), f.Oif) })
	if refused(err) {
		return true, nil
	}
	return err == nil && !r.local, err
}

// noRoute asks for the flow's own path and wants to be refused. EINVAL is what a
// blackhole answers, and a kernel that does not know a selector: it counts only
// where the table holds a blackhole.
func (k *Kernel) noRoute(ctx context.Context, f Flow, v Verdict) (bool, error) {
	r, err := k.route(ctx, func(b []byte) []byte { return appendRouteQuery(b, f) })
	if err == nil && f.Oif != 0 && f.Remote.Addr().Is6() && !r.leaves(f.Oif) {
		// With a source the kernel answers for an unbound socket; without one it
		// keeps to the link (ip6_route_output_flags_noref).
		f.Local = netip.AddrPortFrom(netip.Addr{}, f.Local.Port())
		_, err = k.route(ctx, func(b []byte) []byte { return appendRouteQuery(b, f) })
	}
	switch {
	case refused(err):
		return true, nil
	case errors.Is(err, syscall.EINVAL):
		return v.Now.Errno == syscall.EINVAL, nil
	}
	return false, err
}

// leftBehind asks for the flow's own path: it must leave by a link that is down, or
// does not own the local address where the one before did, or, where a gateway of
// the same link has taken over, by none of the old gateways. No path at all will
// do too.
func (k *Kernel) leftBehind(ctx context.Context, cur *rtable.Table, f Flow, v Verdict) (bool, error) {
	r, err := k.route(ctx, func(b []byte) []byte { return appendRouteQuery(b, f) })
	if refused(err) {
		return true, nil
	}
	if err != nil || r.local {
		return false, err
	}
	translated := v.Reason == GatewayGone && ownedHop(cur, v.Now.Hops, f.Local.Addr())
	for _, h := range r.hops {
		if cur.LinkDown(h.oif) || v.Owned && !cur.Owns(h.oif, f.Local.Addr()) {
			continue
		}
		if !translated || !h.gateway.IsValid() || uses(v.Was.Hops, h) {
			return false, nil
		}
	}
	return true, nil
}

func uses(hops []rtnl.NextHop, h hopReply) bool {
	for i := range hops {
		if hops[i].Oif == h.oif && hops[i].Gateway == h.gateway {
			return true
		}
	}
	return false
}

// linkDown asks whether the link is gone, down, or without carrier.
func (k *Kernel) linkDown(ctx context.Context, cur *rtable.Table, ifindex uint32) (bool, error) {
	var flags uint32
	err := k.sock.Do(ctx, rtmGetLink, 0, func(b []byte) []byte {
		b = append(b, make([]byte, sizeofIfInfomsg)...)
		binary.NativeEndian.PutUint32(b[len(b)-12:], ifindex)
		return b
	}, func(m netlink.Message) {
		if len(m.Data) >= sizeofIfInfomsg {
			flags = netlink.Uint32(m.Data[8:])
		}
	})
	if errors.Is(err, syscall.ENODEV) {
		return true, nil
	}
	l := rtnl.Link{Flags: flags}
	return err == nil && (!l.Up() || !l.Running()), err
}

// route sends a route query.
func (k *Kernel) route(ctx context.Context, fill func([]byte) []byte) (r routeReply, err error) {
	ok := false
	err = k.sock.Do(ctx, rtmGetRoute, 0, fill, func(m netlink.Message) { r, ok = parseRouteReply(m.Data) })
	if err == nil && !ok {
		err = fmt.Errorf("conn: route query: %w", netlink.ErrShort)
	}
	return r, err
}

// refused says whether the kernel answered that there is no way.
func refused(err error) bool {
	for _, e := range []syscall.Errno{syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.EACCES, syscall.ENODEV} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
