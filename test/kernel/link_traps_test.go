//go:build linux

package kernel

import (
	"testing"

	"github.com/netmond/netmond/rtable"
)

// T1: a link that goes down takes its IPv4 routes along, in every table, and
// says nothing but that it is down. Up again, only the connected route is back.
func TestTrap1AdminDownIPv4(t *testing.T) {
	kernel(t, func(t *testing.T) {
		s := newScene(t,
			"route add default via 192.0.2.1",
			"route add 203.0.113.0/24 via 192.0.2.1 table 100",
			"route add blackhole 198.51.100.128/25")
		s.sysctl("net/ipv6/conf/wan0/disable_ipv6", "1") // its side of it is T2
		s.see("disable_ipv6=1")
		s.act("link set wan0 down")
		s.kernelSaid("link", "new link wan0 down")
		s.kernelSaid("address")
		s.kernelSaid("route")
		s.changesSaid("route",
			"del implied route default via 192.0.2.1 dev wan0",
			"del implied route 192.0.2.0/25 dev wan0",
			"del implied route broadcast 192.0.2.127 dev wan0",
			"del implied route 203.0.113.0/24 via 192.0.2.1 dev wan0 table 100")
		s.goes(host, "network is unreachable")
		s.goes(wan0Addr, "lo")
		s.act("link set wan0 up")
		s.changesSaid("route",
			"new route 192.0.2.0/25 dev wan0",
			"new route broadcast 192.0.2.127 dev wan0")
		s.goes(host, "network is unreachable")
	})
}

// T2: IPv6 routes are announced one by one, unless a sysctl forbids it, and the
// addresses go, unless another one keeps them.
func TestTrap2AdminDownIPv6(t *testing.T) {
	for _, c := range []struct{ name, sysctl, what string }{
		{"default", "", ""},
		{"skip-notify", "", ""},
		{"keep-addr", "net/ipv6/conf/all/keep_addr_on_down", "1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			kernel(t, func(t *testing.T) {
				s := newScene(t,
					"-6 route add default via 2001:db8::1",
					"-6 route add 2001:db8:ff::/48 via 2001:db8::1 table 100")
				if c.sysctl != "" {
					s.sysctl(c.sysctl, c.what)
				}
				if c.name == "skip-notify" {
					// net.ipv6.route.skip_notify_on_dev_down is hidden from user
					// namespaces; what it does is to leave these messages out.
					s.withhold = deletedRoutes(6)
				}
				s.act("link set wan0 down")
				s.withhold = nil
				if c.name != "skip-notify" && len(of("route", s.heard)) == 0 {
					t.Error("the kernel announced no IPv6 route as deleted")
				}
				if c.name == "keep-addr" && !s.table.HasAddr(addr(wan0Addr6)) {
					t.Errorf("%s is gone, want kept", wan0Addr6)
				}
				s.goes(host6, "network is unreachable")
				s.act("link set wan0 up")
				s.goes(wan0Gateway6, map[bool]string{true: "wan0", false: "network is unreachable"}[c.name == "keep-addr"])
			})
		})
	}
}

// T3: carrier loss is told as a link message alone; routes stay, and whether they
// are used is a sysctl's choice.
func TestTrap3CarrierLoss(t *testing.T) {
	kernel(t, func(t *testing.T) {
		s := newScene(t,
			"route add default via 192.0.2.1",
			"-6 route add default via 2001:db8::1",
			"route add default via 192.0.2.129 metric 100",
			"-6 route add default via 2001:db8:1::1 metric 4096")
		s.carrier(wan0, false, "-n peer link set peer0 down")
		s.kernelSaid("route")
		s.kernelSaid("address")
		s.goes(host, wan0)
		s.goes(host6, wan0)
		s.sysctl("net/ipv4/conf/wan0/ignore_routes_with_linkdown", "1")
		s.see("sysctl")
		s.kernelSaid("netconf", "new netconf family 2")
		s.goes(host, wan1)
		s.goes(host6, wan0)
		s.sysctl("net/ipv6/conf/wan0/ignore_routes_with_linkdown", "1")
		s.see("sysctl")
		s.kernelSaid("netconf", "new netconf family 10")
		s.goes(host6, wan1)
		s.sysctl("net/ipv4/conf/wan0/ignore_routes_with_linkdown", "0")
		s.sysctl("net/ipv6/conf/all/ignore_routes_with_linkdown", "0")
		s.sysctl("net/ipv4/conf/all/ignore_routes_with_linkdown", "1")
		s.see("sysctl")
		s.goes(host, wan1)
		s.goes(host6, wan0)
		s.carrier(wan0, true, "-n peer link set peer0 up")
		s.goes(host, wan0)
		s.goes(host6, wan0)
	})
}

// T11: a link that is deleted, or moves to another namespace, takes everything
// along with hardly a word; coming back it is bare.
func TestTrap11LinkGone(t *testing.T) {
	prepare := []string{"route add default via 192.0.2.1", "-6 route add default via 2001:db8::1",
		"nexthop add id 7 via 192.0.2.1 dev wan0", "route add 203.0.113.0/24 nhid 7"}
	t.Run("deleted", func(t *testing.T) {
		kernel(t, func(t *testing.T) {
			s := newScene(t, prepare...)
			s.act("link del wan0")
			s.goes(host, "network is unreachable")
			s.changesSaid("link", "new link wan0 down", "del link wan0")
		})
	})
	t.Run("moved", func(t *testing.T) {
		kernel(t, func(t *testing.T) {
			s := newScene(t, prepare...)
			s.act("link set wan0 netns peer")
			s.goes(host, "network is unreachable")
			s.act("-n peer link set wan0 netns " + pid())
			if l := s.table.LinkByName(wan0); l == nil || l.Up() {
				t.Errorf("the link came back as %+v, want down", l)
			}
		})
	})
}

// T12: a bridge says RTM_DELLINK, in its own family, of a port that leaves.
func TestTrap12BridgePortLeaves(t *testing.T) {
	kernel(t, func(t *testing.T) {
		s := newScene(t, "link add br0 type bridge", "link set br0 up", "link set wan1 master br0")
		s.act("link set wan1 nomaster")
		if s.table.LinkByName(wan1) == nil {
			t.Error("the port is gone from the table")
		}
	})
}

// T13: an enslaved port keeps addresses and routes; a rename keeps the index;
// the links above a link follow its state.
func TestTrap13StackedLinks(t *testing.T) {
	kernel(t, func(t *testing.T) {
		s := newScene(t, "route add default via 192.0.2.1",
			"link add br0 type bridge", "link set br0 up",
			"link add mac0 link wan1 type macvlan mode bridge", "link set mac0 up", "address add 203.0.113.1/24 dev mac0",
			"tuntap add mode tun dev tun0", "link set tun0 up", "address add 10.0.0.1/24 dev tun0")
		s.act("link set wan0 master br0")
		s.goes(host, wan0)
		if l := s.table.LinkByName(wan0); l.Master != s.table.LinkByName("br0").Index {
			t.Errorf("wan0 has master %d", l.Master)
		}
		if !s.table.Owns(s.table.LinkByName("br0").Index, addr(wan0Addr)) {
			t.Errorf("the bridge does not own the address of its port")
		}
		s.act("link set wan0 nomaster")
		if try("link set wan1 name uplink1") == nil {
			s.see("link set wan1 name uplink1")
		} else { // a kernel that renames no link that is up
			s.act("link set wan1 down", "link set wan1 name uplink1", "link set uplink1 up")
		}
		s.goes(wan1Gateway, "uplink1")
		s.carrier("mac0", false, "link set uplink1 down")
		s.see("macvlan")
		if l := s.table.LinkByName("mac0"); !l.Up() || l.Running() {
			t.Errorf("the macvlan above a link that is down is %+v", l)
		}
		s.goes("203.0.113.9", "mac0")
		s.goes("10.0.0.9", "tun0")
		s.sysctl("net/ipv4/conf/all/ignore_routes_with_linkdown", "1")
		s.see("sysctl")
		s.goes("10.0.0.9", wan0) // by the default route
	})
}

func oif(index uint32) func(*rtable.Query) { return func(q *rtable.Query) { q.Oif = index } }
func from(a string) func(*rtable.Query)    { return func(q *rtable.Query) { q.Src = addr(a) } }
func mark(m uint32) func(*rtable.Query)    { return func(q *rtable.Query) { q.Mark = m } }
func tos(v uint8) func(*rtable.Query)      { return func(q *rtable.Query) { q.TOS = v } }
func https(q *rtable.Query)                { q.Proto, q.Dport = 6, 443 }
