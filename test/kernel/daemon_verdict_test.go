//go:build linux

package kernel

import (
	"strings"
	"testing"
)

// TestVerdicts puts connections of every kind into situations that only their
// whole path explains: rules, marks, users, bound links, sources. Some are
// stranded and must be closed, with the reason; the others must live.
func TestVerdicts(t *testing.T) {
	t.Parallel()
	kernel(t, func(t *testing.T) {
		s := newStage(t)
		users := mapped(user)
		tunnel(t)
		do(t, "-n peer route add 192.0.2.70 via "+wan0Addr, "-n peer route add 192.168.0.2 via "+wan0Addr)
		via0, via1 := "via "+wan0Gateway+" dev wan0", "via "+wan1Gateway+" dev wan1"
		six0, six1 := "via "+wan0Gateway6+" dev wan0", "via "+wan1Gateway6+" dev wan1"
		marked := []string{"rule add fwmark 7 table 100 pref 100", "route add default " + via0, "route add default " + via1 + " table 100"}
		byUser := []string{"rule add uidrange 1000-1000 table 100 pref 100", "route add default " + via0, "route add default " + via1 + " table 100"}
		noRule := []string{"rule del pref 100"}
		both := []string{"route add default " + via0 + " metric 10", "route add default " + via1 + " metric 20"}
		both6 := []string{"-6 route add default " + six0 + " metric 10", "-6 route add default " + six1 + " metric 20"}
		bySource := []string{"-6 route add default from 2001:db8::/64 " + six0, "-6 route add default from 2001:db8:1::/64 " + six1}
		anyIP := []string{"route add local 192.0.2.64/30 dev lo", "route add default " + via0 + " metric 10", "route add default " + via1 + " metric 20"}
		proxy := []string{"rule add to 192.0.2.70 lookup 200 pref 100", "route add local 192.0.2.70 dev lo table 200", "route add default " + via0}
		bridge := []string{"link add br0 type bridge", "link set br0 up", "link set wan0 master br0",
			"address del 192.0.2.2/25 dev wan0", "address add 192.0.2.2/25 dev br0", "route add default via " + wan0Gateway + " dev br0"}
		noBridge := []string{"link set wan0 nomaster", "link del br0"}
		vpn := []string{"route add 0.0.0.0/1 dev tun0", "route add 128.0.0.0/1 dev tun0"}
		noVPN := []string{"route del 0.0.0.0/1 dev tun0", "route del 128.0.0.0/1 dev tun0"}
		wireguard := []string{"rule add pref 32764 lookup main suppress_prefixlength 0", "rule add pref 32765 not fwmark 0xca6c lookup 51820"}
		noWireguard := []string{"rule del pref 32764", "rule del pref 32765", "route flush table 51820"}
		vrrp := []string{"address add 192.0.2.10/32 dev wan0", "route add default " + via0}
		at := to(host).To

		for _, test := range []struct {
			name    string
			prepare []string
			call    call
			change  []string
			reason  string // "" keeps it
			undo    []string
		}{
			{name: "fwmark, the default it does not use deleted", prepare: marked, call: call{To: at, Mark: 7},
				change: []string{"route del default"}, undo: noRule},
			{name: "fwmark, its default deleted", prepare: marked, call: call{To: at, Mark: 7},
				change: []string{"route del default table 100"}, reason: "gateway-gone", undo: noRule},
			{name: "fwmark, its default made unreachable", prepare: marked, call: call{To: at, Mark: 7},
				change: []string{"route replace unreachable default table 100"}, reason: "no-route", undo: noRule},
			{name: "fwmark, its rule deleted", prepare: marked, call: call{To: at, Mark: 7},
				change: noRule, reason: "rerouted"},
			{name: "fwmark, a rule that refuses it", prepare: marked, call: call{To: at, Mark: 7},
				change: []string{"rule add fwmark 7 unreachable pref 90"}, reason: "no-route", undo: append([]string{"rule del pref 90"}, noRule...)},
			{name: "no fwmark, the table of the fwmark changed", prepare: marked, call: call{To: at},
				change: []string{"route del default table 100", "rule add fwmark 8 unreachable pref 90"}, undo: append([]string{"rule del pref 90"}, noRule...)},
			{name: "uid, its default deleted", prepare: byUser, call: call{To: at, UID: user},
				change: []string{"route del default table 100"}, reason: "gateway-gone", undo: noRule},
			{name: "uid, the default it does not use deleted", prepare: byUser, call: call{To: at, UID: user},
				change: []string{"route del default"}, undo: noRule},
			{name: "another uid", prepare: byUser, call: call{To: at},
				change: []string{"route del default table 100"}, undo: noRule},

			{name: "bound to the worse uplink, the better one's default deleted", prepare: both, call: call{To: at, Dev: wan1},
				change: []string{"route del default metric 10"}},
			{name: "bound to the worse uplink, its default deleted", prepare: both, call: call{To: at, Dev: wan1},
				change: []string{"route del default metric 20"}, reason: "no-route"},
			{name: "bound to the better uplink, its default deleted", prepare: both, call: call{To: at, Dev: wan0},
				change: []string{"route del default metric 10"}, reason: "no-route"},
			{name: "bound to the worse uplink, its default deleted, IPv6", prepare: both6, call: call{To: to(host6).To, Dev: wan1},
				change: []string{"-6 route del default metric 20"}, reason: "no-route"},
			{name: "bound to the worse uplink, unlike those for whom there is a blackhole, its default deleted, IPv6",
				prepare: append([]string{"-6 route add blackhole " + host6}, both6...), call: call{To: to(host6).To, Dev: wan1},
				change: []string{"-6 route del default metric 20"}, reason: "no-route"},
			{name: "bound to the worse uplink, without carrier for good, IPv6", prepare: both6, call: call{To: to(host6).To, Dev: wan1},
				change: []string{"-n peer link set peer1 down"}, reason: "link-down"},
			{name: "bound to the worse uplink, the better one's default deleted, IPv6", prepare: both6, call: call{To: to(host6).To, Dev: wan1},
				change: []string{"-6 route del default metric 10"}},
			{name: "bound to the tunnel, its route deleted", prepare: []string{"route add " + host + " dev tun0"}, call: call{To: at, Dev: "tun0"},
				change: []string{"route del " + host + " dev tun0"}}, // the kernel takes the peer for one on the link
			{name: "bound to the tunnel, its peer made unreachable", prepare: []string{"route add " + host + " dev tun0 metric 10"}, call: call{To: at, Dev: "tun0"},
				change: []string{"route add unreachable " + host}},
			{name: "bound, its net's own route deleted", call: call{To: to(wan0Gateway).To, Dev: wan0},
				change: []string{"route del 192.0.2.0/25 dev wan0"}},
			{name: "WireGuard's rules come", prepare: []string{"route add default " + via0}, call: call{To: at},
				change: append([]string{"route add default dev tun0 table 51820"}, wireguard...), reason: "rerouted", undo: noWireguard},
			{name: "WireGuard's rules come, to a peer with a route of its own", prepare: []string{"route add default " + via0, "route add " + host + " " + via0}, call: call{To: at},
				change: append([]string{"route add default dev tun0 table 51820"}, wireguard...), undo: noWireguard},
			{name: "WireGuard's rules come, with its mark", prepare: []string{"route add default " + via0}, call: call{To: at, Mark: 0xca6c},
				change: append([]string{"route add default dev tun0 table 51820"}, wireguard...), undo: noWireguard},
			{name: "WireGuard's rules go", prepare: append([]string{"route add default " + via0, "route add default dev tun0 table 51820"}, wireguard...), call: call{To: at},
				change: noWireguard[:2], reason: "rerouted", undo: noWireguard[2:]},
			{name: "under WireGuard's rules, the main default deleted", prepare: append([]string{"route add default " + via0, "route add default dev tun0 table 51820"}, wireguard...),
				call: call{To: at}, change: []string{"route del default " + via0}, undo: noWireguard},
			{name: "bound, its link down", prepare: both, call: call{To: at, Dev: wan1},
				change: []string{"link set wan1 down"}, reason: "link-down"},
			{name: "link-local peer", call: call{To: "[" + linkLocal(t) + "%wan0]:" + port},
				change: []string{"link set wan1 down", "-6 route add default " + six0}},
			{name: "link-local peer, its link down", call: call{To: "[" + linkLocal(t) + "%wan0]:" + port},
				change: []string{"link set wan0 down"}, reason: "source-gone"},

			{name: "source-specific route, its own deleted", prepare: bySource, call: call{To: to(host6).To, From: wan0Addr6},
				change: []string{"-6 route del default from 2001:db8::/64"}, reason: "no-route"},
			{name: "source-specific route, the other one deleted", prepare: bySource, call: call{To: to(host6).To, From: wan0Addr6},
				change: []string{"-6 route del default from 2001:db8:1::/64"}},

			{name: "AnyIP source, failover", prepare: anyIP, call: call{To: at, From: "192.0.2.65"},
				change: []string{"route del default metric 10"}},
			{name: "AnyIP source, its range withdrawn", prepare: anyIP, call: call{To: at, From: "192.0.2.65"},
				change: []string{"route del local 192.0.2.64/30 dev lo", "route add local 192.0.2.64/30 dev lo"}},
			{name: "transparent source", prepare: proxy, call: call{To: at, From: "192.0.2.70", Transparent: true},
				change: []string{"route replace default " + via1}, undo: noRule},

			{name: "failover by metric", prepare: both, call: to(host),
				change: []string{"route add default " + via0 + " metric 30", "route del default metric 10"}, reason: "gateway-gone"},
			{name: "failback by metric", prepare: both[1:], call: to(host),
				change: []string{"route add default " + via0 + " metric 10"}, reason: "rerouted"},
			{name: "its own route gets another metric and stays the best", prepare: both, call: to(host),
				change: []string{"route add default " + via0 + " metric 5", "route del default metric 10"}},

			{name: "address handed from the link to a bridge over it", prepare: []string{"route add default " + via0}, call: to(host),
				change: bridge, undo: noBridge},
			{name: "route handed to the bridge, address left on the port", prepare: []string{"route add default " + via0}, call: to(host),
				change: []string{"link add br0 type bridge", "link set br0 up", "link set wan0 master br0",
					"route add 192.0.2.1 dev br0", "route replace default via 192.0.2.1 dev br0"},
				undo: noBridge},
			{name: "over the bridge, the bridge down", prepare: bridge, call: to(host),
				change: []string{"link set br0 down"}, reason: "link-down", undo: noBridge},
			{name: "over the bridge, the bridge deleted", prepare: bridge, call: to(host),
				change: []string{"link del br0"}, reason: "source-gone", undo: noBridge},

			{name: "link down, and a blackhole for the peer", prepare: []string{"route add default " + via0}, call: to(host),
				change: []string{"link set wan0 down", "route add blackhole " + host}, reason: "link-down"},

			{name: "VPN takes the default over", prepare: []string{"route add default " + via0}, call: to(host),
				change: vpn, reason: "rerouted", undo: noVPN},
			{name: "VPN takes the default over, its server's host route stands",
				prepare: []string{"route add default " + via0, "route add " + host + " " + via0}, call: to(host),
				change: vpn, undo: noVPN},
			{name: "VPN gives the default back", prepare: append([]string{"route add default " + via0}, vpn...), call: to(host),
				change: noVPN, reason: "gateway-gone"},
			{name: "VPN gives the default back, to the peer within it", prepare: append([]string{"route add default " + via0}, vpn...), call: to(tunGateway),
				change: noVPN},

			{name: "address moves to another link, its route with it", prepare: vrrp, call: call{To: at, From: "192.0.2.10"},
				change: []string{"address del 192.0.2.10/32 dev wan0", "address add 192.0.2.10/32 dev wan1", "route replace default " + via1},
				undo:   []string{"address del 192.0.2.10/32 dev wan1"}},
			{name: "address moves to another link, its route does not", prepare: vrrp, call: call{To: at, From: "192.0.2.10"},
				change: []string{"address add 192.0.2.10/32 dev wan1", "address del 192.0.2.10/32 dev wan0"},
				undo:   []string{"address del 192.0.2.10/32 dev wan1"}},
			{name: "address moves to another device", prepare: vrrp, call: call{To: at, From: "192.0.2.10"},
				change: []string{"address del 192.0.2.10/32 dev wan0"}, reason: "source-gone"},

			{name: "private source, another gateway on the same link",
				prepare: []string{"address add 192.168.0.2/24 dev wan0", "route add default " + via0 + " src 192.168.0.2"},
				call:    to(host),
				change:  []string{"route replace default via 192.0.2.100 dev wan0 src 192.168.0.2"}, reason: "gateway-gone",
				undo: []string{"address del 192.168.0.2/24 dev wan0"}},
		} {
			t.Run(test.name, func(t *testing.T) {
				if test.call.UID != 0 && !users {
					skip(t, "the namespace has no second user: run as root")
				}
				defer s.reset(t, test.undo...)
				do(t, test.prepare...)
				if test.reason != "" {
					s.untouched(t) // or it could be older than what was prepared, and have gone another way before
				}
				s.informed(t)
				w := s.device.dial(t, test.call)
				w.echoes(t, "before")
				do(t, test.change...)
				if test.reason != "" {
					s.closed(t, w, test.reason)
					return
				}
				s.untouched(t)
				s.spared(t, w)
			})
		}

		t.Run("asymmetric replies", func(t *testing.T) {
			defer s.reset(t)
			do(t, both...)
			s.informed(t)
			client := s.internet.dial(t, call{To: wan1Addr + ":" + port, From: host})
			client.echoes(t, "before")
			do(t, "route add default "+via0+" metric 5", "route del default metric 10")
			s.untouched(t, client)
			do(t, "route flush exact default")
			s.closed(t, s.device.accepted(t, client.local), "no-route")
		})
	})
}

// spared shows that the daemon has not closed w, also where nothing can pass any
// more: by its own word, and by the kernel's.
func (s *stage) spared(t testing.TB, w *wire) {
	t.Helper()
	s.bus.mark(t)
	if got := s.bus.all(func(m payload) bool { return m.Type == "flow" && m.Local == w.local.String() }); len(got) > 0 {
		t.Fatalf("a connection that was to live: %s\nthe daemon says\n%s", got, s.daemon.stderr)
	}
	for _, f := range flowsTo(t, w.remote.String()) {
		if f.Local == w.local.String() {
			return
		}
	}
	t.Errorf("the kernel no longer has the connection %v > %v", w.local, w.remote)
}

// linkLocal is the link-local address of the peer's end of wan0.
func linkLocal(t testing.TB) string {
	t.Helper()
	fields := strings.Fields(ip(t, "-n peer -6 -br address show dev peer0 scope link"))
	a, _, _ := strings.Cut(fields[len(fields)-1], "/")
	return a
}
