//go:build linux

package kernel

import (
	"cmp"
	"net/netip"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/netmond/netmond/rtable"
	"github.com/netmond/netmond/rtnl"
)

// T16: the lifetimes of routes from router advertisements. A refresh is silent,
// also one that shortens the lifetime; an expired route is of no use long before
// it is deleted; and nothing in a message can be counted down.
func TestTrap16RouterAdvertisements(t *testing.T) {
	kernel(t, func(t *testing.T) {
		s := newScene(t)
		s.sysctl("net/ipv6/conf/wan0/accept_ra", "2")
		s.sysctl("net/ipv6/conf/wan0/accept_ra_rt_info_max_plen", "64")
		s.see("sysctl")
		advertise := func(a advert) {
			t.Helper()
			in(t, "peer", func() { a.send(t, "peer0") })
		}

		advertise(advert{lifetime: 1800})
		s.until("the advertised default route", func() bool { return ra(fresh(t)) != nil })
		s.goes(host6, wan0)
		if r := ra(s.table); r.Expires <= 0 || r.Expires > 1800 {
			t.Errorf("the route expires in %d s, want 1800", r.Expires)
		}

		advertise(advert{lifetime: 1800})
		advertise(advert{lifetime: 1800, preference: 1}) // the one before must be through when this shows
		s.until("the new preference", func() bool { r := ra(fresh(t)); return r != nil && r.Pref == 1 })
		s.kernelSaid("route", "new REPLACE route default via fe80::")

		advertise(advert{lifetime: 1800, preference: 1, route: netip.MustParsePrefix("2001:db8:fe::/48")})
		s.until("the more specific route", func() bool { return s.asks("2001:db8:fe::1") == 0 })
		s.goes("2001:db8:fe::1", wan0)

		advertise(advert{lifetime: 0})
		s.until("the withdrawn route is gone", func() bool { return s.asks(host6) == unix.ENETUNREACH })
		s.kernelSaid("route", "del route default via fe80::")
		s.goes(host6, "network is unreachable")

		advertise(advert{lifetime: 1})
		s.until("the route is back", func() bool { return s.asks(host6) == 0 })
		s.goes(host6, wan0)
		s.deferred = true                                 // no message will come for half a minute
		s.until("the lifetime has run out", func() bool { // 0 ticks left look like no lifetime at all
			return s.asks(host6) == unix.ENETUNREACH && ra(fresh(t)) == nil
		})
		s.kernelSaid("route")
		s.goes(host6, "network is unreachable")

		const specific = "2001:db8:fd::1" // what is told of its route has no lifetime
		advertise(advert{route: netip.MustParsePrefix("2001:db8:fd::/48"), specific: 1})
		s.until("the second more specific route", func() bool { return s.asks(specific) == 0 })
		s.goes(specific, wan0)
		s.deferred = true
		s.until("its lifetime has run out", func() bool {
			_, ok := fresh(t).Lookup(rtable.Query{Dst: addr(specific)})
			return !ok && s.asks(specific) == unix.ENETUNREACH
		})
		s.goes(specific, "network is unreachable")
	})
}

// asks is the errno of the kernel's answer for dst.
func (s *scene) asks(dst string) syscall.Errno {
	s.Helper()
	return s.asker.ask(s.T, rtable.Query{Dst: addr(dst)}, false).Errno
}

// ra is the default route that a router has advertised, or nil.
func ra(table *rtable.Table) *rtnl.Route {
	for r := range table.DefaultRoutes() {
		if rtnl.ProtocolName(r.Protocol) == "ra" {
			return r
		}
	}
	return nil
}

// advert is a router advertisement (RFC 4861 section 4.2, RFC 4191).
type advert struct {
	lifetime   uint16       // of the default route, in seconds
	preference byte         // 0 medium, 1 high, 3 low
	route      netip.Prefix // a more specific route, likewise; the zero Prefix for none
	specific   uint16       // its lifetime; 0 for the default route's
	options    []byte       // more of them
}

// send sends it to all nodes of a link of the calling thread's namespace.
func (a advert) send(t testing.TB, link string) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMPV6)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	const hops = 255 // nobody believes another (RFC 4861 section 6.1.2)
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS, hops); err != nil {
		t.Fatal(err)
	}
	if err := unix.SetsockoptString(fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE, link); err != nil {
		t.Fatal(err)
	}
	b := []byte{134, 0, 0, 0, 64, a.preference << 3} // the kernel fills the checksum in
	b = append(b, byte(a.lifetime>>8), byte(a.lifetime))
	b = append(b, make([]byte, 8)...)
	if a.route.IsValid() {
		b = append(b, 24, 3, byte(a.route.Bits()), a.preference<<3)
		lifetime := cmp.Or(a.specific, a.lifetime)
		b = append(b, 0, 0, byte(lifetime>>8), byte(lifetime))
		b = append(b, a.route.Addr().AsSlice()...)
	}
	b = append(b, a.options...)
	all := &unix.SockaddrInet6{Addr: netip.MustParseAddr("ff02::1").As16()}
	if err := unix.Sendto(fd, b, 0, all); err != nil {
		t.Fatal(err)
	}
}
