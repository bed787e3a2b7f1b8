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

// answer is what the kernel said to a route query.
type answer struct {
	routeReply
	err error
}

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

// Confirm says of each claim whether the kernel supports it; the verdicts were made
// with cur. Each reason has its own question, each flow is asked about by itself,
// and any answer that leaves it a path denies the claim.
func (k *Kernel) Confirm(ctx context.Context, cur *rtable.Table, claims []Claim) {
	answers := k.ask(ctx, len(claims), func(i int, b []byte) []byte { return appendQuestion(b, &claims[i]) })
	down := linkAnswers{kernel: k}
	for i := range claims {
		c := &claims[i]
		c.Stands, c.Err = k.weigh(ctx, cur, c, &answers[i], &down)
	}
}

func (k *Kernel) weigh(ctx context.Context, cur *rtable.Table, c *Claim, a *answer, down *linkAnswers) (bool, error) {
	if f := c.Flow; c.Verdict.Reason != SourceGone && f.Oif != 0 && f.Remote.Addr().Is6() && (a.err != nil || !a.leaves(f.Oif)) {
		// With a source the kernel answers for an unbound socket, which routes that
		// refuse concern too; without one it keeps to the link, as for a bound one
		// (ip6_route_output_flags_noref).
		f.Local = netip.AddrPortFrom(netip.Addr{}, f.Local.Port())
		a = &k.ask(ctx, 1, func(_ int, b []byte) []byte { return appendRouteQuery(b, f) })[0]
	}
	switch c.Verdict.Reason {
	case SourceGone:
		return a.notLocal()
	case NoRoute:
		return a.noRoute(c)
	case LinkDown:
		link := c.Verdict.Link
		if !cur.LinkDown(link) && len(c.Verdict.Now.Hops) > 0 { // it is the link that it now leaves by
			link = c.Verdict.Now.Hops[0].Oif
		}
		if is, err := down.of(ctx, link); !is || err != nil {
			return false, err
		}
		return a.leftBehind(cur, c)
	case GatewayGone, Rerouted:
		return a.leftBehind(cur, c)
	}
	return false, nil
}

// ConfirmForwarded is Confirm for forwarded flows. Where the kernel refuses the
// path the translation may still be good, so only a path by another link counts.
func (k *Kernel) ConfirmForwarded(ctx context.Context, cur *rtable.Table, claims []Claim) {
	answers := k.ask(ctx, len(claims), func(i int, b []byte) []byte {
		f := claims[i].Flow
		if claims[i].Verdict.Reason == SourceGone {
			return appendLocalQuery(b, f.Local.Addr(), f.Oif)
		}
		return appendForwardQuery(b, forwardQuery(cur, f))
	})
	for i := range claims {
		c, a := &claims[i], &answers[i]
		switch c.Verdict.Reason {
		case SourceGone:
			c.Stands, c.Err = a.notLocal()
		case Rerouted:
			c.Stands, c.Err = a.leavesElsewhere(cur, c.Flow.Local.Addr())
		default:
			c.Stands, c.Err = false, nil
		}
	}
}

// notLocal says whether the address asked about is no longer local.
func (a *answer) notLocal() (bool, error) {
	if refused(a.err) {
		return true, nil
	}
	return a.err == nil && !a.local, a.err
}

// leavesElsewhere says whether there is a way out, and none by a link that owns
// the address.
func (a *answer) leavesElsewhere(cur *rtable.Table, local netip.Addr) (bool, error) {
	if refused(a.err) {
		return false, nil
	}
	if a.err != nil || a.local {
		return false, a.err
	}
	for _, h := range a.hops {
		if cur.Owns(h.oif, local) {
			return false, nil
		}
	}
	return true, nil
}

// noRoute wants the flow's own path to be refused. EINVAL is what a blackhole
// answers, and a kernel that does not know a selector: it counts only where the
// table holds a blackhole.
func (a *answer) noRoute(c *Claim) (bool, error) {
	switch {
	case refused(a.err):
		return true, nil
	case errors.Is(a.err, syscall.EINVAL):
		return c.Verdict.Now.Errno == syscall.EINVAL, nil
	}
	return false, a.err
}

// leftBehind looks at the flow's own path: it must leave by a link that is down, or
// does not own the local address where the one before did, or, where a gateway of
// the same link has taken over, by none of the old gateways. No path at all will
// do too.
func (a *answer) leftBehind(cur *rtable.Table, c *Claim) (bool, error) {
	blackhole := errors.Is(a.err, syscall.EINVAL) && c.Verdict.Now.Errno == syscall.EINVAL // as in noRoute
	if refused(a.err) || blackhole {
		return true, nil
	}
	if a.err != nil || a.local {
		return false, a.err
	}
	v, local := &c.Verdict, c.Flow.Local.Addr()
	translated := v.Reason == GatewayGone && ownedHop(cur, v.Now.Hops, local)
	for _, h := range a.hops {
		if cur.LinkDown(h.oif) || v.Owned && !cur.Owns(h.oif, local) {
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

// linkAnswers asks whether links are gone, down, or without carrier, of several
// claims on one link once.
type linkAnswers struct {
	kernel *Kernel
	link   uint32 // the one asked about last; 0 for none
	down   bool
	err    error
}

func (l *linkAnswers) of(ctx context.Context, ifindex uint32) (bool, error) {
	if l.link != ifindex || ifindex == 0 {
		l.link = ifindex
		l.down, l.err = l.kernel.linkDown(ctx, ifindex)
	}
	return l.down, l.err
}

func (k *Kernel) linkDown(ctx context.Context, ifindex uint32) (bool, error) {
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

// errNoReply says that a route query succeeded, and told of no route.
var errNoReply = fmt.Errorf("conn: route query: %w", netlink.ErrShort)

// ask puts n route queries.
func (k *Kernel) ask(ctx context.Context, n int, question func(i int, b []byte) []byte) []answer {
	answers, errs := make([]answer, n), make([]error, n)
	for i := range answers {
		answers[i].err = errNoReply
	}
	k.sock.DoAll(ctx, rtmGetRoute, 0, errs, question, func(i int, m netlink.Message) {
		if r, ok := parseRouteReply(m.Data); ok {
			answers[i] = answer{routeReply: r}
		}
	})
	for i, err := range errs {
		if err != nil {
			answers[i] = answer{err: err}
		}
	}
	return answers
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
