//go:build linux

package kernel

import (
	"strings"
	"testing"

	"github.com/netmond/netmond/rtnl"
)

// T4: with its last IPv4 address a link loses its static routes in silence; with
// one of several it keeps them; and a link that never had one is left alone.
func TestTrap4LastAddressDeleted(t *testing.T) {
	t.Run("only-address", func(t *testing.T) {
		kernel(t, func(t *testing.T) {
			s := newScene(t, "route add default via 192.0.2.1", "route add 203.0.113.0/24 dev wan0 table 100")
			s.act("address del 192.0.2.2/25 dev wan0")
			s.kernelSaid("address", "del address 192.0.2.2")
			s.kernelSaid("route",
				"del route 192.0.2.0/25 dev wan0", "del route broadcast 192.0.2.127", "del route local 192.0.2.2")
			s.changesSaid("route",
				"del implied route default via 192.0.2.1", "del implied route 203.0.113.0/24 dev wan0 table 100",
				"del implied route 192.0.2.0/25 dev wan0", "del implied route broadcast 192.0.2.127", "del implied route local 192.0.2.2")
			s.goes(host, "network is unreachable")
		})
	})
	t.Run("one-of-two", func(t *testing.T) {
		kernel(t, func(t *testing.T) {
			s := newScene(t, "address add 203.0.113.2/24 dev wan0", "route add default via 203.0.113.1")
			s.act("address del 203.0.113.2/24 dev wan0")
			s.goes(host, "wan0") // through a gateway that is on no link any more
		})
	})
	t.Run("never-had-one", func(t *testing.T) {
		kernel(t, func(t *testing.T) {
			s := newScene(t, "address del 192.0.2.130/25 dev wan1", "route add 203.0.113.0/24 dev wan1")
			s.act("address add 10.0.0.1/8 dev wan0", "address del 10.0.0.1/8 dev wan0")
			s.goes(otherHost, "wan1")
			s.act("address del 192.0.2.2/25 dev wan0")
			s.goes(otherHost, "wan1")
		})
	})
}

// T5: the primary address takes its secondaries along, unless they are promoted.
func TestTrap5PrimaryDeleted(t *testing.T) {
	prepare := []string{"address add 192.0.2.3/25 dev wan0", "route add default via 192.0.2.1"}
	t.Run("dropped", func(t *testing.T) {
		kernel(t, func(t *testing.T) {
			s := newScene(t, prepare...)
			s.act("address del 192.0.2.2/25 dev wan0")
			s.kernelSaid("address", "del address 192.0.2.3", "del address 192.0.2.2")
			s.goes(host, "network is unreachable")
		})
	})
	t.Run("promoted", func(t *testing.T) {
		kernel(t, func(t *testing.T) {
			s := newScene(t, prepare...)
			s.sysctl("net/ipv4/conf/wan0/promote_secondaries", "1")
			s.act("address del 192.0.2.2/25 dev wan0")
			s.kernelSaid("address", "del address 192.0.2.2", "new address 192.0.2.3")
			s.goes(host, "wan0")
		})
	})
}

// T6: a route that prefers a deleted source goes with it (IPv4), with a message
// since 6.6; or loses the preference, without one (IPv6), where it leaves by the
// link that had the address, and on some kernels wherever it leaves.
func TestTrap6PreferredSourceDeleted(t *testing.T) {
	t.Run("ipv4", func(t *testing.T) {
		kernel(t, func(t *testing.T) {
			s := newScene(t, "address add 203.0.113.2/32 dev wan0",
				"route add default via 192.0.2.129 src 203.0.113.2", "route add 198.51.100.0/24 via 192.0.2.129 src 203.0.113.2 table 100")
			s.act("address del 203.0.113.2/32 dev wan0")
			s.kernelSaid("route", "del route local 203.0.113.2",
				"del route default via 192.0.2.129 dev wan1") // and not the one in table 100
			s.goes(otherHost, "network is unreachable")
		})
	})
	t.Run("ipv4-said-nothing", func(t *testing.T) { // as kernels before 6.6
		kernel(t, func(t *testing.T) {
			s := newScene(t, "address add 203.0.113.2/32 dev wan0", "route add default via 192.0.2.129 src 203.0.113.2")
			s.withhold = func(e rtnl.Event) bool {
				r, ok := e.Message.(*rtnl.Route)
				return ok && e.Op == rtnl.Del && r.Table == rtnl.TableMain
			}
			s.act("address del 203.0.113.2/32 dev wan0")
			s.changesSaid("route", "del implied route default via 192.0.2.129", "del route local 203.0.113.2")
		})
	})
	t.Run("ipv6", func(t *testing.T) {
		kernel(t, func(t *testing.T) {
			s := newScene(t, "-6 address add 2001:db8:1::9/128 dev wan1 nodad",
				"-6 route add default via 2001:db8::1 src 2001:db8:1::9")
			keeps := keepsPrefSrc(t)
			s.deferred = keeps // what is assumed at once is put right when the table is read again
			s.act("-6 address del 2001:db8:1::9/128 dev wan1")
			s.goes(host6, "wan0")
			for r := range s.table.DefaultRoutes() {
				if r.PrefSrc.IsValid() != keeps {
					t.Errorf("the route has become %v, want it to prefer a source that is gone: %v", r, keeps)
				}
			}
		})
	})
	t.Run("ipv6-same-link", func(t *testing.T) {
		kernel(t, func(t *testing.T) {
			s := newScene(t, "-6 address add 2001:db8::9/128 dev wan0 nodad",
				"-6 route add default via 2001:db8::1 src 2001:db8::9")
			s.act("-6 address del 2001:db8::9/128 dev wan0")
			s.goes(host6, "wan0")
			for r := range s.table.DefaultRoutes() {
				if r.PrefSrc.IsValid() {
					t.Errorf("the route still prefers a source that is gone: %v", r)
				}
			}
		})
	})
}

// keepsPrefSrc says whether an IPv6 route goes on to prefer a source that is gone
// where that was on another link (fib6_remove_prefsrc).
func keepsPrefSrc(t *testing.T) bool {
	t.Helper()
	in(t, "peer", func() {
		ip(t, "-6 address add 2001:db8:1::9/128 dev peer1 nodad")
		ip(t, "-6 route add 2001:db8:77::/48 via 2001:db8::2 src 2001:db8:1::9")
		ip(t, "-6 address del 2001:db8:1::9/128 dev peer1")
	})
	return strings.Contains(ip(t, "-n peer -6 route show 2001:db8:77::/48"), "src")
}

// T17: what becomes of an address is told by its flags; disable_ipv6 takes all.
func TestTrap17AddressLife(t *testing.T) {
	t.Run("duplicate-detection", func(t *testing.T) {
		kernel(t, func(t *testing.T) {
			s := newScene(t)
			s.sysctl("net/ipv6/conf/all/accept_dad", "1")
			s.sysctl("net/ipv6/conf/wan0/accept_dad", "1")
			s.act("-6 address add 2001:db8::9/64 dev wan0")
			if usable(s.table, "2001:db8::9") {
				t.Error("the address is usable while it is tentative")
			}
			s.until("DAD ends", func() bool { return usable(fresh(t), "2001:db8::9") })
			if !usable(s.table, "2001:db8::9") {
				t.Error("the address is not usable after DAD")
			}
		})
	})
	t.Run("duplicate", func(t *testing.T) {
		kernel(t, func(t *testing.T) {
			s := newScene(t)
			s.sysctl("net/ipv6/conf/wan0/accept_dad", "1")
			s.act("-6 address add 2001:db8::1/64 dev wan0") // the peer's
			s.until("DAD fails", func() bool {
				return strings.Contains(ip(t, "-6 address show dev wan0"), "dadfailed")
			})
			if usable(s.table, "2001:db8::1") {
				t.Error("a duplicate address is usable")
			}
		})
	})
	t.Run("deprecated", func(t *testing.T) {
		kernel(t, func(t *testing.T) {
			s := newScene(t, "-6 route add default via 2001:db8::1")
			s.act("-6 address change 2001:db8::2/64 dev wan0 preferred_lft 0")
			s.kernelSaid("address", "new address 2001:db8::2")
			if !usable(s.table, wan0Addr6) {
				t.Error("a deprecated address is not usable")
			}
			s.goes(host6, "wan0", from(wan0Addr6))
		})
	})
	t.Run("ipv4-lifetime", func(t *testing.T) {
		kernel(t, func(t *testing.T) {
			s := newScene(t, "route add default via 192.0.2.1")
			s.act("address change 192.0.2.2/25 dev wan0 valid_lft 1 preferred_lft 1")
			s.until("the address expires", func() bool { return !fresh(t).HasAddr(addr(wan0Addr)) })
			s.goes(host, "network is unreachable")
		})
	})
	t.Run("disable-ipv6", func(t *testing.T) {
		kernel(t, func(t *testing.T) {
			s := newScene(t, "-6 route add default via 2001:db8::1")
			s.sysctl("net/ipv6/conf/wan0/disable_ipv6", "1")
			s.see("disable_ipv6=1")
			if s.table.HasAddr(addr(wan0Addr6)) {
				t.Errorf("%s is still there", wan0Addr6)
			}
			s.goes(host6, "network is unreachable")
		})
	})
}
