package conn

import (
	"net/netip"
	"slices"

	"github.com/netmond/netmond/rtable"
	"github.com/netmond/netmond/rtnl"
)

// Verdict is the judgement of one flow, with what it rests on.
type Verdict struct {
	Reason Reason
	Exempt string        // why the flow is never judged; empty where it is
	Was    rtable.Answer // its path before
	Now    rtable.Answer // its path now
	HasNow bool          // Now leads somewhere
	Link   uint32        // ifindex of the link it left by, of several one that owns the local address; 0 if it had no path
	Owned  bool          // Link owned the local address
}

// Judge says whether the change from old to cur strands the flow. It is pure:
// the same arguments give the same answer, and no one is asked.
//
// Links count as down when they are down in cur; a caller that grants a lost
// carrier some grace passes tables that assume it (rtable.Table.AssumeCarrier).
func Judge(old, cur *rtable.Table, f Flow) Reason { return Assess(old, cur, f).Reason }

// Assess is Judge with the reasoning.
func Assess(old, cur *rtable.Table, f Flow) Verdict {
	v := Verdict{Exempt: exempt(old, cur, f)}
	if v.Exempt != "" {
		return v
	}
	local := f.Local.Addr()
	var had bool
	v.Was, had = old.Lookup(f.Query())
	left, owned := egress(old, v.Was.Hops, local)
	v.Link, v.Owned = left, owned
	if !cur.Local(local) {
		v.Reason = SourceGone
		return v
	}
	if !had || v.Was.Route.Type != rtnl.Unicast {
		v.Exempt = "had no path before"
		return v
	}
	v.Now, v.HasNow = path(cur, f)
	dead := allDown(old, v.Was.Hops) // before, and so not stranded now
	fell := !dead && (owned && cur.LinkDown(left) || allDown(cur, v.Was.Hops))
	switch {
	case !v.HasNow && fell:
		v.Reason = LinkDown
	case !v.HasNow:
		v.Reason = NoRoute
	case v.Now.Route.Type != rtnl.Unicast: // the peer has become an own address
	case owned && ownedHop(cur, v.Now.Hops, local):
		if lostTranslation(cur, &v, f) {
			v.Reason = GatewayGone
		}
	case owned && v.Now.Route.PrefSrc == local && !allDown(cur, v.Now.Hops): // the route is meant for this source
	case owned && v.Now.Leaves(left) && !cur.LinkDown(left): // the address has moved, the path has not
	case !owned && !allDown(cur, v.Now.Hops): // the source lives elsewhere: on lo, or on the link that replies come by
	case dead && (!owned || v.Now.Leaves(left) || owns(cur, v.Now.Hops, local)):
	case fell, !owned, owns(cur, v.Now.Hops, local): // the link it left by is down, or the one it now leaves by
		v.Reason = LinkDown
	case cur.Has(&v.Was.Route) && !sameRoute(&v.Was.Route, &v.Now.Route):
		v.Reason = Rerouted
	default:
		v.Reason = GatewayGone
	}
	switch {
	case v.Reason == Keep:
	case cur.Deprecated(local): // left to run out
		v.Reason, v.Exempt = Keep, "has a deprecated source"
	case !f.MarkKnown && (old.HasMarkRules() || cur.HasMarkRules()) && (v.Reason == GatewayGone || v.Reason == Rerouted || someMarkLeads(cur, f)):
		v.Reason, v.Exempt = Keep, "is routed by its mark, which cannot be read"
	case someTOSLeads(cur, f, v.Owned):
		v.Reason, v.Exempt = Keep, "may be routed by its type of service"
	}
	return v
}

// exempt says why a flow is never judged; empty where it is.
func exempt(old, cur *rtable.Table, f Flow) string {
	local, remote := f.Local.Addr(), f.Remote.Addr()
	switch {
	case !f.State.judgeable():
		return "is " + f.State.String()
	case !remote.IsValid() || remote.IsUnspecified() || f.Remote.Port() == 0:
		return "has no peer"
	case !local.IsValid() || local.IsUnspecified():
		return "has no local address"
	case local.IsLoopback() || remote.IsLoopback():
		return "is loopback"
	case local == remote:
		return "talks to itself"
	case old.Local(remote) || cur.Local(remote):
		return "has a peer on this device"
	case f.Transparent:
		return "is transparent"
	case !old.HasAddr(local):
		return "has a source that was never this device's"
	}
	return ""
}

// path is the way that the flow's packets take now. Where IPv4 has no route for a
// bound socket it takes the peer for one on the link (ip_route_output_key_hash_rcu).
// No change of a link is known to touch such a flow, so of a path before it is none.
func path(t *rtable.Table, f Flow) (rtable.Answer, bool) {
	a, ok := t.Lookup(f.Query())
	if remote := f.Remote.Addr(); !ok && f.Oif != 0 && remote.Is4() && onLink(t, f.Oif, remote) {
		hops := []rtnl.NextHop{{Oif: f.Oif, Weight: 1}}
		route := rtnl.Route{Dst: netip.PrefixFrom(remote, remote.BitLen()), Table: rtnl.TableMain, Type: rtnl.Unicast, Scope: rtnl.ScopeLink, NextHops: hops}
		return rtable.Answer{Route: route, Hops: hops}, true
	}
	return a, ok
}

// onLink says whether packets that are sent to a on the link arrive, as far as one
// can tell: it has no neighbours, or a is in the net of one of its addresses. In a VRF
// the kernel does not try.
func onLink(t *rtable.Table, ifindex uint32, a netip.Addr) bool {
	l := t.Link(ifindex)
	if l == nil || !l.Up() || l.Kind == "vrf" {
		return false
	}
	if m := t.Link(l.Master); m != nil && m.Kind == "vrf" {
		return false
	}
	if l.Flags&rtnl.FlagNoARP != 0 {
		return true
	}
	for x := range t.Addrs() {
		if x.Link == ifindex && x.Net.Contains(a) {
			return true
		}
	}
	return false
}

// egress is the link by which a flow left: of several next hops one whose link
// owns the local address, if any does, and is up, if any is.
func egress(t *rtable.Table, hops []rtnl.NextHop, local netip.Addr) (ifindex uint32, owned bool) {
	down := allDown(t, hops)
	for i := range hops {
		switch oif := hops[i].Oif; {
		case !down && t.LinkDown(oif):
		case t.Owns(oif, local):
			return oif, true
		case ifindex == 0:
			ifindex = oif
		}
	}
	return ifindex, false
}

func allDown(t *rtable.Table, hops []rtnl.NextHop) bool {
	for i := range hops {
		if !t.LinkDown(hops[i].Oif) {
			return false
		}
	}
	return true
}

// ownedHop says whether a next hop leaves by a link that is up and owns local.
func ownedHop(t *rtable.Table, hops []rtnl.NextHop, local netip.Addr) bool {
	for i := range hops {
		if t.Owns(hops[i].Oif, local) && !t.LinkDown(hops[i].Oif) {
			return true
		}
	}
	return false
}

// lostTranslation says whether the flow has lost the address translation in
// front of the device: its default route went, another gateway of the same link
// has taken over, and the local address is private where the peer is public. A
// translator keeps its flows to itself (RFC 3022), so the other knows nothing of
// this one.
func lostTranslation(cur *rtable.Table, v *Verdict, f Flow) bool {
	local, remote := f.Local.Addr(), f.Remote.Addr()
	if !v.Was.Route.Default() || !local.IsPrivate() || !public(remote) {
		return false
	}
	for i := range v.Now.Hops {
		now := &v.Now.Hops[i]
		if cur.Owns(now.Oif, local) && !cur.LinkDown(now.Oif) && !otherGateway(v.Was.Hops, now) {
			return false
		}
	}
	return !cur.Has(&v.Was.Route) || sameRoute(&v.Was.Route, &v.Now.Route) // or its nexthop object leads elsewhere
}

// otherGateway says whether a next hop is a gateway of a link that was in use by
// other gateways alone.
func otherGateway(was []rtnl.NextHop, now *rtnl.NextHop) bool {
	sameLink := false
	for i := range was {
		if was[i].Oif != now.Oif {
			continue
		}
		if sameLink = was[i].Gateway.IsValid() && was[i].Gateway != now.Gateway; !sameLink {
			return false
		}
	}
	return sameLink && now.Gateway.IsValid()
}

// sameRoute says whether two routes are one, though a leg of it may have died.
func sameRoute(a, b *rtnl.Route) bool {
	return a.Dst == b.Dst && a.Src == b.Src && a.Table == b.Table && a.Priority == b.Priority && a.TOS == b.TOS &&
		a.NHID == b.NHID && slices.EqualFunc(a.NextHops, b.NextHops, func(g, h rtnl.NextHop) bool {
		return g.Oif == h.Oif && g.Gateway == h.Gateway
	})
}

// someMarkLeads says whether the flow, whose mark is not known, has a path under
// one of the marks that rules ask for.
func someMarkLeads(t *rtable.Table, f Flow) bool {
	for r := range t.Rules(family(f.Remote.Addr())) {
		if r.Mark == 0 && r.Mask == 0 {
			continue
		}
		q := f.Query()
		q.Mark = r.Mark
		if a, ok := t.Lookup(q); ok && a.Route.Type == rtnl.Unicast && !allDown(t, a.Hops) {
			return true
		}
	}
	return false
}

// someTOSLeads says whether the flow, whose type of service is not read, has a path
// under one of those that rules and routes ask for: where it left by a link that owned
// its address, by such a link.
func someTOSLeads(t *rtable.Table, f Flow, owned bool) bool {
	q := f.Query()
	for _, q.TOS = range t.TOS(family(q.Dst)) {
		a, ok := t.Lookup(q)
		if ok && a.Route.Type == rtnl.Unicast && (ownedHop(t, a.Hops, q.Src) || !owned && !allDown(t, a.Hops)) {
			return true
		}
	}
	return false
}

// families are the routing families.
var families = [...]uint8{rtnl.IPv4, rtnl.IPv6}

// family is the routing family of an address.
func family(a netip.Addr) uint8 {
	if a.Is4() {
		return rtnl.IPv4
	}
	return rtnl.IPv6
}

// shared is the address space between a carrier and its customers (RFC 6598).
var shared = netip.MustParsePrefix("100.64.0.0/10")

func public(a netip.Addr) bool {
	return a.IsGlobalUnicast() && !a.IsPrivate() && !shared.Contains(a)
}
