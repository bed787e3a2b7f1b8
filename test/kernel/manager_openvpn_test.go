//go:build linux

package kernel

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// TestOpenVPN has OpenVPN take the default route over, with redirect-gateway def1,
// and give it back.
func TestOpenVPN(t *testing.T) {
	t.Parallel()
	kernel(t, func(t *testing.T) {
		need(t, "openvpn", "openvpn")
		if f, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0); err != nil {
			skip(t, "no tun devices: "+err.Error())
		} else {
			f.Close()
		}
		topology(t)
		do(t, "route add default via "+wan0Gateway)
		s := stageWith(t)
		const key, server = "/run/vpn.key", "198.51.100.9"
		if out, err := exec.Command("openvpn", "--genkey", "secret", key).CombinedOutput(); err != nil {
			t.Fatalf("openvpn --genkey: %v\n%s", err, out)
		}
		vpn := func(ns string, args ...string) *manager {
			m := manage(t, ns, "openvpn", append([]string{"--dev", "vpn0", "--dev-type", "tun", "--secret", key,
				"--cipher", "AES-256-CBC", "--auth", "SHA256", "--ping", "1", "--verb", "3"}, args...)...)
			return m
		}
		vpn("peer", "--local", server, "--ifconfig", tunGateway, tunAddr)
		s.informed(t)
		onLink, elsewhere := s.device.dial(t, to(wan0Gateway)), s.device.dial(t, to(wan1Gateway))
		toServer, w := s.device.dial(t, to(server)), s.device.dial(t, to(host))

		client := vpn("", "--remote", server, "--ifconfig", tunAddr, tunGateway, "--redirect-gateway", "def1", "--persist-tun")
		s.closed(t, w, "rerouted") // from the uplink's address into the tunnel
		client.says(t, "Initialization Sequence Completed", 1)
		s.untouched(t, onLink, elsewhere, toServer)
		w = s.device.dial(t, to(host))
		if got := w.local.Addr().String(); got != tunAddr {
			t.Errorf("a new connection has the address %s, want the tunnel's, %s", got, tunAddr)
		}

		client.signal(t, syscall.SIGUSR1) // a restart that keeps the tunnel and its routes
		client.says(t, "Initialization Sequence Completed", 2)
		s.untouched(t, w, onLink, elsewhere, toServer)

		client.signal(t, syscall.SIGTERM)
		s.closed(t, w, "source-gone")
		client.ended(t)
		s.untouched(t, onLink, elsewhere, toServer)
		w = s.device.dial(t, to(host))
		if got := w.local.Addr().String(); got != wan0Addr {
			t.Errorf("a new connection has the address %s, want the uplink's, %s", got, wan0Addr)
		}
	})
}
