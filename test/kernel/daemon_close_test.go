//go:build linux

package kernel

import (
	"testing"
	"time"

	"github.com/netmond/netmond/conn"
)

// TestClosesStrandedConnections strands a connection of another process in each
// way there is. The daemon, at its defaults, must close it with ECONNABORTED at
// its owner, and say why.
func TestClosesStrandedConnections(t *testing.T) {
	t.Parallel()
	kernel(t, func(t *testing.T) {
		s := newStage(t)
		via0, via1 := "via "+wan0Gateway, "via "+wan1Gateway
		six0, six1 := "via "+wan0Gateway6, "via "+wan1Gateway6
		for _, test := range []struct {
			name    string
			prepare []string
			call    call
			strand  []string
			reason  string
			undo    []string
		}{
			{name: "only route deleted", call: to(host), reason: "no-route",
				prepare: []string{"route add 198.51.100.0/24 " + via0},
				strand:  []string{"route del 198.51.100.0/24"}},
			{name: "only default deleted", call: to(host), reason: "no-route",
				prepare: []string{"route add default " + via0},
				strand:  []string{"route del default"}},
			{name: "only default deleted, IPv6", call: to(host6), reason: "no-route",
				prepare: []string{"-6 route add default " + six0},
				strand:  []string{"-6 route del default"}},
			{name: "only default deleted, IPv4 in an IPv6 socket", call: call{To: host + ":" + port, Mapped: true}, reason: "no-route",
				prepare: []string{"route add default " + via0},
				strand:  []string{"route del default"}},
			{name: "best of two gateways deleted", call: to(host), reason: "gateway-gone",
				prepare: []string{"route add default " + via0 + " metric 10", "route add default " + via1 + " metric 20"},
				strand:  []string{"route del default metric 10"}},
			{name: "best of two gateways deleted, IPv6", call: to(host6), reason: "gateway-gone",
				prepare: []string{"-6 route add default " + six0 + " metric 10", "-6 route add default " + six1 + " metric 20"},
				strand:  []string{"-6 route del default metric 10"}},
			{name: "gateway replaced by one of another link", call: to(host), reason: "gateway-gone",
				prepare: []string{"route add default " + via0 + " metric 10"},
				strand:  []string{"route replace default " + via1 + " metric 10"}},
			{name: "link down", call: to(host), reason: "link-down",
				prepare: []string{"route add default " + via0},
				strand:  []string{"link set wan0 down"}},
			{name: "link down, a second uplink left", call: to(host), reason: "link-down",
				prepare: []string{"route add default " + via0 + " metric 10", "route add default " + via1 + " metric 20"},
				strand:  []string{"link set wan0 down"}},
			{name: "link down, an on-link peer", call: to(wan0Gateway), reason: "link-down",
				strand: []string{"link set wan0 down"}},
			{name: "link down, IPv6", call: to(host6), reason: "source-gone",
				prepare: []string{"-6 route add default " + six0},
				strand:  []string{"link set wan0 down"}},
			{name: "its address deleted", call: to(host), reason: "source-gone",
				prepare: []string{"route add default " + via0},
				strand:  []string{"address del 192.0.2.2/25 dev wan0"}},
			{name: "its address deleted, one of two", call: call{To: host + ":" + port, From: "192.0.2.3"}, reason: "source-gone",
				prepare: []string{"address add 192.0.2.3/25 dev wan0", "route add default " + via0},
				strand:  []string{"address del 192.0.2.3/25 dev wan0"}},
			{name: "its address deleted, IPv6", call: to(host6), reason: "source-gone",
				prepare: []string{"-6 route add default " + six0},
				strand:  []string{"address del 2001:db8::2/64 dev wan0"}},
			{name: "last address of the link deleted, and the route in silence",
				call: call{To: host + ":" + port, From: "192.0.2.77"}, reason: "no-route",
				prepare: []string{"address add 192.0.2.77/32 dev lo", "route add default " + via0},
				strand:  []string{"address del 192.0.2.2/25 dev wan0"},
				undo:    []string{"address del 192.0.2.77/32 dev lo"}},
			{name: "unreachable put over it", call: to(host), reason: "no-route",
				prepare: []string{"route add default " + via0},
				strand:  []string{"route add unreachable " + host}},
			{name: "prohibit put over it", call: to(host), reason: "no-route",
				prepare: []string{"route add default " + via0},
				strand:  []string{"route add prohibit 198.51.100.0/24"}},
			{name: "blackhole put over it", call: to(host), reason: "no-route",
				prepare: []string{"route add default " + via0},
				strand:  []string{"route add blackhole 198.51.100.0/25"}},
			{name: "unreachable put over it, IPv6", call: to(host6), reason: "no-route",
				prepare: []string{"-6 route add default " + six0},
				strand:  []string{"-6 route add unreachable " + host6}},
			{name: "prohibit put over it, IPv6", call: to(host6), reason: "no-route",
				prepare: []string{"-6 route add default " + six0},
				strand:  []string{"-6 route add prohibit 2001:db8:ff::/48"}},
			{name: "blackhole put over it, IPv6", call: to(host6), reason: "no-route",
				prepare: []string{"-6 route add default " + six0},
				strand:  []string{"-6 route add blackhole 2001:db8:ff::/64"}},
			{name: "nexthop object deleted", call: to(host), reason: "no-route",
				prepare: []string{"nexthop add id 1 " + via0 + " dev wan0", "route add default nhid 1"},
				strand:  []string{"nexthop del id 1"}},
			{name: "nexthop object deleted, IPv6", call: to(host6), reason: "no-route",
				prepare: []string{"nexthop add id 6 " + six0 + " dev wan0", "-6 route add default nhid 6"},
				strand:  []string{"nexthop del id 6"}},
			{name: "nexthop object led elsewhere", call: to(host), reason: "gateway-gone",
				prepare: []string{"nexthop add id 1 " + via0 + " dev wan0", "route add default nhid 1"},
				strand:  []string{"nexthop replace id 1 " + via1 + " dev wan1"}},
			{name: "default deleted, one left in a table that no rule leads to", call: to(host), reason: "no-route",
				prepare: []string{"route add default " + via0, "route add default " + via1 + " table 100"},
				strand:  []string{"route del default"}},
			{name: "default deleted, one of the other family left", call: to(host), reason: "no-route",
				prepare: []string{"route add default " + via0, "-6 route add default " + six0},
				strand:  []string{"route del default"}},
			{name: "default deleted, a gateway to somewhere else left", call: to(host), reason: "no-route",
				prepare: []string{"route add default " + via0, "route add 203.0.113.0/26 " + via0},
				strand:  []string{"route del default"}},
			{name: "default without gateway deleted", call: to(wan0Gateway), reason: "no-route",
				prepare: []string{"route del 192.0.2.0/25 dev wan0", "route add default dev wan0"},
				strand:  []string{"route del default"}},
			{name: "multipath default deleted", call: to(host), reason: "no-route",
				prepare: []string{"route add default nexthop " + via0 + " nexthop " + via1},
				strand:  []string{"route del default"}},
			{name: "its leg of a multipath default taken away", call: call{To: host + ":" + port, From: wan0Addr}, reason: "gateway-gone",
				prepare: []string{"route add default nexthop " + via0 + " nexthop " + via1},
				strand:  []string{"route replace default " + via1}},
			{name: "its leg of a multipath default down", call: call{To: host + ":" + port, From: wan0Addr}, reason: "link-down",
				prepare: []string{"route add default nexthop " + via0 + " nexthop " + via1},
				strand:  []string{"link set wan0 down"}},
			{name: "default by a gateway of the other family deleted", call: to(host), reason: "no-route",
				prepare: []string{"-4 route add default via inet6 " + wan0Gateway6 + " dev wan0"},
				strand:  []string{"route del default"}},
			{name: "better route added by a link that does not own its address", call: to(host), reason: "rerouted",
				prepare: []string{"route add default " + via0 + " metric 10"},
				strand:  []string{"route add 198.51.100.0/24 " + via1}},
			{name: "better default added by another link, IPv6", call: to(host6), reason: "rerouted",
				prepare: []string{"-6 route add default " + six0 + " metric 10"},
				strand:  []string{"-6 route add default " + six1 + " metric 5"}},
		} {
			t.Run(test.name, func(t *testing.T) {
				defer s.reset(t, test.undo...)
				do(t, test.prepare...)
				if test.reason != "no-route" && test.reason != "source-gone" {
					s.untouched(t) // or it could be older than what was prepared, and have gone another way before
				}
				s.informed(t)
				w := s.device.dial(t, test.call)
				w.echoes(t, "before")
				do(t, test.strand...)
				m := s.closed(t, w, test.reason)
				if m.Was == "" {
					t.Errorf("the bus does not say which route was lost: %+v", m)
				}
			})
		}

		t.Run("200 replacements, then deleted", func(t *testing.T) {
			defer s.reset(t)
			ip(t, "route add default "+via0)
			w := s.device.dial(t, to(host))
			var lines []string
			for i := range 200 {
				lines = append(lines, "route replace default "+via0+" metric 0 mtu "+[]string{"1400", "1500"}[i%2])
			}
			do(t, lines...)
			s.untouched(t, w)
			ip(t, "route del default")
			s.closed(t, w, "no-route")
		})
		t.Run("accepted connection, its connected route deleted", func(t *testing.T) {
			defer s.reset(t)
			s.device.listen(t, ":80")
			client := s.internet.dial(t, call{To: wan0Addr + ":80"})
			w := s.device.accepted(t, client.local)
			client.echoes(t, "before")
			ip(t, "route del 192.0.2.0/25 dev wan0")
			s.closed(t, w, "no-route")
		})
		t.Run("connection being opened", func(t *testing.T) {
			defer s.reset(t)
			in(t, "peer", func() { ip(t, "route add blackhole 198.51.100.66/32 table local") })
			ip(t, "route add default "+via0)
			w := s.device.begin(t, call{To: "198.51.100.66:" + port})
			eventually(t, "the socket is in SYN_SENT", func() bool {
				return len(flowsTo(t, "198.51.100.66:"+port)) == 1
			})
			ip(t, "route del default")
			if bestRung() == conn.Destroy {
				w.aborted(t)
			} else if end := w.end(t); end.Errno == 0 { // EPIPE, of all
				t.Errorf("the attempt ended with %q, want an error", end.Text)
			}
		})
		t.Run("carrier lost for longer than the grace", func(t *testing.T) {
			defer s.reset(t)
			do(t, "route add default "+via0+" metric 10", "-6 route add default "+six0)
			w4, w6 := s.device.dial(t, to(host)), s.device.dial(t, to(host6))
			lost := monotonic()
			in(t, "peer", func() { ip(t, "link set peer0 down") })
			for _, w := range []*wire{w4, w6} {
				end := w.aborted(t)
				if after := end.At - lost; after < 3*time.Second {
					t.Errorf("closed %v after the carrier was lost, want no earlier than 3s", after)
				}
				if m := s.bus.flow(t, w); m.Reason != "link-down" {
					t.Errorf("the bus says %+v, want link-down", m)
				}
			}
		})
		t.Run("link deleted", func(t *testing.T) {
			do(t, "route add default "+via0+" metric 10", "-6 route add default "+six0)
			w4, w6 := s.device.dial(t, to(host)), s.device.dial(t, to(host6))
			ip(t, "link del wan0")
			for _, w := range []*wire{w4, w6} {
				w.aborted(t)
				// The link goes down first; its addresses go when the kernel comes to it.
				if m := s.bus.flow(t, w); m.Reason != "source-gone" && m.Reason != "link-down" {
					t.Errorf("the bus says %+v, want source-gone or link-down", m)
				}
			}
		})
	})
}

// flowsTo lists the device's connections to a peer, by `netmond flows`.
func flowsTo(t testing.TB, remote string) []flowView {
	t.Helper()
	var out []flowView
	for _, f := range decode[[]flowView](t, command(t, 0, "flows", "-json")) {
		if f.Remote == remote {
			out = append(out, f)
		}
	}
	return out
}

// flowView is an element of `netmond flows -json`.
type flowView struct {
	Proto, Local, Remote, State, Route, Dev, Verdict, Why string
	UID                                                   uint32
}
