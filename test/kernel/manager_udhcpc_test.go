//go:build linux

package kernel

import (
	"strings"
	"syscall"
	"testing"
)

// TestUdhcpc has busybox's DHCP client on wan0, with Debian's script, and busybox's
// server behind it.
func TestUdhcpc(t *testing.T) {
	t.Parallel()
	kernel(t, func(t *testing.T) {
		const script = "/etc/udhcpc/default.script"
		need(t, "busybox", "busybox-static")
		need(t, "udhcpd", "udhcpd")
		if !exists(script) {
			skip(t, script+" is missing: install the package udhcpc")
		}
		ownFile(t, "/etc/resolv.conf")
		topology(t)
		unmanaged(t)
		s := stageWith(t)
		server := dhcpServer(t, leased)

		// The client says what it does before its script does it, so the script says
		// it once more.
		client := manage(t, "", "busybox", "udhcpc", "-f", "-i", wan0, "-t", "5", "-T", "1",
			"-s", place(t, "script", 0o755, "#!/bin/sh", script+` "$@"`, `echo "done $1 $ip"`))
		client.says(t, "done bound "+leased, 1)
		if !has(t, leased) {
			t.Fatalf("the lease does not show:\n%s%s", ip(t, "address show dev wan0"), ip(t, "route show"))
		}
		s.informed(t)
		w, onLink, elsewhere := s.device.dial(t, to(host)), s.device.dial(t, to(wan0Gateway)), s.device.dial(t, to(otherHost))

		client.signal(t, syscall.SIGUSR1) // renew
		client.says(t, "done renew "+leased, 1)
		s.untouched(t, w, onLink, elsewhere)

		// The network has been numbered anew: the server refuses to renew, and the
		// client takes everything from the link before it asks for more.
		server.finish(t)
		dhcpServer(t, leasedNext)
		client.signal(t, syscall.SIGUSR1)
		s.closed(t, w, "source-gone")
		s.closed(t, onLink, "source-gone")
		client.says(t, "done bound "+leasedNext, 1)
		s.untouched(t, elsewhere)
		w = s.device.dial(t, to(host))
		if got := w.local.Addr().String(); got != leasedNext {
			t.Errorf("a new connection has the address %s, want %s", got, leasedNext)
		}
		client.signal(t, syscall.SIGUSR1)
		client.says(t, "done renew "+leasedNext, 1)
		s.untouched(t, w, elsewhere)

		client.signal(t, syscall.SIGUSR2) // release
		s.closed(t, w, "source-gone")
		s.untouched(t, elsewhere)
		if log := s.daemon.stderr.String(); strings.Contains(log, "disagrees") {
			t.Errorf("the kernel did not agree with every verdict:\n%s", log)
		}
	})
}

// dhcpServer starts busybox's server behind wan0, with one address to give.
func dhcpServer(t testing.TB, address string) *manager {
	t.Helper()
	leases := place(t, "leases", 0o644)
	m := manage(t, "peer", "busybox", "udhcpd", "-f", "-I", wan0Gateway, place(t, "udhcpd.conf", 0o644,
		"start "+address, "end "+address, "max_leases 1", "interface peer0",
		"lease_file "+leases, "pidfile /run/udhcpd.pid",
		"option subnet 255.255.255.128", "option router "+wan0Gateway, "option lease 600"))
	m.says(t, "started", 1)
	return m
}
