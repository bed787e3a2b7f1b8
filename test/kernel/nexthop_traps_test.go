//go:build linux

package kernel

import "testing"

// nexthopScene has one route by nexthop object and one by a group, each family.
func nexthopScene(t *testing.T, compat string) *scene {
	t.Helper()
	s := newScene(t,
		"link set wan0 arp off", "link set wan1 arp off",
		"nexthop add id 1 via 192.0.2.1 dev wan0", "nexthop add id 2 via 192.0.2.129 dev wan1", "nexthop add id 3 group 1/2",
		"nexthop add id 11 via 2001:db8::1 dev wan0", "nexthop add id 12 via 2001:db8:1::1 dev wan1", "nexthop add id 13 group 11/12")
	s.sysctl("net/ipv4/nexthop_compat_mode", compat)
	s.act("route add 198.51.100.0/24 nhid 1", "route add 203.0.113.0/24 nhid 3",
		"-6 route add 2001:db8:fe::/48 nhid 11", "-6 route add 2001:db8:ff::/48 nhid 13")
	return s
}

// T10: routes by nexthop object change with the object. In compatibility mode
// the kernel tells half of it, otherwise less, and of objects that die with their
// link nothing at all.
func TestTrap10NextHopObjects(t *testing.T) {
	const single6 = "2001:db8:fe::7"
	for _, compat := range []string{"1", "0"} {
		each := func(name string, f func(s *scene)) {
			t.Run("compat-"+compat+"/"+name, func(t *testing.T) {
				kernel(t, func(t *testing.T) { f(nexthopScene(t, compat)) })
			})
		}
		each("replaced", func(s *scene) {
			s.goes(host, "wan0")
			s.goes(single6, "wan0")
			s.act("nexthop replace id 1 via 192.0.2.131 dev wan1", "nexthop replace id 11 via 2001:db8:1::9 dev wan1")
			s.goes(host, "wan1")
			s.goes(single6, "wan1")
			s.goes(otherHost, "wan1")
			s.goes(host6, "wan1")
			s.act("nexthop replace id 3 group 2")
			s.routes(otherHost)
			s.act("nexthop replace id 1 blackhole", "nexthop replace id 2 blackhole")
			s.goes(host, "invalid argument")
			s.goes(otherHost, "invalid argument")
			s.act("nexthop replace id 13 group 12", "nexthop replace id 12 via 2001:db8:1::9 dev wan1")
			s.goes(host6, "wan1")
		})
		each("deleted", func(s *scene) {
			s.act("nexthop del id 1", "nexthop del id 11")
			s.goes(host, "network is unreachable")
			s.goes(single6, "network is unreachable")
			s.goes(otherHost, "wan1")
			s.goes(host6, "wan1")
			s.act("nexthop del id 3")
			s.goes(otherHost, "network is unreachable")
		})
		each("admin-down", func(s *scene) {
			s.act("link set wan0 down")
			s.kernelSaid("nexthop")
			s.goes(host, "network is unreachable")
			s.goes(otherHost, "wan1")
			s.goes(host6, "wan1")
		})
		each("carrier-lost", func(s *scene) {
			s.carrier(wan0, false, "-n peer link set peer0 down")
			s.kernelSaid("nexthop")
			s.goes(host, "network is unreachable")
			s.goes(single6, "network is unreachable")
			s.goes(otherHost, "wan1")
			s.goes(host6, "wan1")
			s.carrier(wan0, true, "-n peer link set peer0 up")
			s.goes(host, "network is unreachable")
		})
	}
}
