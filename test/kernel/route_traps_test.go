//go:build linux

package kernel

import (
	"strings"
	"testing"
)

// T7: replace, append, prepend and add place an IPv4 route among its equals by
// the flags of the message; an identical replace says nothing.
func TestTrap7OrderOfEquals(t *testing.T) {
	kernel(t, func(t *testing.T) {
		s := newScene(t, "link set wan0 arp off", "link set wan1 arp off")
		s.act("route add 203.0.113.0/24 via 192.0.2.1")
		s.kernelSaid("route", "new EXCL CREATE route 203.0.113.0/24 via 192.0.2.1")
		s.act("route append 203.0.113.0/24 via 192.0.2.129")
		s.kernelSaid("route", "new CREATE APPEND route")
		s.goes(otherHost, "wan0")
		s.act("route prepend 203.0.113.0/24 via 192.0.2.131")
		s.kernelSaid("route", "new CREATE route")
		s.goes(otherHost, "wan1")
		s.act("route replace 203.0.113.0/24 via 192.0.2.9")
		s.kernelSaid("route", "new REPLACE route 203.0.113.0/24 via 192.0.2.9")
		s.goes(otherHost, "wan0")
		s.act("route replace 203.0.113.0/24 via 192.0.2.9")
		s.kernelSaid("route")
		s.act("route change 203.0.113.0/24 via 192.0.2.132")
		s.kernelSaid("route", "new REPLACE route 203.0.113.0/24 via 192.0.2.132")
		s.goes(otherHost, "wan1")
		s.act("route del 203.0.113.0/24")
		s.kernelSaid("route", "del route 203.0.113.0/24 via 192.0.2.132")
		s.goes(otherHost, "wan0")
		s.act("route add 203.0.113.0/24 via 192.0.2.133 metric 5", "route add 203.0.113.0/24 via 192.0.2.133 tos 0x10")
		s.goes(otherHost, "wan0")
		s.goes(otherHost, "wan1", tos(0x10))
	})
}

// T8: IPv6 legs merge into one route and are deleted one by one.
func TestTrap8MultipathIPv6(t *testing.T) {
	kernel(t, func(t *testing.T) {
		s := newScene(t)
		s.act("-6 route add 2001:db8:ff::/48 via 2001:db8::1")
		s.act("-6 route append 2001:db8:ff::/48 via 2001:db8:1::1")
		s.kernelSaid("route", "new CREATE APPEND route 2001:db8:ff::/48")
		s.routes(host6)
		s.act("-6 route append 2001:db8:ff::/48 via 2001:db8::9")
		s.act("-6 route del 2001:db8:ff::/48 via 2001:db8::1")
		s.kernelSaid("route", "del route 2001:db8:ff::/48 via 2001:db8::1 dev wan0")
		s.routes(host6)
		s.act("-6 route replace 2001:db8:ff::/48 via 2001:db8:1::9")
		s.kernelSaid("route", "new REPLACE route 2001:db8:ff::/48 via 2001:db8:1::9")
		s.goes(host6, "wan1")
		s.act("-6 route replace 2001:db8:ff::/48 nexthop via 2001:db8::1 nexthop via 2001:db8:1::1")
		s.act("-6 route del 2001:db8:ff::/48 metric 1024")
		s.kernelSaid("route", "del route 2001:db8:ff::/48")
		s.goes(host6, "network is unreachable")
		s.act("-6 route add 2001:db8:ff::/48 nexthop via 2001:db8::1 nexthop via 2001:db8:1::1")
		s.act("-6 route del 2001:db8:ff::/48 nexthop via 2001:db8::1 nexthop via 2001:db8:1::1")
		if n := len(of("route", s.heard)); n != 2 {
			t.Errorf("the kernel sent %d messages, want one for each leg", n)
		}
		s.goes(host6, "network is unreachable")
	})
}

// T9: a leg dies and comes back with its link, without a message; the route goes
// with the last leg.
func TestTrap9DeadLegs(t *testing.T) {
	kernel(t, func(t *testing.T) {
		s := newScene(t,
			"route add default nexthop via 192.0.2.1 nexthop via 192.0.2.129",
			"-6 route add default nexthop via 2001:db8::1 nexthop via 2001:db8:1::1",
			"link set wan0 arp off", "link set wan1 arp off")
		s.sysctl("net/ipv6/conf/all/keep_addr_on_down", "1")
		s.act("link set wan0 down")
		s.goes(host, "wan1")
		s.goes(host6, "wan1")
		if strings.Contains(strings.Join(s.heard, "\n"), "route default") {
			t.Errorf("the kernel announced the dead leg: %q", s.heard)
		}
		s.carrier(wan0, true, "link set wan0 up")
		s.until("IPv6 is ready on the link again", func() bool { return operational(t, wan0) }) // only then do its legs live
		s.act("link set wan1 down")
		s.goes(host, "wan0")
		s.goes(host6, "wan0")
		s.act("link set wan0 down")
		s.goes(host, "network is unreachable")
		s.goes(host6, "network is unreachable")
	})
}

// T14: the types that refuse outlive links, and each has an errno of its own.
func TestTrap14RoutesThatRefuse(t *testing.T) {
	kernel(t, func(t *testing.T) {
		var prepare []string
		for i, typ := range []string{"unreachable", "prohibit", "blackhole", "throw"} {
			n := string(rune('0' + i))
			prepare = append(prepare, "route add "+typ+" 203.0.113."+n+" metric 5", "-6 route add "+typ+" 2001:db8:ff::"+n)
		}
		s := newScene(t, append(prepare, "route add default via 192.0.2.129", "-6 route add default via 2001:db8:1::1")...)
		s.act("link set wan0 down")
		for i, want := range []string{"no route to host", "permission denied", "invalid argument", "network is unreachable"} {
			n := string(rune('0' + i))
			s.goes("203.0.113."+n, want)
			s.goes("2001:db8:ff::"+n, want)
		}
		s.goes(otherHost, "wan1")
		s.goes(host6, "wan1")
	})
}

// T15: a route for some sources is none for the others.
func TestTrap15SourceSpecific(t *testing.T) {
	kernel(t, func(t *testing.T) {
		s := newScene(t)
		s.act("-6 route add default from 2001:db8::/64 via 2001:db8::1", "-6 route add default from 2001:db8:1::/64 via 2001:db8:1::1")
		s.goes(host6, "network is unreachable")
		s.goes(host6, "wan0", from(wan0Addr6))
		s.goes(host6, "wan1", from(wan1Addr6))
		s.act("-6 route add default via 2001:db8:1::1 metric 9999")
		s.goes(host6, "wan1")
		s.goes(host6, "wan0", from(wan0Addr6))
		s.act("-6 route add 2001:db8:ff::/48 via 2001:db8:1::1")
		s.goes(host6, "wan1", from(wan0Addr6))
		s.act("-6 route del default from 2001:db8::/64")
		s.goes("2001:db8:ee::1", "wan1", from(wan0Addr6))
	})
}

// T18: a rule reroutes without a route message.
func TestTrap18Rules(t *testing.T) {
	kernel(t, func(t *testing.T) {
		s := newScene(t,
			"route add default via 192.0.2.1", "route add default via 192.0.2.129 table 100",
			"-6 route add default via 2001:db8::1", "-6 route add default via 2001:db8:1::1 table 100")
		for _, fam := range []string{"-4 ", "-6 "} {
			dst, src := host, wan1Addr
			if fam == "-6 " {
				dst, src = host6, wan1Addr6
			}
			s.act(fam + "rule add from " + src + " lookup 100")
			s.kernelSaid("rule", "new ")
			s.kernelSaid("route")
			s.goes(dst, "wan0")
			s.goes(dst, "wan1", from(src))
			s.act(fam + "rule add fwmark 0x10/0xf0 lookup 100")
			s.goes(dst, "wan1", mark(0x1f))
			s.goes(dst, "wan0", mark(0x20))
			s.act(fam+"rule add ipproto tcp dport 443 lookup 100", fam+"rule add priority 5 not uidrange 0-0 lookup 100")
			s.goes(dst, "wan1", https)
			s.act(fam + "rule add priority 1 unreachable")
			s.goes(dst, "network is unreachable")
			s.act(fam + "rule del priority 1")
			s.kernelSaid("rule", "del ")
			s.goes(dst, "wan0")
		}
	})
}
