//go:build linux

package kernel

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// authority signs the certificates of a test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{}
	template := &x509.Certificate{Subject: pkix.Name{CommonName: "Test Authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	a.cert, a.key = a.sign(t, template)
	return a
}

// sign signs a certificate, with the authority's key where there is one.
func (a *authority) sign(t testing.TB, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// trusted makes this authority the only one for the programs that the test starts.
func (a *authority) trusted(t testing.TB) {
	t.Helper()
	const file = "/run/authority.pem"
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
	setenv(t, "SSL_CERT_FILE", file)
	setenv(t, "SSL_CERT_DIR", "/run/nowhere")
}

// secure makes l speak TLS as a host of that name or address.
func (a *authority) secure(t testing.TB, l net.Listener, name string) net.Listener {
	t.Helper()
	template := &x509.Certificate{Subject: pkix.Name{CommonName: name}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{name}
	}
	cert, key := a.sign(t, template)
	return tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}}})
}

// TestPortalHTTPS: what HTTPS adds. Behind an interceptor HTTP alone goes through;
// a portal that lets HTTP pass by mistake is found out; and where HTTP is filtered
// HTTPS will do.
func TestPortalHTTPS(t *testing.T) {
	t.Parallel()
	kernel(t, func(t *testing.T) {
		ours, theirs := newAuthority(t), newAuthority(t)
		ours.trusted(t)
		i := newInternet(t)
		plain := i.web(t, host+":80", noContent)
		i.serve(t, ours.secure(t, i.listen(t, host+":443"), probeName), noContent)
		i.serve(t, theirs.secure(t, i.listen(t, host+":8443"), probeName), noContent)
		i.serve(t, ours.secure(t, i.listen(t, host+":9443"), "other.example.com"), noContent)
		i.raw(t, host+":7443", "HTTP/1.1 302 Found\r\nLocation: http://portal.example.net/\r\n\r\n", hangUp)
		i.resolver(t, wan0Gateway, zone{probeName: host})
		lease(t, wan0, "DNS="+wan0Gateway)
		do(t, "route add default via "+wan0Gateway)

		for _, c := range []struct {
			name    string
			http    http.HandlerFunc
			port    string
			code    int
			result  string
			partial bool
			about   string
		}{
			{"both well", noContent, "443", 0, "OK", false, "204"},
			{"an unknown authority", noContent, "8443", 0, "OK", true, "unknown authority"},
			{"another host", noContent, "9443", 0, "OK", true, "another host"},
			{"no TLS", noContent, "7443", 0, "OK", true, "does not speak TLS"},
			{"nobody", noContent, "6443", 0, "OK", true, "refused"},
			{"only HTTPS", silence, "443", 0, "OK", false, "over HTTPS only"},
			{"a portal", redirect("http://portal.example.net/"), "443", 1, "Captive", false, "redirected"},
			{"neither", silence, "8443", 2, "No internet", false, "timed out"},
		} {
			t.Run(c.name, func(t *testing.T) {
				plain.does(c.http)
				v := check(t, c.code, "-probe", probeURL, "-probe", "https://"+probeName+":"+c.port+"/generate_204", "-probe-timeout", "1s")["wan0/4"]
				if v.Result != c.result || v.Partial != c.partial || !strings.Contains(v.Reason, c.about) {
					t.Errorf("check says %+v, want %s, partial %v, for %q", v, c.result, c.partial, c.about)
				}
			})
		}
		t.Run("on the bus", func(t *testing.T) {
			plain.does(noContent)
			_, b := runDaemon(t, "-close", "none", "-probe", probeURL, "-probe", "https://"+probeName+":8443/generate_204")
			if m := b.result(t, wan0, "ipv4", "OK"); m.Detail != "partial" {
				t.Errorf("the bus says %s", m.Msg)
			}
			if text := command(t, 0, "status"); !strings.Contains(text, "HTTPS fails") {
				t.Errorf("status prints\n%s", text)
			}
		})
	})
}

// capportAPI answers as RFC 8908 section 5 has it.
func capportAPI(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/captive+json")
		fmt.Fprint(w, text)
	}
}

// TestPortalAPI: the captive portal API (RFC 8908), at the address that DHCP gave,
// the operator names, or the router announces (RFC 8910).
func TestPortalAPI(t *testing.T) {
	t.Parallel()
	kernel(t, func(t *testing.T) {
		const (
			page    = "https://portal.example.net/login"
			venue   = "https://venue.example.net/menu"
			captive = `{"captive":true,"user-portal-url":"` + page + `","venue-info-url":"` + venue + `"}`
			free    = `{"captive":false,"seconds-remaining":326,"venue-info-url":"` + venue + `"}`
		)
		ours := newAuthority(t)
		ours.trusted(t)
		i := newInternet(t)
		i.web(t, host+":80", noContent)
		i.web(t, "["+host6+"]:80", noContent)
		api := i.serve(t, ours.secure(t, i.listen(t, otherHost+":443"), portalName), capportAPI(captive))
		i.resolver(t, wan0Gateway, zone{probeName: host + " " + host6, portalName: otherHost})
		dns, uri := "DNS="+wan0Gateway, "https://"+portalName+"/captive"
		do(t, "route add default via "+wan0Gateway)

		t.Run("of a lease", func(t *testing.T) {
			lease(t, wan0, dns, "CAPTIVE_PORTAL="+uri)
			i.forget()
			v := check(t, 1, "-probe", probeURL)["wan0/4"]
			if v.Result != "Captive" || v.URL != page || v.Venue != venue {
				t.Errorf("check says %+v", v)
			}
			for _, r := range i.all() {
				if r.from.String() != wan0Addr {
					t.Errorf("%v, want nobody but %s", r, wan0Addr)
				}
			}
		})
		t.Run("of the operator", func(t *testing.T) {
			lease(t, wan0, dns)
			api.does(capportAPI(free))
			v := check(t, 0, "-probe", probeURL, "-capport", uri)["wan0/4"]
			if v.Result != "OK" || v.URL != "" || v.Venue != venue || v.Seconds == nil || *v.Seconds != 326 {
				t.Errorf("check says %+v", v)
			}
		})
		t.Run("one that says nothing of use", func(t *testing.T) {
			lease(t, wan0, dns)
			for _, text := range []string{`{"captive":true}`, `{`, `[]`, `{"captive":true,"user-portal-url":"javascript:alert(1)"}`,
				`{"captive":true,"user-portal-url":"https://x.example.net/` + strings.Repeat("a", 5<<10) + `"}`} {
				api.does(capportAPI(text))
				if v := check(t, 0, "-probe", probeURL, "-capport", uri)["wan0/4"]; v.Result != "OK" || v.URL != "" {
					t.Errorf("after %.60s check says %+v", text, v)
				}
			}
		})
		t.Run("unrestricted", func(t *testing.T) {
			lease(t, wan0, dns, "CAPTIVE_PORTAL=urn:ietf:params:capport:unrestricted")
			i.forget()
			if v := check(t, 0, "-probe", probeURL)["wan0/4"]; v.Result != "OK" {
				t.Errorf("check says %+v", v)
			}
			for _, r := range i.all() {
				if strings.HasPrefix(r.what, "GET https:") {
					t.Errorf("%v, though there is no portal", r)
				}
			}
		})
		t.Run("at an address of this device", func(t *testing.T) {
			lease(t, wan0, dns)
			l, err := net.Listen("tcp", wan0Addr+":443")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close() })
			i.serve(t, ours.secure(t, l, wan0Addr), capportAPI(captive))
			i.forget()
			if v := check(t, 0, "-probe", probeURL, "-capport", "https://"+wan0Addr+"/")["wan0/4"]; v.Result != "OK" {
				t.Errorf("check says %+v", v)
			}
			for _, r := range i.all() {
				if r.at.String() == wan0Addr {
					t.Errorf("%v", r)
				}
			}
		})
		t.Run("of the router", func(t *testing.T) {
			lease(t, wan0, dns)
			i.serve(t, ours.secure(t, i.listen(t, "["+host6+"]:443"), host6), capportAPI(captive))
			sysctl(t, "net/ipv6/conf/wan0/accept_ra", "2")
			in(t, "peer", func() { sysctl(t, "net/ipv6/conf/all/forwarding", "1") }) // no default route by a mere host (ndisc_recv_na)
			_, b := runDaemon(t, "-close", "none", "-probe", probeURL)
			b.result(t, wan0, "ipv4", "OK")
			in(t, "peer", func() { advert{lifetime: 1800}.send(t, "peer0") })
			b.result(t, wan0, "ipv6", "OK")
			in(t, "peer", func() {
				advert{lifetime: 1800, options: captivePortal("https://[" + host6 + "]/captive")}.send(t, "peer0")
			})
			if m := b.result(t, wan0, "ipv6", "Captive"); m.URL != page {
				t.Errorf("the bus says %s", m.Msg)
			}
			b.mark(t)
			b.forget()
			in(t, "peer", func() {
				advert{lifetime: 1800, options: captivePortal("urn:ietf:params:capport:unrestricted")}.send(t, "peer0")
			})
			b.result(t, wan0, "ipv6", "OK")
		})
	})
}

// captivePortal is the option of RFC 8910 section 2.3.
func captivePortal(uri string) []byte {
	words := (2 + len(uri) + 7) / 8
	option := make([]byte, 8*words)
	option[0], option[1] = 37, byte(words)
	copy(option[2:], uri)
	return option
}
