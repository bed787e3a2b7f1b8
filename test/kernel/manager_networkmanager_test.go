//go:build linux

package kernel

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestNetworkManager has NetworkManager take a connection with a fixed address up
// and down on wan0. When it takes one down it deletes the address and no more: the
// kernel drops the default route with it, and says so to no one.
func TestNetworkManager(t *testing.T) {
	t.Parallel()
	kernel(t, func(t *testing.T) {
		need(t, "NetworkManager", "network-manager")
		need(t, "dbus-daemon", "dbus")
		topology(t)
		unmanaged(t)
		nmcli := networkManager(t)
		s := stageWith(t)
		s.informed(t)
		elsewhere := s.device.dial(t, to(otherHost))
		up := func() *wire {
			t.Helper()
			nmcli("connection", "up", "uplink")
			if !has(t, leased) {
				t.Fatalf("the connection does not show:\n%s%s", ip(t, "address show dev wan0"), ip(t, "route show"))
			}
			s.informed(t)
			w := s.device.dial(t, to(host))
			if got := w.local.Addr().String(); got != leased {
				t.Fatalf("a new connection has the address %s, want %s", got, leased)
			}
			return w
		}

		w := up()
		nmcli("connection", "modify", "uplink", "ipv4.route-metric", "200")
		nmcli("device", "reapply", wan0)
		if routes := ip(t, "route show default"); !strings.Contains(routes, "metric 200") {
			t.Errorf("the metric has not changed: %s", routes)
		}
		s.untouched(t, w, elsewhere)

		s.bus.forget()
		nmcli("connection", "down", "uplink")
		s.closed(t, w, "source-gone")
		s.bus.await(t, "the default route, which the kernel deletes in silence", func(m payload) bool {
			return m.RT == "del" && m.Dst == "default" && m.Dev == wan0 && m.Implied
		})
		s.untouched(t, elsewhere)

		// Another uplink is there for the while, and is not wanted any more when the
		// better one is back.
		do(t, "route add default via "+wan1Gateway+" metric 300")
		s.informed(t)
		backup, onLink := s.device.dial(t, to(host)), s.device.dial(t, to(wan1Gateway))
		w = up()
		s.closed(t, backup, "rerouted")
		s.untouched(t, w, elsewhere, onLink)
		nmcli("connection", "down", "uplink")
		s.closed(t, w, "source-gone")
		s.untouched(t, elsewhere, onLink)
	})
}

// networkManager starts NetworkManager, with a bus of its own to be spoken to, and
// gives it wan0 and the profile uplink. It returns nmcli.
func networkManager(t testing.TB) func(args ...string) {
	t.Helper()
	// Where /sys can be written NetworkManager waits for udev to tell of each link.
	if err := unix.Mount("sysfs", "/sys", "sysfs", unix.MS_RDONLY, ""); err != nil {
		skip(t, "no /sys of this namespace: "+err.Error())
	}
	own(t, "/var/lib/NetworkManager")
	for _, dir := range []string{"/run/dbus", "/run/profiles"} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	manage(t, "", "dbus-daemon", "--nofork", "--nopidfile", "--config-file="+place(t, "dbus.conf", 0o644,
		`<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"`,
		` "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">`,
		`<busconfig>`,
		`<type>system</type>`,
		`<listen>unix:path=/run/dbus/system_bus_socket</listen>`,
		`<auth>EXTERNAL</auth>`,
		`<policy context="default">`,
		`<allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/>`,
		`</policy>`,
		`</busconfig>`))
	eventually(t, "the message bus is there", func() bool { return exists("/run/dbus/system_bus_socket") })
	place(t, "profiles/uplink.nmconnection", 0o600,
		"[connection]", "id=uplink", "type=ethernet", "interface-name="+wan0, "autoconnect=false",
		"[ipv4]", "method=manual", "address1="+leased+"/25,"+wan0Gateway, "route-metric=100",
		"[ipv6]", "method=disabled")
	conf := place(t, "nm.conf", 0o644,
		"[main]", "plugins=keyfile", "auth-polkit=false", "dns=none", "systemd-resolved=false", "no-auto-default=*",
		"[keyfile]", "path=/run/profiles", "unmanaged-devices=*,except:interface-name:"+wan0,
		"[device-uplink]", "match-device=interface-name:"+wan0, "managed=1",
		"[connectivity]", "enabled=false",
		"[logging]", "backends=stderr")
	m := manage(t, "", "NetworkManager", "--no-daemon", "--config="+conf, "--config-dir=/run/none",
		"--system-config-dir=/run/none", "--intern-config=/run/none", "--state-file=/run/nm.state", "--pid-file=/run/nm.pid")
	run := func(args ...string) (string, error) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		out, err := exec.CommandContext(ctx, "nmcli", args...).CombinedOutput()
		return string(out), err
	}
	eventually(t, "NetworkManager manages wan0", func() bool {
		m.alive(t)
		out, err := run("--terse", "--get-values", "GENERAL.STATE", "device", "show", wan0)
		return err == nil && strings.HasPrefix(out, "30") // NM_DEVICE_STATE_DISCONNECTED
	})
	return func(args ...string) {
		t.Helper()
		if out, err := run(args...); err != nil {
			t.Fatalf("nmcli %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}
