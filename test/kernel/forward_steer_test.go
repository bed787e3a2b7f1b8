//go:build linux

package kernel

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestForwardedFlowsSteered strands translations by what steers packets besides
// their destination, and those of other than the LAN's own connections.
func TestForwardedFlowsSteered(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		run  func(*testing.T, *router)
	}{
		{"the device's own, from its address in the LAN", func(t *testing.T, r *router) {
			w := r.device.dial(t, call{To: to(host).To, From: lanAddr})
			w.echoes(t, "before the change")
			moveDefault(t)
			r.forgotten(t, w, wan0Addr, "closed", "rerouted")
			w.answered(t)
		}},
		{"rule by port", func(t *testing.T, r *router) {
			do(t, "route add default via "+wan1Gateway+" table 7")
			r.informed(t)
			w := r.dial(t, host, wan0Addr)
			do(t, "rule add pref 100 ipproto tcp dport "+port+" lookup 7")
			r.forgotten(t, w, wan0Addr, "closed", "rerouted")
			w.answered(t)
		}},
		{"echo requests", func(t *testing.T, r *router) {
			p := newPinger(t, "lan", host)
			if !p.answered(t) {
				t.Fatal("no answer before the change")
			}
			moveDefault(t)
			r.bus.await(t, "the end of the translation", func(m payload) bool {
				return m.Type == "flow" && m.Act == "closed" && m.Proto == "icmp" && m.Remote == host+":0"
			})
			if !p.answered(t) {
				t.Error("no answer by the other uplink")
			}
		}},
		{"port forwarded, answers leave by another link", func(t *testing.T, r *router) {
			r.inbound(t, wan0Addr, "rerouted", moveDefault)
		}},
		{"port forwarded, address gone", func(t *testing.T, r *router) {
			r.inbound(t, poolAddr, "source-gone", func(t testing.TB) { do(t, "address del "+poolAddr+"/25 dev wan0") })
		}},
	} {
		t.Run(strings.ReplaceAll(test.name, ",", ""), func(t *testing.T) {
			t.Parallel()
			kernel(t, func(t *testing.T) {
				r := newRouter(t, static)
				test.run(t, r)
				if text := r.daemon.stderr.String(); t.Failed() || strings.Contains(text, "disagrees") {
					t.Errorf("the daemon says\n%s", text)
				}
			})
		})
	}
}

// inbound strands a connection of the peer, by a forwarded port at addr, to a host of
// the LAN.
func (r *router) inbound(t testing.TB, addr, reason string, strand func(testing.TB)) {
	t.Helper()
	r.lan.listen(t, ":"+port)
	nft(t, "", `table ip inbound {
	chain inbound {
		type nat hook prerouting priority dstnat
		ip daddr `+addr+` tcp dport 8443 dnat to `+lanClient+`:`+port+`
	}
}`)
	w := r.internet.dial(t, call{To: addr + ":8443", From: host})
	w.echoes(t, "before the change")
	strand(t)
	m := r.bus.await(t, "the end of the translation", func(m payload) bool { return m.Type == "flow" && m.Remote == w.local.String() })
	var who struct{ For string }
	if err := json.Unmarshal(m.Msg, &who); err != nil {
		t.Fatal(err)
	}
	if m.Act != "closed" || m.Reason != reason || m.Local != w.remote.String() || who.For != lanClient+":"+port {
		t.Errorf("the bus says %s, want it closed for %s", m.Msg, reason)
	}
	if has := tracked(t, w); has != "" {
		t.Errorf("the tracker has %q", has)
	}
}

// pinger sends echo requests of one identifier.
type pinger struct{ fd int }

func newPinger(t testing.TB, ns, host string) pinger {
	t.Helper()
	var p pinger
	in(t, ns, func() {
		var err error
		p.fd, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMP)
		if err == nil {
			err = unix.SetsockoptTimeval(p.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 1})
		}
		if err == nil {
			err = unix.Connect(p.fd, &unix.SockaddrInet4{Addr: netip.MustParseAddr(host).As4()})
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	t.Cleanup(func() { unix.Close(p.fd) })
	return p
}

// answered says whether a request gets its answer within a second.
func (p pinger) answered(t testing.TB) bool {
	t.Helper()
	echo := []byte{8, 0, 0xe5, 0xca, 0x12, 0x34, 0, 1} // with its checksum, ^(0x0800 + 0x1234 + 1)
	if _, err := unix.Write(p.fd, echo); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	buf := make([]byte, 1500)
	for time.Since(begun) < time.Second {
		n, err := unix.Read(p.fd, buf)
		if err == nil && n >= 28 && buf[20] == 0 && buf[24] == 0x12 && buf[25] == 0x34 {
			return true
		}
	}
	return false
}
