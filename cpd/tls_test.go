//go:build !notls

package cpd

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// authority signs certificates for tests.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(epoch, 0).AddDate(100, 0, 0), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{key: key, cert: cert, pool: x509.NewCertPool()}
	a.pool.AddCert(cert)
	return a
}

func (a *authority) issue(t *testing.T, host string, from, to time.Time) tls.Certificate {
	t.Helper()
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(2), DNSNames: []string{host}, NotBefore: from, NotAfter: to}
	if ip := net.ParseIP(host); ip != nil {
		tmpl.DNSNames, tmpl.IPAddresses = nil, []net.IP{ip}
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: a.key}
}

// serveTLS starts an HTTPS server on loopback and returns its address.
func serveTLS(t *testing.T, cert tls.Certificate, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes are meant to fail
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// to sends connections for the documentation addresses of tests to servers here.
func to(m map[string]string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		at, ok := m[addr]
		if !ok {
			return nil, errors.New("unexpected connection to " + addr)
		}
		return (&net.Dialer{}).DialContext(ctx, network, at)
	}
}

func TestCheckSecure(t *testing.T) {
	ca, stranger := newAuthority(t), newAuthority(t)
	now := time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)
	from, until := now.AddDate(0, -1, 0), now.AddDate(0, 1, 0)
	dated := func(code int, at time.Time) http.HandlerFunc {
		return status(code, "Date", at.Format(http.TimeFormat))
	}
	cert := ca.issue(t, "192.0.2.1", from, until)
	for _, tc := range []struct {
		name   string
		cert   tls.Certificate
		http   http.HandlerFunc
		https  http.HandlerFunc
		now    time.Time
		state  State
		part   bool
		clock  bool
		secure string
	}{
		{"both", cert, dated(204, now), status(204), now, OK, false, false, "OK"},
		{"unknown-authority", stranger.issue(t, "192.0.2.1", from, until), dated(204, now), status(204), now, OK, true, false, "intercepted: certificate of an unknown authority"},
		{"other-host", ca.issue(t, "192.0.2.2", from, until), dated(204, now), status(204), now, OK, true, false, "intercepted: certificate of another host"},
		{"expired", ca.issue(t, "192.0.2.1", from, now.Add(-time.Hour)), dated(204, now), status(204), now, OK, true, false, "out of date"},
		{"clock-behind", cert, dated(204, now), status(204), now.AddDate(-1, 0, 0), OK, false, true, "clock is wrong"},
		{"clock-ahead", cert, dated(204, now), status(204), now.AddDate(5, 0, 0), OK, false, true, "clock is wrong"},
		{"clock-1970", cert, dated(204, now), status(204), time.Unix(60, 0), OK, false, true, "clock is wrong"},
		{"page-over-https", cert, dated(204, now), page("<html>hello</html>"), now, OK, true, false, "200: a page"},
		{"https-alone", cert, dated(503, now), status(204), now, OK, false, false, "OK"},
		{"portal", cert, status(302, "Location", "/in"), status(204), now, Captive, false, false, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			plain, _ := serve(t, tc.http)
			d := &Detector{Probes: []Probe{{URL: "http://192.0.2.1/"}, {URL: "https://192.0.2.1/"}},
				dial: to(map[string]string{"192.0.2.1:80": plain[len("http://"):], "192.0.2.1:443": serveTLS(t, tc.cert, tc.https)}),
				now:  func() time.Time { return tc.now }}
			d.Roots = ca.pool
			got := d.Check(context.Background())
			if got.State != tc.state || got.Partial != tc.part || got.ClockWrong != tc.clock || !strings.Contains(got.Secure, tc.secure) {
				t.Errorf("Check = %+v", got)
			}
		})
	}
}

// TestNotTLS: a peer that answers a handshake in the clear is an interception.
func TestNotTLS(t *testing.T) {
	at := raw(t, reply("HTTP/1.1 302 Found\r\nLocation: http://portal.example.net/\r\n\r\n"))
	good, _ := serve(t, status(204))
	d := &Detector{Probes: []Probe{{URL: good + "/"}, {URL: "https" + strings.TrimPrefix(at, "http")}}}
	d.Roots = x509.NewCertPool()
	if got := d.Check(context.Background()); got.State != OK || !got.Partial || !strings.Contains(got.Secure, "does not speak TLS") {
		t.Errorf("Check = %+v", got)
	}
}

// TestSecureHang: an HTTPS probe that hangs costs its timeout, and nothing where
// HTTP has shown a portal.
func TestSecureHang(t *testing.T) {
	hang := "https" + strings.TrimPrefix(raw(t, func(ctx context.Context, c net.Conn) { <-ctx.Done() }), "http")
	good, _ := serve(t, status(204))
	portal, _ := serve(t, status(511))
	d := &Detector{Timeout: 200 * time.Millisecond, Probes: []Probe{{URL: good + "/"}, {URL: hang}}}
	if got := d.Check(context.Background()); got.State != OK || !got.Partial || got.Elapsed > 5*time.Second || !strings.Contains(got.Secure, "timed out") {
		t.Errorf("hanging HTTPS: %+v", got)
	}
	d = &Detector{Timeout: time.Minute, Probes: []Probe{{URL: portal + "/"}, {URL: hang}}}
	if got := d.Check(context.Background()); got.State != Captive || got.Elapsed > 20*time.Second {
		t.Errorf("portal: %+v", got)
	}
}

const apiURI = "https://192.0.2.9/api"

func TestCheckCapport(t *testing.T) {
	ca := newAuthority(t)
	cert := ca.issue(t, "192.0.2.9", time.Unix(0, 0), time.Unix(epoch, 0).AddDate(100, 0, 0))
	answer := func(media, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Accept") != "application/captive+json" {
				w.WriteHeader(406)
				return
			}
			w.Header().Set("Content-Type", media)
			w.Write([]byte(body))
		}
	}
	const media = "application/captive+json"
	good, _ := serve(t, status(204))
	for _, tc := range []struct {
		name  string
		h     http.HandlerFunc
		state State
		url   string
		err   string
	}{
		{"captive", answer(media, `{"captive":true,"user-portal-url":"https://portal.example.net/in","seconds-remaining":0}`), Captive, "https://portal.example.net/in", ""},
		{"captive-nowhere", answer(media, `{"captive":true}`), OK, "", ""},
		{"captive-plain-portal", answer(media, `{"captive":true,"user-portal-url":"http://portal.example.net/in"}`), OK, "", ""},
		{"free", answer(media+"; charset=utf-8", `{"captive":false,"venue-info-url":"https://venue.example.net/","seconds-remaining":3600}`), OK, "", ""},
		{"other-media", answer("text/html", `{"captive":true,"user-portal-url":"https://portal.example.net/in"}`), OK, "", "not application/captive+json"},
		{"too-long", answer(media, `{"captive":true,"x":"`+strings.Repeat("x", capportMax)+`"}`), OK, "", "passes 4096 bytes"},
		{"no-json", answer(media, `<html>`), OK, "", "not a JSON object"},
		{"no-captive", answer(media, `{}`), OK, "", "no member captive"},
		{"redirect", status(302, "Location", "https://192.0.2.10/"), OK, "", "status 302"},
		{"compressed", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			answer(media, "x")(w, r)
		}, OK, "", "compressed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := &Detector{Capport: apiURI, Probes: []Probe{{URL: "http://192.0.2.1/"}},
				dial: to(map[string]string{"192.0.2.1:80": good[len("http://"):], "192.0.2.9:443": serveTLS(t, cert, tc.h)})}
			d.Roots = ca.pool
			got := d.Check(context.Background())
			if got.State != tc.state || got.URL != tc.url || got.Capport.URI != apiURI {
				t.Errorf("Check = %+v, want %v %q", got, tc.state, tc.url)
			}
			if err := got.Capport.Err; (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Errorf("Capport.Err = %v, want %q", err, tc.err)
			}
			if c := got.Capport; tc.name == "free" && (c.VenueURL != "https://venue.example.net/" || c.SecondsRemaining == nil || *c.SecondsRemaining != 3600 || c.Captive) {
				t.Errorf("Capport = %+v", c)
			}
		})
	}
}

// TestCapportElsewhere: the API client connects neither to this device nor in the
// clear, whatever the network announces.
func TestCapportElsewhere(t *testing.T) {
	good, _ := serve(t, status(204))
	uris := []string{"https://127.0.0.1/", "https://127.8.9.1:8443/", "https://[::1]/", "https://0.0.0.0/", "https://[::]/",
		"https://[::ffff:127.0.0.1]/", "https://224.0.0.1/", "https://rebind.example.com/", "http://192.0.2.9/", "urn:x", "nonsense"}
	list, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range list {
		if n := a.(*net.IPNet); n.IP.To4() != nil {
			uris = append(uris, "https://"+n.IP.String()+"/")
		} else {
			uris = append(uris, "https://["+n.IP.String()+"]/")
		}
	}
	dns, _ := names(t, map[string]string{"rebind.example.com": "127.0.0.1 ::1"})
	for _, uri := range uris {
		d := &Detector{Capport: uri, Resolvers: addrs(dns.Addr().String()), port: dns.Port(), Probes: []Probe{{URL: good + "/"}}}
		d.dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if network == "tcp" && "http://"+addr != good {
				t.Errorf("%s: connected to %s", uri, addr)
			}
			return (&net.Dialer{}).DialContext(ctx, network, addr)
		}
		if got := d.Check(context.Background()); got.State != OK || got.Capport.Err == nil || got.Capport.Answered {
			t.Errorf("%s: Check = %+v", uri, got)
		}
	}
}

func TestRootless(t *testing.T) {
	d := &Detector{}
	d.Roots = x509.NewCertPool()
	if d.rootless() {
		t.Error("roots that were given count as none")
	}
}
