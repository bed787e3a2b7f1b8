package conn_test

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/netmond/netmond/conn"
	"github.com/netmond/netmond/rtable"
	"github.com/netmond/netmond/rtnl"
)

// The model is the table of verdicts, word by word, with none of the package's
// shortcuts. It asks the table for facts alone: which links, addresses and routes
// there are, and what a lookup finds; that these are true is rtable's to show.

// modelVerdict is what Judge should answer.
func modelVerdict(old, cur *rtable.Table, f conn.Flow) conn.Reason {
	was, now := state{old}, state{cur}
	local := f.Local.Addr()
	if neverJudged(was, now, f) {
		return conn.Keep
	}
	if !now.delivers(local) {
		return conn.SourceGone
	}
	before, had := was.path(f)
	if !had {
		return conn.Keep
	}
	after, has := now.path(f)
	if !has && now.neighbour(f) {
		has, after.Hops = true, []rtnl.NextHop{{Oif: f.Oif}}
	}
	links, owned := was.usedBy(f, before)
	lived := slices.ContainsFunc(before.Hops, was.leads)
	died := lived && (!slices.ContainsFunc(links, now.up) || !slices.ContainsFunc(before.Hops, now.leads))
	byOwner := slices.ContainsFunc(after.Hops, func(h rtnl.NextHop) bool { return now.owns(h.Oif, local) })
	byLink := slices.ContainsFunc(after.Hops, func(h rtnl.NextHop) bool { return slices.Contains(links, h.Oif) })

	verdict := conn.Keep
	switch {
	case !has:
		verdict = conn.NoRoute
		if died {
			verdict = conn.LinkDown
		}
	case !owned: // only the links count
		if lived && !slices.ContainsFunc(after.Hops, now.leads) {
			verdict = conn.LinkDown
		}
	case now.leavesByOwner(f, after):
		if retranslated(was, now, f, before, after) {
			verdict = conn.GatewayGone
		}
	case after.Route.PrefSrc == local && slices.ContainsFunc(after.Hops, now.leads): // it is named by the route
	case byLink && now.up(links[0]): // the address has moved, the path has not
	case byLink || byOwner: // by a link that is down
		if lived {
			verdict = conn.LinkDown
		}
	case died:
		verdict = conn.LinkDown
	case now.stands(before.Route) && text(before.Route) != text(after.Route): // else it leads elsewhere itself
		verdict = conn.Rerouted
	default:
		verdict = conn.GatewayGone
	}
	if verdict != conn.Keep && now.deprecated(local) {
		return conn.Keep
	}
	if f.MarkKnown || !was.HasMarkRules() && !now.HasMarkRules() {
		return verdict
	}
	switch verdict {
	case conn.GatewayGone, conn.Rerouted:
		return conn.Keep
	case conn.NoRoute, conn.LinkDown:
		for _, fam := range []uint8{rtnl.IPv4, rtnl.IPv6} {
			for r := range now.Rules(fam) {
				guess := f
				guess.Mark = r.Mark
				if p, ok := now.path(guess); ok && r.Mask != 0 && slices.ContainsFunc(p.Hops, now.leads) && (fam == rtnl.IPv4) == f.Remote.Addr().Is4() {
					return conn.Keep
				}
			}
		}
	}
	return verdict
}

// neverJudged is the list of what is never judged, whatever happens.
func neverJudged(was, now state, f conn.Flow) bool {
	local, remote := f.Local.Addr(), f.Remote.Addr()
	switch f.State {
	case conn.Listen, conn.TimeWait, conn.Closed, conn.SynRecv, 0:
		return true
	}
	return f.Remote.Port() == 0 || remote.IsUnspecified() || local.IsUnspecified() ||
		local.IsLoopback() || remote.IsLoopback() || local == remote ||
		was.delivers(remote) || now.delivers(remote) || f.Transparent || len(was.holders(local)) == 0
}

// retranslated says whether another gateway of the same link has come in place of
// the default route, for a private address that talks to a public one.
func retranslated(was, now state, f conn.Flow, before, after rtable.Answer) bool {
	local, remote := f.Local.Addr(), f.Remote.Addr()
	shared := netip.MustParsePrefix("100.64.0.0/10")
	if before.Route.Dst.Bits() != 0 || now.stands(before.Route) && text(before.Route) != text(after.Route) || !local.IsPrivate() || remote.IsPrivate() || shared.Contains(remote) || !remote.IsGlobalUnicast() {
		return false
	}
	for _, a := range after.Hops {
		if !now.owns(a.Oif, local) || !now.up(a.Oif) {
			continue
		}
		var gateways []netip.Addr // of that link, before
		for _, b := range before.Hops {
			if b.Oif == a.Oif {
				gateways = append(gateways, b.Gateway)
			}
		}
		if len(gateways) == 0 || !a.Gateway.IsValid() || slices.Contains(gateways, a.Gateway) || slices.Contains(gateways, netip.Addr{}) {
			return false
		}
	}
	return true
}

// state answers questions by walking all there is.
type state struct{ *rtable.Table }

// path is the way that the flow's packets take out of the device.
func (s state) path(f conn.Flow) (rtable.Answer, bool) {
	a, ok := s.Lookup(f.Query())
	return a, ok && a.Route.Type == rtnl.Unicast
}

// neighbour says whether the flow is bound to a link on which IPv4 finds the peer
// without a route.
func (s state) neighbour(f conn.Flow) bool {
	link := s.Link(f.Oif)
	if link == nil || !link.Up() || f.Remote.Addr().Is6() {
		return false
	}
	there := link.Flags&0x80 != 0 // IFF_NOARP
	for x := range s.Addrs() {
		there = there || x.Link == f.Oif && x.Net.Contains(f.Remote.Addr())
	}
	return there
}

// usedBy are the links by which a flow leaves: those that own its source, or,
// where none does, all, and whether one does. Of several, those that are up.
func (s state) usedBy(f conn.Flow, a rtable.Answer) (links []uint32, owned bool) {
	for _, h := range a.Hops {
		links = append(links, h.Oif)
	}
	if slices.ContainsFunc(links, s.up) {
		links = slices.DeleteFunc(links, func(l uint32) bool { return !s.up(l) })
	}
	for _, l := range links {
		if s.owns(l, f.Local.Addr()) {
			return []uint32{l}, true
		}
	}
	return links, false
}

func (s state) leavesByOwner(f conn.Flow, a rtable.Answer) bool {
	return slices.ContainsFunc(a.Hops, func(h rtnl.NextHop) bool { return s.leads(h) && s.owns(h.Oif, f.Local.Addr()) })
}

// holders are the links that have the address.
func (s state) holders(a netip.Addr) (links []uint32) {
	for x := range s.Addrs() {
		if x.Local == a {
			links = append(links, x.Link)
		}
	}
	return links
}

// owns says whether the address is on the link or on one enslaved to it.
func (s state) owns(link uint32, a netip.Addr) bool {
	for _, l := range s.holders(a) {
		for l != link && s.Link(l) != nil && s.Link(l).Master != 0 {
			l = s.Link(l).Master
		}
		if l == link {
			return true
		}
	}
	return false
}

// delivers says whether packets to the address stay on this device.
func (s state) delivers(a netip.Addr) bool {
	if len(s.holders(a)) > 0 {
		return true
	}
	best, local := -1, false
	for r := range s.Routes() {
		if r.Table == rtnl.TableLocal && r.Dst.Contains(a) && r.Dst.Bits() > best {
			best, local = r.Dst.Bits(), r.Type == rtnl.Local
		}
	}
	return local
}

func (s state) deprecated(a netip.Addr) bool {
	old := 0
	for x := range s.Addrs() {
		if x.Local == a && x.Flags&rtnl.AddrDeprecated != 0 {
			old++
		}
	}
	return old > 0 && old == len(s.holders(a))
}

// up says whether the link is there, administratively up and has carrier.
func (s state) up(link uint32) bool {
	l := s.Link(link)
	return l != nil && l.Up() && s.Carrier(link)
}

func (s state) leads(h rtnl.NextHop) bool { return s.up(h.Oif) }

// stands says whether the route is still there, by the same next hops.
func (s state) stands(r rtnl.Route) bool {
	for x := range s.Routes() {
		if text(*x) == text(r) {
			return true
		}
	}
	return false
}

// text is a route in words; it is the same wherever its nexthop object leads, and
// whatever legs of it are dead.
func text(r rtnl.Route) string {
	if r.NHID != 0 {
		r.NextHops = nil
	}
	return strings.ReplaceAll(r.String(), " dead", "")
}
