package cpd

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestCheck(t *testing.T) {
	closed := raw(t, func(_ context.Context, c net.Conn) {})
	for _, tc := range []struct {
		name   string
		h      http.HandlerFunc
		state  State
		url    string // "" none, "/" relative to the server
		status int
	}{
		{"204", status(204), OK, "", 204},
		{"302", status(302, "Location", "/login"), Captive, "/login", 302},
		{"511", status(511), Captive, "/", 511},
		{"404", status(404), NoInternet, "", 404},
		{"503", status(503, "Retry-After", "7"), NoInternet, "", 503},
		{"200-empty", status(200), NoInternet, "", 200},
		{"200-page", page("<html>log in</html>"), Captive, "/", 200},
		{"200-refresh", page(`<meta http-equiv="refresh" content="0;url=/in">`), Captive, "/in", 200},
	} {
		t.Run(tc.name, func(t *testing.T) {
			at, n := serve(t, tc.h)
			d := &Detector{Probes: []Probe{{URL: at + "/"}}}
			got := d.Check(context.Background())
			want := tc.url
			if want != "" {
				want = at + want
			}
			if got.State != tc.state || got.URL != want || got.Status != tc.status || got.Err != nil || got.Elapsed <= 0 || got.Probe != at+"/" {
				t.Errorf("Check = %+v, want %v %q %d", got, tc.state, want, tc.status)
			}
			if n.Load() != 1 {
				t.Errorf("%d requests, want 1", n.Load())
			}
			if tc.status == 503 && got.RetryAfter != 7*time.Second {
				t.Errorf("RetryAfter = %v", got.RetryAfter)
			}
		})
	}
	t.Run("closed", func(t *testing.T) {
		d := &Detector{Probes: []Probe{{URL: closed}}}
		if got := d.Check(context.Background()); got.State != NoInternet || got.Err == nil || !strings.HasPrefix(got.Err.Error(), "cpd: ") || got.Status != 0 {
			t.Errorf("Check = %+v", got)
		}
	})
}

// TestCheckFallback: a later probe is asked where the one before gave no verdict
// on the uplink, and only there.
func TestCheckFallback(t *testing.T) {
	good, goodN := serve(t, status(204))
	portal, _ := serve(t, status(302, "Location", "/in"))
	broken, _ := serve(t, status(503))
	dead := refusing(t)
	for _, tc := range []struct {
		name   string
		probes []string
		state  State
		good   int32 // requests to the good one
		status int
	}{
		{"first", []string{good, good}, OK, 1, 204},
		{"second", []string{broken, good}, OK, 1, 204},
		{"third", []string{dead, broken, good}, OK, 1, 204},
		{"portal-is-final", []string{portal, good}, Captive, 0, 302},
		{"portal-second", []string{dead, portal, good}, Captive, 0, 302},
		{"none", []string{dead, broken, dead}, NoInternet, 0, 503},
	} {
		d := &Detector{}
		for _, u := range tc.probes {
			d.Probes = append(d.Probes, Probe{URL: u + "/"})
		}
		before := goodN.Load()
		got := d.Check(context.Background())
		if got.State != tc.state || got.Status != tc.status || goodN.Load()-before != tc.good {
			t.Errorf("%s: %+v after %d requests, want %v %d after %d", tc.name, got, goodN.Load()-before, tc.state, tc.status, tc.good)
		}
	}
}

// refusing returns the address of a port that nobody listens on, held by a
// socket that is bound only.
func refusing(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	sa, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return "http://" + netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(sa.(*syscall.SockaddrInet4).Port)).String()
}

func TestCheckRefused(t *testing.T) {
	d := &Detector{Probes: []Probe{{URL: refusing(t) + "/"}}}
	got := d.Check(context.Background())
	if got.State != NoInternet || !errors.Is(got.Err, syscall.ECONNREFUSED) || !strings.Contains(got.Reason, "connection refused") {
		t.Errorf("Check = %+v", got)
	}
}

func needLinux(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("links are bound to on Linux only")
	}
}

// TestCheckBound: the socket really is bound: lo leads to loopback, and a link
// that does not exist leads nowhere, which says nothing of the Internet.
func TestCheckBound(t *testing.T) {
	needLinux(t)
	at, n := serve(t, status(204))
	d := &Detector{Dev: "lo", Source: netip.MustParseAddr("127.0.0.7"), Probes: []Probe{{URL: at + "/"}}}
	if got := d.Check(context.Background()); got.State != OK {
		t.Errorf("bound to lo: %+v", got)
	}
	before := n.Load()
	d = &Detector{Dev: "nosuchlink0", Probes: []Probe{{URL: at + "/"}}}
	if got := d.Check(context.Background()); got.State != Unknown || !strings.Contains(got.Reason, "bind to link nosuchlink0") || !errors.Is(got.Err, syscall.ENODEV) {
		t.Errorf("bound to no link: %+v", got)
	}
	d = &Detector{Source: netip.MustParseAddr("192.0.2.77"), Probes: []Probe{{URL: at + "/"}}}
	if got := d.Check(context.Background()); got.State != Unknown || !errors.Is(got.Err, syscall.EADDRNOTAVAIL) {
		t.Errorf("no such source: %+v", got)
	}
	if n.Load() != before {
		t.Error("a probe got out all the same")
	}
}

// TestCheckSource: the server sees the address that was asked for.
func TestCheckSource(t *testing.T) {
	seen := make(chan string, 1)
	at, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		seen <- r.RemoteAddr
		w.WriteHeader(204)
	})
	needLinux(t) // elsewhere 127.0.0.7 is no address of lo
	d := &Detector{Source: netip.MustParseAddr("::ffff:127.0.0.7"), Probes: []Probe{{URL: at + "/"}}}
	if got := d.Check(context.Background()); got.State != OK {
		t.Fatalf("Check = %+v", got)
	}
	if from := <-seen; !strings.HasPrefix(from, "127.0.0.7:") {
		t.Errorf("asked from %s, want 127.0.0.7", from)
	}
}

func TestCheckFamily(t *testing.T) {
	at, n := serve(t, status(204))
	d := &Detector{Family: 6, Probes: []Probe{{URL: at + "/"}}}
	if got := d.Check(context.Background()); got.State != Unknown || !strings.Contains(got.Reason, "not IPv6") || n.Load() != 0 {
		t.Errorf("IPv4 probe over IPv6: %+v after %d requests", got, n.Load())
	}
}

// TestCheckCancelled: Check ends with ctx at every stage, and says that it knows nothing.
func TestCheckCancelled(t *testing.T) {
	dns, _ := names(t, map[string]string{"silent.example.com": "silent"})
	arrived := make(chan struct{}, 10)
	hang := func(text string) string {
		return raw(t, func(ctx context.Context, c net.Conn) {
			reply(text)(ctx, c)
			arrived <- struct{}{}
			<-ctx.Done()
		})
	}
	for name, at := range map[string]string{
		"name":    "http://silent.example.com/",
		"answer":  hang(""),
		"headers": hang("HTTP/1.1 204 No Content\r\nX: "),
		"body":    hang("HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\nhello"),
	} {
		ctx, cancel := context.WithCancelCause(context.Background())
		d := &Detector{Resolvers: []netip.Addr{dns.Addr()}, port: dns.Port(), Timeout: time.Minute, Probes: []Probe{{URL: at}, {URL: at}}}
		done := make(chan Result, 1)
		go func() { done <- d.Check(ctx) }()
		if name != "name" {
			<-arrived
		}
		why := errors.New("superseded")
		cancel(why)
		select {
		case got := <-done:
			if got.State != Unknown || !errors.Is(got.Err, why) {
				t.Errorf("%s: Check = %+v, want Unknown for %v", name, got, why)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: Check did not end with its context", name)
		}
	}
}
