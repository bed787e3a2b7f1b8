//go:build linux

package kernel

import (
	"testing"
)

// TestKeepsHealthyConnections changes what a healthy connection could be thought
// to depend on. After each change a sentinel of the test is stranded and closed;
// then the healthy ones must still send and receive.
func TestKeepsHealthyConnections(t *testing.T) {
	t.Parallel()
	kernel(t, func(t *testing.T) {
		s := newStage(t)
		do(t, "-n peer route add 192.0.2.77/32 via "+wan0Addr, "-n peer address add 192.0.2.100/25 dev peer0")
		via0, via1 := "via "+wan0Gateway+" dev wan0", "via "+wan1Gateway+" dev wan1"
		six0, six1 := "via "+wan0Gateway6+" dev wan0", "via "+wan1Gateway6+" dev wan1"
		defaults := []string{"route add default " + via0, "-6 route add default " + six0}
		for _, test := range []struct {
			name    string
			prepare []string
			calls   []call
			change  []string
			then    []string // a second change, after the first has settled
			undo    []string
		}{
			{name: "unrelated route added and deleted",
				prepare: defaults, calls: []call{to(host), to(host6)},
				change: []string{"route add 203.0.113.0/26 " + via1, "-6 route add 2001:db8:fe::/48 " + six1},
				then:   []string{"route del 203.0.113.0/26", "-6 route del 2001:db8:fe::/48"}},
			{name: "on-link route of the same link deleted, then an unrelated one added", // e7b
				prepare: append([]string{"route add 203.0.113.64/26 dev wan0"}, defaults...), calls: []call{to(host), to(host6)},
				change: []string{"route del 203.0.113.64/26 dev wan0"},
				then:   []string{"route add 203.0.113.0/26 " + via0}},
			{name: "second address deleted, then an unrelated route added", // e7a2
				prepare: append([]string{"address add 192.0.2.3/25 dev wan0"}, defaults...), calls: []call{to(host), to(host6)},
				change: []string{"address del 192.0.2.3/25 dev wan0"},
				then:   []string{"route add 203.0.113.0/26 " + via0}},
			{name: "deprecated IPv6 address that nobody uses deleted, then an unrelated route added", // e7c2
				prepare: append([]string{"address add 2001:db8::3/64 dev wan0 nodad preferred_lft 0"}, defaults...), calls: []call{to(host6), to(host)},
				change: []string{"address del 2001:db8::3/64 dev wan0"},
				then:   []string{"-6 route add 2001:db8:fe::/48 " + six0}},
			{name: "IPv6 route of the metric of the IPv4 route in use deleted", // e20
				prepare: []string{"route add 198.51.100.0/24 " + via0 + " metric 100", "-6 route add 2001:db8:fe::/48 " + six0 + " metric 100"},
				calls:   []call{to(host), to(wan0Gateway)},
				change:  []string{"-6 route del 2001:db8:fe::/48 metric 100"}},
			{name: "worse default deleted",
				prepare: []string{"route add default " + via0 + " metric 10", "route add default " + via1 + " metric 20",
					"-6 route add default " + six0 + " metric 10", "-6 route add default " + six1 + " metric 20"},
				calls:  []call{to(host), to(host6)},
				change: []string{"route del default metric 20", "-6 route del default metric 20"}},
			{name: "worse default added, its link up and down",
				prepare: []string{"route add default " + via0 + " metric 10"}, calls: []call{to(host)},
				change: []string{"route add default " + via1 + " metric 20", "link set wan1 down"},
				then:   []string{"link set wan1 up"}},
			{name: "replaced by the same next hop",
				prepare: defaults, calls: []call{to(host), to(host6), {To: host + ":" + port, Mapped: true}},
				change: []string{"route replace default " + via0, "-6 route replace default " + six0},
				then:   []string{"route replace default " + via0 + " mtu 1400", "-6 route replace default " + six0 + " mtu 1400"}},
			{name: "replaced by the same next hop with another metric",
				prepare: defaults, calls: []call{to(host), to(host6)},
				change: []string{"route add default " + via0 + " metric 5", "route del default metric 0",
					"-6 route add default " + six0 + " metric 5", "-6 route del default metric 1024"}},
			{name: "another gateway of the same link, public addresses", calls: []call{to(host)},
				prepare: []string{"route add default " + via0},
				change:  []string{"route replace default via 192.0.2.100 dev wan0 onlink"},
				then:    []string{"route replace default " + via0}},
			{name: "deleted and added again within the settle time",
				prepare: defaults, calls: []call{to(host), to(host6)},
				change: []string{"route del default", "route add default " + via0, "-6 route del default", "-6 route add default " + six0}},
			{name: "unreachable put over it and taken away within the settle time",
				prepare: defaults, calls: []call{to(host)},
				change: []string{"route add unreachable " + host, "route del unreachable " + host}},
			{name: "address deleted and added again within the settle time",
				prepare: defaults, calls: []call{to(host), to(host6)},
				change: []string{"address del 192.0.2.2/25 dev wan0", "address add 192.0.2.2/25 dev wan0", "route add default " + via0,
					"address del 2001:db8::2/64 dev wan0", "address add 2001:db8::2/64 dev wan0 nodad"}},
			{name: "address replaced with another lifetime",
				prepare: defaults, calls: []call{to(host), to(host6)},
				change: []string{"address replace 192.0.2.2/25 dev wan0 valid_lft 3600 preferred_lft 1800",
					"address replace 2001:db8::2/64 dev wan0 valid_lft 3600 preferred_lft 1800 nodad"},
				then: []string{"address change 192.0.2.2/25 dev wan0 valid_lft 3600 preferred_lft 0",
					"address change 2001:db8::2/64 dev wan0 valid_lft 3600 preferred_lft 0 nodad"},
				undo: []string{"address replace 192.0.2.2/25 dev wan0 valid_lft forever preferred_lft forever",
					"address replace 2001:db8::2/64 dev wan0 valid_lft forever preferred_lft forever nodad"}},
			{name: "link flap shorter than the settle time",
				prepare: defaults, calls: []call{to(host)},
				change: []string{"link set wan0 down", "link set wan0 up", "route add default " + via0}},
			{name: "the default goes under peers on the link",
				prepare: defaults, calls: []call{to(wan0Gateway), to(wan0Gateway6)},
				change: []string{"route del default", "-6 route del default"}},
			{name: "the link goes under loopback and own addresses", calls: []call{to("127.0.0.1"), to("::1"), to(wan0Addr), to(wan1Addr), to(wan1Addr6)},
				prepare: []string{"route add default " + via0},
				change:  []string{"route del default", "link set wan0 down"}},
			{name: "the gateway goes under a source that lives on lo", calls: []call{{To: host + ":" + port, From: "192.0.2.77"}},
				prepare: []string{"address add 192.0.2.77/32 dev lo", "route add default " + via0 + " metric 10", "route add default " + via1 + " metric 20"},
				change:  []string{"route del default metric 10"},
				undo:    []string{"address del 192.0.2.77/32 dev lo"}},
			{name: "the other address of a link goes", calls: []call{{To: host + ":" + port, From: "192.0.2.3"}},
				prepare: append([]string{"address add 192.0.2.3/32 dev wan0"}, defaults...),
				change:  []string{"address add 192.0.2.4/32 dev wan0", "address del 192.0.2.4/32 dev wan0"},
				undo:    []string{"address del 192.0.2.3/32 dev wan0"}},
		} {
			t.Run(test.name, func(t *testing.T) {
				defer s.reset(t, test.undo...)
				do(t, test.prepare...)
				s.informed(t)
				var wires []*wire
				for _, c := range test.calls {
					wires = append(wires, s.device.dial(t, c))
				}
				do(t, test.change...)
				s.untouched(t, wires...)
				if len(test.then) > 0 {
					do(t, test.then...)
					s.untouched(t, wires...)
				}
				for _, w := range wires {
					w.hangUp(t)
				}
			})
		}

		t.Run("new name for its link", func(t *testing.T) {
			defer s.reset(t)
			do(t, defaults...)
			s.informed(t)
			w4, w6 := s.device.dial(t, to(host)), s.device.dial(t, to(host6))
			if err := try("link set wan0 name uplink"); err != nil {
				t.Logf("this kernel renames no link that is up: %v", err)
			} else {
				s.untouched(t, w4, w6)
				ip(t, "link set uplink name wan0")
			}
			s.untouched(t, w4, w6)
			w4.hangUp(t)
			w6.hangUp(t)
		})
		t.Run("flow dialled anew within the settle time", func(t *testing.T) {
			defer s.reset(t)
			do(t, "route add default "+via0+" metric 10", "route add default "+via1+" metric 20",
				"-6 route add default "+six0+" metric 10", "-6 route add default "+six1+" metric 20")
			s.informed(t)
			old4, old6 := s.device.dial(t, to(host)), s.device.dial(t, to(host6))
			do(t, "route del default metric 10", "-6 route del default metric 10")
			new4, new6 := s.device.dial(t, to(host)), s.device.dial(t, to(host6))
			s.closed(t, old4, "gateway-gone")
			s.closed(t, old6, "gateway-gone")
			s.untouched(t, new4, new6)
		})
		t.Run("listeners", func(t *testing.T) {
			defer s.reset(t, "address del 192.0.2.3/25 dev wan0")
			do(t, "address add 192.0.2.3/25 dev wan0", "route add default "+via0)
			s.informed(t)
			s.device.listen(t, ":81")
			s.device.listen(t, "192.0.2.3:82")
			s.device.listen(t, wan0Addr+":83")
			do(t, "route del default", "address del 192.0.2.3/25 dev wan0", "route add unreachable 198.51.100.0/24")
			s.untouched(t)
			do(t, "address add 192.0.2.3/25 dev wan0")
			for _, at := range []string{wan0Addr + ":81", "192.0.2.3:82", wan0Addr + ":83"} {
				w := s.internet.dial(t, call{To: at})
				w.echoes(t, "a listener that was left alone")
				w.hangUp(t)
			}
		})
		t.Run("flap of the carrier shorter than the grace", func(t *testing.T) {
			defer s.reset(t)
			do(t, "route add default "+via0+" metric 10", "route add 203.0.113.0/26 "+via1)
			s.informed(t)
			w, onLink := s.device.dial(t, to(host)), s.device.dial(t, to(wan0Gateway))
			lasting := s.device.dial(t, to("203.0.113.7"))
			carrier := func(dev string, has bool) {
				s.bus.await(t, "the carrier of "+dev, func(m payload) bool { return m.Type == "link" && m.Dev == dev && m.Carrier == has })
				s.bus.forget()
			}
			do(t, "-n peer link set peer0 down")
			carrier(wan0, false)
			do(t, "-n peer link set peer0 up")
			carrier(wan0, true)
			do(t, "-n peer link set peer1 down") // and this one lasts, for longer than the flap's grace
			carrier(wan1, false)
			s.closed(t, lasting, "link-down")
			s.untouched(t, w, onLink)
		})
	})
}
