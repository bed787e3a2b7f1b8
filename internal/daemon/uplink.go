package daemon

import (
	"cmp"
	"net/netip"
	"slices"
	"sort"

	"github.com/netmond/netmond/rtable"
	"github.com/netmond/netmond/rtnl"
)

// Uplink is a link that carries a default route of one family, as the table has
// it.
type Uplink struct {
	UplinkKey
	Dev     string
	Gateway netip.Addr // the zero Addr where the route has none
	Metric  uint32
	Table   uint32
	Source  netip.Addr // an address of the link to speak from; the zero Addr where it has none
	Mark    uint32     // the firewall mark that leads into Table; 0 where none is needed
	Carrier bool       // up, and with carrier
}

// UplinkKey is the identity of an uplink.
type UplinkKey struct {
	Link   uint32 // ifindex
	Family int    // 4 or 6
}

// Uplinks lists the links with a default route in any table, by preference: the
// main table first, then the metric. Of several default routes by one link the
// preferred one counts.
func Uplinks(t *rtable.Table) []Uplink {
	var list []Uplink
	for r := range t.DefaultRoutes() {
		if r.Type != rtnl.Unicast {
			continue
		}
		fam := 4
		if r.Family() == rtnl.IPv6 {
			fam = 6
		}
		for _, h := range t.NextHops(r) {
			l := t.Link(h.Oif)
			if l == nil || l.Loopback() {
				continue
			}
			list = append(list, Uplink{
				UplinkKey: UplinkKey{h.Oif, fam}, Dev: t.LinkName(h.Oif),
				Gateway: h.Gateway, Metric: r.Priority, Table: r.Table, Carrier: !t.LinkDown(h.Oif),
			})
		}
	}
	sort.SliceStable(list, func(i, j int) bool {
		a, b := list[i], list[j]
		return cmp.Or(rank(a.Table)-rank(b.Table), cmp.Compare(a.Metric, b.Metric)) < 0
	})
	var out []Uplink
	for _, u := range list {
		if !slices.ContainsFunc(out, func(x Uplink) bool { return x.UplinkKey == u.UplinkKey }) {
			u.Source = source(t, u)
			u.Mark = mark(t, u)
			out = append(out, u)
		}
	}
	return out
}

// rank puts the main table before all others.
func rank(table uint32) int {
	if table == rtnl.TableMain {
		return 0
	}
	return 1
}

// source picks an address of the uplink's link to speak from: of global scope,
// usable, and rather not deprecated.
func source(t *rtable.Table, u Uplink) netip.Addr {
	var spare netip.Addr
	for a := range t.Addrs() {
		if a.Link != u.Link || a.Local.Is4() != (u.Family == 4) || a.Scope >= rtnl.ScopeLink || !a.Usable() {
			continue
		}
		if a.Flags&rtnl.AddrDeprecated == 0 {
			return a.Local
		}
		spare = a.Local
	}
	return spare
}

// beyond are addresses that only a default route leads to (RFC 5737, RFC 3849).
var beyond = map[int]netip.Addr{4: netip.MustParseAddr("203.0.113.1"), 6: netip.MustParseAddr("2001:db8:ffff::1")}

// mark finds the firewall mark without which a socket bound to the uplink would
// not find its default route: that of a rule that leads into its table.
func mark(t *rtable.Table, u Uplink) uint32 {
	q := rtable.Query{Dst: beyond[u.Family], Src: u.Source, Oif: u.Link}
	if _, ok := t.Lookup(q); ok {
		return 0
	}
	fam := rtnl.IPv4
	if u.Family == 6 {
		fam = rtnl.IPv6
	}
	for r := range t.Rules(fam) {
		if r.Table != u.Table || r.Mark == 0 {
			continue
		}
		q.Mark = r.Mark
		if _, ok := t.Lookup(q); ok {
			return r.Mark
		}
	}
	return 0
}

// concernsUplinks says whether the changes involve a gateway, a default route,
// or the state of a link: the occasions of a captive-portal check.
func concernsUplinks(c rtable.Changes) bool {
	for range c.Links() {
		return true
	}
	return involvesGateway(c)
}

// involvesGateway says whether a changed route has a gateway or is a default
// route.
func involvesGateway(c rtable.Changes) bool {
	for x := range c.All() {
		for _, m := range []rtnl.Message{x.Message, x.Was} {
			r, ok := m.(*rtnl.Route)
			if !ok || r.Type != rtnl.Unicast {
				continue
			}
			if r.Default() || r.NHID != 0 || slices.ContainsFunc(r.NextHops, func(h rtnl.NextHop) bool { return h.Gateway.IsValid() }) {
				return true
			}
		}
	}
	return false
}
