package cpd

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestCheckNames: names are asked of the detector's own resolvers, in its family
// only, the next one where one is silent.
func TestCheckNames(t *testing.T) {
	at, _ := serve(t, status(204))
	port := at[strings.LastIndexByte(at, ':'):]
	dns, asked := names(t, map[string]string{"probe.example.com": "127.0.0.1 ::1", "silent.example.com": "silent"})
	d := &Detector{Resolvers: []netip.Addr{dns.Addr()}, port: dns.Port(), Family: 4, Timeout: 5 * time.Second,
		Probes: []Probe{{URL: "http://probe.example.com" + port + "/"}}}
	if got := d.Check(context.Background()); got.State != OK || got.Unbound {
		t.Errorf("Check = %+v", got)
	}
	if q := asked(); len(q) != 1 || q[0] != "probe.example.com A" {
		t.Errorf("asked %q, want the A record once", q)
	}

	d.Family = 6
	d.Probes = []Probe{{URL: "http://probe.example.com" + port + "/"}}
	d.Check(context.Background()) // whether ::1 answers is not the point
	if q := asked(); len(q) != 1 || q[0] != "probe.example.com AAAA" {
		t.Errorf("asked %q, want the AAAA record once", q)
	}

	d.Family = 4
	d.Probes = []Probe{{URL: "http://nowhere.example.com/"}}
	if got := d.Check(context.Background()); got.State != NoInternet || !strings.Contains(got.Reason, "no address") {
		t.Errorf("unknown name: %+v", got)
	}

	d.Timeout = 200 * time.Millisecond
	d.Probes = []Probe{{URL: "http://silent.example.com/"}}
	if got := d.Check(context.Background()); got.State != NoInternet || got.Err == nil || got.Elapsed > 2*time.Second {
		t.Errorf("silent resolver: %+v", got)
	}
	asked()

	// 127.0.0.2 has nobody on that port.
	d.Timeout = 5 * time.Second
	d.Resolvers = []netip.Addr{netip.MustParseAddr("127.0.0.2"), dns.Addr()}
	d.Probes = []Probe{{URL: "http://probe.example.com" + port + "/"}}
	if got := d.Check(context.Background()); got.State != OK {
		t.Errorf("second resolver: %+v", got)
	}
}

// TestCheckUnbound: with a link to be bound to and only a loopback resolver, the
// question leaves the link, and the Result says so.
func TestCheckUnbound(t *testing.T) {
	needLinux(t)
	at, _ := serve(t, status(204))
	port := at[strings.LastIndexByte(at, ':'):]
	dns, asked := names(t, map[string]string{"probe.example.com": "127.0.0.1"})
	d := &Detector{Dev: "lo", Resolvers: []netip.Addr{dns.Addr()}, port: dns.Port(), Family: 4,
		Probes: []Probe{{URL: "http://probe.example.com" + port + "/"}}}
	if got := d.Check(context.Background()); got.State != OK || !got.Unbound {
		t.Errorf("Check = %+v, want OK and Unbound", got)
	}
	if q := asked(); len(q) != 1 {
		t.Errorf("asked %q", q)
	}
}

// TestResolvers: loopback resolvers count only where there is no other.
func TestResolvers(t *testing.T) {
	for _, tc := range []struct {
		name    string
		d       Detector
		want    string
		unbound bool
	}{
		{"own", Detector{Dev: "wan", Resolvers: addrs("192.0.2.1 192.0.2.2")}, "192.0.2.1 192.0.2.2", false},
		{"three", Detector{Resolvers: addrs("192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4")}, "192.0.2.1 192.0.2.2 192.0.2.3", false},
		{"loopback-among", Detector{Dev: "wan", Resolvers: addrs("127.0.0.53 192.0.2.1")}, "192.0.2.1", false},
		{"loopback", Detector{Dev: "wan", Resolvers: addrs("127.0.0.53")}, "127.0.0.53", true},
		{"loopback-6-mark", Detector{Mark: 1, Resolvers: addrs("::1")}, "::1", true},
		{"loopback-any-link", Detector{Resolvers: addrs("127.0.0.53")}, "127.0.0.53", false},
	} {
		got, unbound := tc.d.resolvers()
		if len(got) == 0 || !slices.Equal(got, addrs(tc.want)) || unbound != tc.unbound {
			t.Errorf("%s: resolvers = %v, %v, want %s, %v", tc.name, got, unbound, tc.want, tc.unbound)
		}
	}
	if got, _ := (&Detector{}).resolvers(); len(got) == 0 {
		t.Error("the system's resolvers: none")
	}
}

// TestCheckHijackedName: a well-known name that a blocker answers with this
// device's own address is not followed to whatever listens here.
func TestCheckHijackedName(t *testing.T) {
	for _, to := range []string{"127.0.0.1", "0.0.0.0"} {
		dns, _ := names(t, map[string]string{"connectivitycheck.android.com": to, "cp.cloudflare.com": to})
		d := &Detector{Resolvers: []netip.Addr{dns.Addr()}, port: dns.Port(), Family: 4}
		d.dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if network == "tcp" {
				t.Errorf("connected to %s", addr)
			}
			return (&net.Dialer{}).DialContext(ctx, network, addr)
		}
		if got := d.Check(context.Background()); got.State != NoInternet || !strings.Contains(got.Reason, "leads to this device") {
			t.Errorf("%s: Check = %+v", to, got)
		}
	}
}

// TestCheckBoundNames: a link that cannot be bound to for the question either
// says nothing of the Internet.
func TestCheckBoundNames(t *testing.T) {
	needLinux(t)
	d := &Detector{Dev: "nosuchlink0", Resolvers: addrs("192.0.2.53"), Probes: []Probe{{URL: "http://probe.example.com/"}}}
	if got := d.Check(context.Background()); got.State != Unknown || !errors.Is(got.Err, syscall.ENODEV) || !strings.Contains(got.Reason, "bind to link nosuchlink0") {
		t.Errorf("Check = %+v", got)
	}
}
