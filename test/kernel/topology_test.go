//go:build linux

package kernel

import (
	"slices"
	"testing"

	"github.com/netmond/netmond/rtnl"
)

// The device under test is the test's own namespace. The peer namespace is the
// Internet: a router on either uplink, and every host of the ranges behind.
//
//	 the test's namespace                     namespace "peer"
//	+----------------------+                 +-----------------------------+
//	|                 wan0 +-----------------+ peer0                       |
//	|        192.0.2.2/25  |                 | 192.0.2.1/25                |
//	|     2001:db8::2/64   |                 | 2001:db8::1/64              |
//	|                      |                 |          198.51.100.0/24    |
//	|                 wan1 +-----------------+ peer1    203.0.113.0/24     |
//	|      192.0.2.130/25  |                 |          2001:db8:ff::/48   |
//	|   2001:db8:1::2/64   |                 | 192.0.2.129/25   (all local |
//	|                      |                 | 2001:db8:1::1/64   there)   |
//	+----------------------+                 +-----------------------------+
//
// There is no default route, and IPv6 addresses are usable at once (no DAD).
// Down a peer's end to take carrier from the uplink.
const (
	wan0, wan1 = "wan0", "wan1"

	wan0Addr, wan0Gateway   = "192.0.2.2", "192.0.2.1"
	wan1Addr, wan1Gateway   = "192.0.2.130", "192.0.2.129"
	wan0Addr6, wan0Gateway6 = "2001:db8::2", "2001:db8::1"
	wan1Addr6, wan1Gateway6 = "2001:db8:1::2", "2001:db8:1::1"

	host, otherHost = "198.51.100.7", "203.0.113.7" // two hosts behind the peer
	host6           = "2001:db8:ff::7"
)

// topology builds the picture above.
func topology(t testing.TB) {
	t.Helper()
	ip(t, "netns add peer")
	for _, ns := range []string{"", "peer"} {
		in(t, ns, func() {
			for _, link := range []string{"default", "all"} {
				sysctl(t, "net/ipv6/conf/"+link+"/accept_dad", "0")
				sysctl(t, "net/ipv6/conf/"+link+"/accept_ra", "0")
				sysctl(t, "net/ipv6/conf/"+link+"/router_solicitations", "0")
				sysctl(t, "net/ipv4/conf/"+link+"/rp_filter", "0")
			}
			sysctl(t, "net/ipv4/ip_forward", "1")
		})
	}
	batch(t,
		"link add wan0 type veth peer name peer0 netns peer",
		"link add wan1 type veth peer name peer1 netns peer",
		"address add 192.0.2.2/25 dev wan0",
		"address add 192.0.2.130/25 dev wan1",
		"address add 2001:db8::2/64 dev wan0 nodad",
		"address add 2001:db8:1::2/64 dev wan1 nodad",
	)
	in(t, "peer", func() {
		batch(t,
			"link set lo up",
			"link set peer0 up",
			"link set peer1 up",
			"address add 192.0.2.1/25 dev peer0",
			"address add 192.0.2.129/25 dev peer1",
			"address add 2001:db8::1/64 dev peer0 nodad",
			"address add 2001:db8:1::1/64 dev peer1 nodad",
			"route add local 198.51.100.0/24 dev lo",
			"route add local 203.0.113.0/24 dev lo",
			"route add local 2001:db8:ff::/48 dev lo",
		)
	})
	batch(t, "link set wan0 up", "link set wan1 up")
	eventually(t, "both uplinks have carrier and link-local addresses", func() bool {
		return operational(t, wan0, wan1)
	})
}

// operational says whether links of this namespace are up with carrier, and their
// IPv6 side configured.
func operational(t testing.TB, links ...string) bool {
	t.Helper()
	const operUp = 6 // IF_OPER_UP
	table := fresh(t)
	ready := make(map[uint32]bool) // by index, those with a link-local address
	for a := range table.Addrs() {
		if a.Usable() && a.Local.Is6() && a.Local.IsLinkLocalUnicast() {
			ready[a.Link] = true
		}
	}
	return !slices.ContainsFunc(links, func(name string) bool {
		l := table.LinkByName(name)
		return l == nil || !l.Up() || l.Flags&rtnl.FlagLowerUp == 0 || l.OperState != operUp || !ready[l.Index]
	})
}
