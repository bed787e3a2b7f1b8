package rtable

import (
	"net/netip"
	"slices"
	"syscall"

	"github.com/netmond/netmond/rtnl"
)

// Query is a question to the table: how would a packet of this flow leave the
// device? The zero value of a field says that it is not known or not set.
type Query struct {
	Dst   netip.Addr
	Src   netip.Addr // the flow's local address
	Oif   uint32     // the link the socket is bound to; other ways out do not count
	Iif   uint32     // the link a forwarded packet came in by; 0 for the device's own
	Mark  uint32
	UID   uint32 // of the socket; a forwarded packet counts as root's
	TOS   uint8
	Proto uint8 // IPPROTO_*
	Sport uint16
	Dport uint16
}

// Answer is how a lookup ended, and why.
type Answer struct {
	Rule  *rtnl.Rule     // the rule that decided; nil where no rule matched
	Route rtnl.Route     // the route that was met; its Type may be one that refuses
	Hops  []rtnl.NextHop // the ways out in use: next hops that are alive, of all routes of equal standing. Must not be changed

	// Errno is what the kernel answers: 0, ENETUNREACH for no route, EHOSTUNREACH,
	// EACCES and EINVAL for unreachable, prohibit and blackhole.
	Errno syscall.Errno
}

// Leaves says whether a way out in use is the link with the given ifindex.
func (a *Answer) Leaves(ifindex uint32) bool {
	for i := range a.Hops {
		if a.Hops[i].Oif == ifindex {
			return true
		}
	}
	return false
}

// Lookup finds the way that the kernel would route q: rules in order, in each
// rule's table the longest prefix with a usable route, there the kernel's order.
// It answers false where the kernel would refuse; Answer.Errno says how, and
// Rule and Route what refused.
//
// The state of neighbours is not part of the table, so where the kernel would
// choose between routes of equal standing, or legs of one, by it or by a hash,
// Answer.Hops holds them all.
func (t *Table) Lookup(q Query) (Answer, bool) {
	t = t.orEmpty()
	if !q.Dst.IsValid() {
		return Answer{Errno: syscall.EINVAL}, false
	}
	q.Dst, q.Src = plain(q.Dst), plain(q.Src)
	if q.Iif != 0 {
		q.UID = 0 // sock_net_uid
	}
	l := lookup{t: t, q: q, fam: indexOf(q.Dst)}
	if errno := l.admit(); errno != 0 {
		return Answer{Errno: errno}, false
	}
	return l.rules()
}

// lookup is one Lookup at work.
type lookup struct {
	t   *Table
	q   Query
	fam int
	vrf uint32 // table of the VRF the query is bound to; 0 for none
	ans Answer // as far as the search has come

	// missed is the address of the IPv4 prefixes that the search of a table has
	// given up: see pick4.
	missed netip.Addr
}

// admit refuses what the kernel refuses before it searches: an IPv4 source that
// is not the device's, and a bound link that is gone or down
// (ip_route_output_key_hash_rcu).
func (l *lookup) admit() syscall.Errno {
	if l.q.Oif != 0 {
		link := l.t.links[l.q.Oif]
		if link == nil && len(l.t.links) > 0 {
			return syscall.ENODEV
		}
		if link != nil {
			if l.fam == v4 && !link.Up() {
				return syscall.ENETUNREACH
			}
			l.bindVRF(link)
		}
	}
	if l.fam == v4 && l.q.Src.IsValid() && l.q.Iif == 0 && !l.t.Local(l.q.Src) {
		return syscall.ENETUNREACH
	}
	return 0
}

// bindVRF finds the VRF of the bound link. A socket bound to the VRF itself may
// leave by any of its ports (l3mdev_update_flow).
func (l *lookup) bindVRF(link *rtnl.Link) {
	if link.Kind == "vrf" {
		l.vrf = link.VRFTable
		l.q.Oif = 0
		return
	}
	if m := l.t.links[link.Master]; m != nil && m.Kind == "vrf" {
		l.vrf = m.VRFTable
	}
}

// Local says whether a packet to a is delivered on this device: the local table
// holds a local route to it.
func (t *Table) Local(a netip.Addr) bool {
	t, a = t.orEmpty(), plain(a)
	if len(t.addrs[a]) > 0 {
		return true
	}
	f := t.fibs[indexOf(a)][rtnl.TableLocal]
	if f.trie == nil {
		return false
	}
	b, ok := f.trie.Lookup(a)
	return ok && b.routes[0].Type == rtnl.Local
}

// search looks up the destination in one table and says whether that ended the
// search: with a way out, or with a refusal. A throw route, or no route, leaves
// it to the next rule.
func (l *lookup) search(table uint32) bool {
	f := l.t.fibs[l.fam][table]
	if f.trie == nil {
		return false
	}
	l.missed = netip.Addr{}
	b, ok := f.trie.Lookup(l.q.Dst)
	if !ok {
		return false
	}
	if l.fam == v6 && b.specific() {
		return l.search6(f)
	}
	if l.pick(b) { // the longest prefix nearly always decides
		return l.ans.Route.Type != rtnl.Throw
	}
	if l.fam == v6 {
		return l.search6(f)
	}
	for _, b := range f.trie.Supernets(netip.PrefixFrom(l.q.Dst, l.q.Dst.BitLen())) {
		if l.pick(b) {
			return l.ans.Route.Type != rtnl.Throw
		}
	}
	return false
}

// searchBoth is search in two tables at a time, by the longest prefix of either
// and for equal ones in the first.
func (l *lookup) searchBoth(first, second uint32) bool {
	f, s := l.t.fibs[l.fam][first], l.t.fibs[l.fam][second]
	switch {
	case s.trie == nil:
		return l.search(first)
	case f.trie == nil:
		return l.search(second)
	}
	l.missed = netip.Addr{}
	b1, ok1 := f.trie.Lookup(l.q.Dst)
	b2, ok2 := s.trie.Lookup(l.q.Dst)
	switch {
	case !ok1 && !ok2:
		return false
	case !ok1 || ok2 && b2.bits() > b1.bits():
		b1 = b2
	}
	if l.pick(b1) { // as in search
		return l.ans.Route.Type != rtnl.Throw
	}
	for bits := l.q.Dst.BitLen(); bits >= 0; bits-- {
		p := netip.PrefixFrom(l.q.Dst, bits).Masked()
		for _, f := range []fib{f, s} {
			if b, ok := f.trie.Get(p); ok && l.pick(b) {
				return l.ans.Route.Type != rtnl.Throw
			}
		}
	}
	return false
}

// pick finds the route among those to one prefix that takes the packet, and
// leaves it in ans. It answers false where none does, and a shorter prefix must.
func (l *lookup) pick(b *bucket) bool {
	dst := netip.PrefixFrom(l.q.Dst, b.bits()).Masked()
	if l.fam == v4 && !l.pick4(b, dst) || l.fam == v6 && !l.pick6(b, netip.Prefix{}) {
		return false
	}
	l.ans.Route.Dst = dst
	return true
}

// pick4 is fib_table_lookup on one leaf, which holds all prefixes of one address,
// whatever their length. A route by nexthop object of no use is the end of it: the
// kernel looks no further there and goes on with the next leaf. Of default routes
// of equal metric it takes one whose gateway answers (fib_select_default): all
// count.
func (l *lookup) pick4(b *bucket, dst netip.Prefix) bool {
	if dst.Addr() == l.missed {
		return false
	}
	var first *body
	for _, r := range b.routes {
		switch {
		case r.TOS != 0 && r.TOS != l.q.TOS:
		case first == nil:
			if !l.take(r) {
				if r.NHID != 0 {
					l.missed = dst.Addr()
					return false
				}
				continue
			}
			if isDefault := dst.Bits() == 0; !isDefault || r.Type != rtnl.Unicast {
				return true
			}
			first = r
		case r.Priority == first.Priority && r.TOS == first.TOS && r.Scope == first.Scope && r.Type == rtnl.Unicast:
			l.ans.Hops = append(slices.Clip(l.ans.Hops), l.hops(r)...)
		}
	}
	return first != nil
}

// usable says whether a route can take the packet, and by which next hops. It
// needs one that is alive, and out of the bound link. IPv4 routes that refuse or
// throw have none and take any (fib_props), whereas their IPv6 kin leave by lo
// (rt6_score_route); and what is delivered here needs no carrier
// (fib_sync_down_dev, fib6_ifdown), but for an IPv6 anycast address that the
// kernel did not make itself, which lacks RTF_ANYCAST.
func (l *lookup) usable(r *body) (hops []rtnl.NextHop, ok bool) {
	switch {
	case r.Type == rtnl.Throw || errnoOf(r.Type) != 0:
		if l.q.Oif == 0 || len(r.NextHops) == 0 {
			return r.NextHops, true
		}
	case r.Type == rtnl.Local || r.Type == rtnl.Anycast && (l.fam == v4 || r.Protocol == protoKernel):
		if hops = r.NextHops; l.q.Oif != 0 {
			hops = slices.DeleteFunc(slices.Clone(hops), func(h rtnl.NextHop) bool { return h.Oif != l.q.Oif })
		}
		return hops, l.q.Oif == 0 || len(hops) > 0
	}
	hops = l.hops(r)
	return hops, len(hops) > 0
}

// take makes r the answer if it is usable.
func (l *lookup) take(r *body) bool {
	hops, ok := l.usable(r)
	if !ok {
		return false
	}
	l.ans.Route, l.ans.Hops, l.ans.Errno = r.Route, hops, errnoOf(r.Type)
	forwards := l.fam == v4 && l.q.Iif != 0
	if l.ans.Errno == 0 && (l.drops(r) || forwards && (r.Type == rtnl.Multicast || r.Type == rtnl.Anycast)) {
		l.ans.Errno = syscall.EINVAL // of a packet come in as of one to a martian (ip_route_input_slow)
	}
	return true
}

// errnoOf is what the kernel answers for a route type (fib_props).
func errnoOf(t rtnl.RouteType) syscall.Errno {
	switch t {
	case rtnl.Blackhole:
		return syscall.EINVAL
	case rtnl.Unreachable:
		return syscall.EHOSTUNREACH
	case rtnl.Prohibit:
		return syscall.EACCES
	}
	return 0
}
