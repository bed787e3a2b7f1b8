//go:build linux

package kernel

import (
	"slices"
	"testing"
	"time"
)

// TestFlags runs daemons that are told to leave some connections alone, or to
// close them otherwise.
func TestFlags(t *testing.T) {
	t.Parallel()
	kernel(t, func(t *testing.T) {
		s := newStage(t)
		s.internet.listen(t, ":8443")
		via0, via1 := "via "+wan0Gateway+" dev wan0", "via "+wan1Gateway+" dev wan1"
		routes := []string{"route add default " + via0, "route add 203.0.113.128/26 " + via1, "-6 route add default via " + wan0Gateway6}
		strand := []string{"route add unreachable 203.0.113.128/26 metric 4000", "route del default", "route del 203.0.113.128/26 metric 0", "-6 route del default"}
		with := func(name string, flags []string, f func(t *testing.T)) {
			t.Run(name, func(t *testing.T) {
				s.daemon.stop()
				s.bus.stop()
				s.daemon, s.bus = runDaemon(t, flags...)
				defer s.reset(t)
				do(t, routes...)
				s.informed(t)
				f(t)
			})
		}
		again := func(t *testing.T, wires ...*wire) {
			t.Helper()
			do(t, append([]string{"route del unreachable 203.0.113.128/26 metric 4000"}, routes...)...)
			for _, w := range wires {
				w.echoes(t, "it was to be left alone")
			}
		}

		with("exclude", []string{"-exclude", "198.51.100.7", "-exclude", "2001:db8:ff::/64", "-exclude", "tcp:8443", "-exclude", "uid:1000", "-exclude", "dev:wan1"}, func(t *testing.T) {
			spared := []*wire{
				s.device.dial(t, to(host)),
				s.device.dial(t, to(host6)),
				s.device.dial(t, call{To: otherHost + ":8443"}),
				s.device.dial(t, to("203.0.113.130")),
			}
			if mapped(user) {
				spared = append(spared, s.device.dial(t, call{To: otherHost + ":" + port, UID: user}))
			}
			w := s.device.dial(t, to(otherHost))
			do(t, strand...)
			s.closed(t, w, "no-route")
			s.untouched(t)
			again(t, spared...)
			for _, w := range spared {
				w.hangUp(t)
			}
		})
		with("exclude the local address", []string{"-exclude", wan0Addr}, func(t *testing.T) {
			spared, w := s.device.dial(t, to(host)), s.device.dial(t, to("203.0.113.130"))
			do(t, strand...)
			s.closed(t, w, "no-route")
			s.untouched(t)
			again(t, spared)
			spared.hangUp(t)
		})
		with("dry run", []string{"-dry-run"}, func(t *testing.T) {
			if mode := status(t).Close.Mode; mode != "dry-run" {
				t.Errorf("status says that flows are closed for %q", mode)
			}
			w4, w6 := s.device.dial(t, to(host)), s.device.dial(t, to(host6))
			do(t, strand...)
			for _, w := range []*wire{w4, w6} {
				if m := s.bus.flow(t, w); m.Act != "would-close" || m.Reason != "no-route" {
					t.Errorf("the bus says %+v, want would-close for no-route", m)
				}
			}
			again(t, w4, w6)
			w4.hangUp(t)
			w6.hangUp(t)
			if n := status(t).FlowsClosed["no-route"]; n != 0 {
				t.Errorf("a dry run has closed %d flows", n)
			}
		})
		with("close for some reasons", []string{"-close", "source-gone,link-down"}, func(t *testing.T) {
			if mode := status(t).Close.Mode; mode != "source-gone,link-down" {
				t.Errorf("status says that flows are closed for %q", mode)
			}
			do(t, "address add 192.0.2.3/25 dev wan0")
			s.informed(t)
			w, other := s.device.dial(t, to(host)), s.device.dial(t, call{To: otherHost + ":" + port, From: "192.0.2.3"})
			do(t, strand...)
			do(t, "address del 192.0.2.3/25 dev wan0")
			s.closed(t, other, "source-gone")
			again(t, w)
			do(t, "link set wan0 down")
			s.closed(t, w, "link-down")
		})
		with("close none", []string{"-close", "none"}, func(t *testing.T) {
			w := s.device.dial(t, to(host))
			do(t, strand...)
			s.informed(t)
			again(t, w)
			w.hangUp(t)
		})
		with("close rate", []string{"-close-rate", "5"}, func(t *testing.T) {
			var wires []*wire
			for range 17 {
				wires = append(wires, s.device.dial(t, to(host)))
			}
			do(t, strand...)
			var ends []time.Duration
			for _, w := range wires {
				ends = append(ends, w.aborted(t).At)
			}
			slices.Sort(ends)
			// Five each in the first, the second, the third second, and two after that.
			if spread := ends[len(ends)-1] - ends[0]; spread < 2900*time.Millisecond {
				t.Errorf("17 flows at 5 a second were closed within %v, want at least 3s", spread)
			}
			if n := status(t).FlowsClosed["no-route"]; n != 17 {
				t.Errorf("status counts %d flows closed, want 17", n)
			}
		})
		with("no settle time", []string{"-settle", "0"}, func(t *testing.T) {
			w := s.device.dial(t, to(host))
			do(t, "route del default")
			s.closed(t, w, "no-route")
		})
	})
}
