//go:build linux

package kernel

import (
	"testing"
)

// TestDhcpcd has dhcpcd on wan0, and busybox's server behind it, while the cable is
// pulled.
func TestDhcpcd(t *testing.T) {
	t.Parallel()
	need(t, "dhcpcd", "dhcpcd-base")
	need(t, "udhcpd", "udhcpd")
	start := func(t *testing.T, options ...string) (s *stage, m *manager) {
		own(t, "/var/lib/dhcpcd")
		ownFile(t, "/etc/resolv.conf")
		topology(t)
		unmanaged(t)
		s = stageWith(t)
		dhcpServer(t, leased)
		conf := place(t, "dhcpcd.conf", 0o644, append([]string{"noipv4ll", "noipv6", "noarp", "nohook resolv.conf", "nohook hostname"}, options...)...)
		m = manage(t, "", "dhcpcd", "-4", "-B", "-f", conf, wan0)
		m.says(t, "adding default route", 1)
		eventually(t, "dhcpcd has set up its lease", func() bool { return has(t, leased) })
		s.informed(t)
		return s, m
	}

	// It takes the address and the routes away with the carrier, which is not the
	// carrier's loss alone: the grace has no part in it.
	t.Run("carrier", func(t *testing.T) {
		kernel(t, func(t *testing.T) {
			s, m := start(t)
			w, elsewhere := s.device.dial(t, to(host)), s.device.dial(t, to(otherHost))
			do(t, "-n peer link set peer0 down")
			m.says(t, "carrier lost", 1)
			s.closed(t, w, "source-gone")
			s.untouched(t, elsewhere)

			do(t, "-n peer link set peer0 up")
			m.says(t, "adding default route", 2)
			eventually(t, "dhcpcd has its lease back", func() bool { return has(t, leased) })
			s.informed(t)
			w = s.device.dial(t, to(host))
			s.untouched(t, w, elsewhere)
		})
	})

	// Told not to look at the carrier, it keeps the address: then the grace decides.
	t.Run("carrier ignored", func(t *testing.T) {
		kernel(t, func(t *testing.T) {
			s, m := start(t, "nolink")
			w, elsewhere := s.device.dial(t, to(host)), s.device.dial(t, to(otherHost))
			lost := func(has bool) {
				t.Helper()
				s.bus.await(t, "the carrier", func(p payload) bool { return p.Type == "link" && p.Dev == wan0 && p.Carrier == has })
				s.bus.forget()
			}
			do(t, "-n peer link set peer0 down")
			lost(false)
			do(t, "-n peer link set peer0 up")
			lost(true)
			s.untouched(t, w, elsewhere)
			do(t, "-n peer link set peer0 down")
			s.closed(t, w, "link-down")
			s.untouched(t, elsewhere)
			m.alive(t)
		})
	})
}
