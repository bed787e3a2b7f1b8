//go:build !notls

package cpd

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// HasTLS says whether this build asks over HTTPS and knows the captive portal API.
const HasTLS = true

// tlsOptions are the fields of Detector that only a build with TLS has.
type tlsOptions struct {
	// Roots are the authorities to trust; nil: the system's. Shared, not copied.
	Roots *x509.CertPool
}

var errClock = errors.New("cpd: tls: this device's clock is wrong")

// secure makes conn a TLS connection to host, its certificate verified.
func (d *Detector) secure(ctx context.Context, conn net.Conn, host string) (net.Conn, error) {
	c := tls.Client(conn, &tls.Config{
		ServerName: host,
		RootCAs:    d.Roots,
		Time:       d.time,
		NextProtos: []string{"http/1.1"},
		MinVersion: tls.VersionTLS12,
	})
	return c, c.HandshakeContext(ctx)
}

// checkSecure asks the HTTPS probes in order until one answers as expected.
func (d *Detector) checkSecure(ctx context.Context, probes []Probe) (s secureResult) {
	if len(probes) == 0 {
		return s
	}
	s.asked = true
	if early(d.time()) { // no certificate would pass: spare the handshake
		s.Result = Result{State: NoInternet, Reason: "no certificate is valid yet", Probe: probes[0].URL, Err: errClock}
		return s
	}
	var r reader
	for _, p := range probes {
		resp, unbound := d.ask(ctx, p, &r, d.secure)
		resp.Addr = netip.Addr{} // the certificate vouches for the peer, whatever its address
		s.Result = Classify(p, resp)
		s.Unbound = s.Unbound || unbound
		if s.ok = s.State == OK; s.ok {
			return s
		}
		var invalid x509.CertificateInvalidError
		if errors.As(resp.Err, &invalid) && invalid.Reason == x509.Expired {
			s.expired = true
		}
		var unknown x509.UnknownAuthorityError
		var roots x509.SystemRootsError
		if errors.As(resp.Err, &roots) || errors.As(resp.Err, &unknown) && d.rootless() {
			s.excluded = "this device has no certificate authorities (install ca-certificates)"
			return s
		}
		if ctx.Err() != nil {
			return s
		}
	}
	return s
}

// rootless reports whether nothing could ever be verified, as on an image
// without a certificate bundle.
func (d *Detector) rootless() bool {
	if d.Roots != nil {
		return false
	}
	pool, err := x509.SystemCertPool()
	return err != nil || pool.Equal(x509.NewCertPool())
}

// checkCapport asks the captive portal API that the network announced.
func (d *Detector) checkCapport(ctx context.Context) Capport {
	switch d.Capport {
	case "":
		return Capport{}
	case Unrestricted:
		return Capport{Unrestricted: true}
	}
	uri, err := CleanCapport(d.Capport)
	if err != nil {
		return Capport{Err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, d.timeout())
	defer cancel()
	c, err := d.askCapport(ctx, uri)
	c.URI, c.Err = uri, err
	return c
}

func (d *Detector) askCapport(ctx context.Context, uri string) (Capport, error) {
	t, err := parseTarget(uri)
	if err != nil {
		return Capport{}, fmt.Errorf("cpd: capport: URI: %w", err)
	}
	if early(d.time()) {
		return Capport{}, errClock
	}
	// Whoever announced the URI must not make us talk to our own services.
	conn, _, _, err := d.connect(ctx, t, elsewhere())
	if err != nil {
		return Capport{}, fmt.Errorf("cpd: capport: %w", err)
	}
	defer conn.Close()
	var r reader
	resp := exchange(ctx, conn, t, "application/captive+json", &r, d.secure, func(resp *Response) int {
		if resp.Status == 200 {
			return capportMax
		}
		return 0
	})
	media, _, _ := bytes.Cut([]byte(resp.Type), []byte(";"))
	switch {
	case resp.Err != nil:
		return Capport{}, resp.Err
	case resp.Status != 200:
		return Capport{}, fmt.Errorf("cpd: capport: status %d", resp.Status)
	case resp.Truncated:
		return Capport{}, fmt.Errorf("cpd: capport: answer passes %d bytes", capportMax)
	case !fold(trim(media), "application/captive+json"):
		return Capport{}, errors.New("cpd: capport: answer is not application/captive+json")
	case resp.Encoding != "":
		return Capport{}, errors.New("cpd: capport: answer is compressed")
	}
	return parseCapport(resp.Body)
}

// describeTLS is describe for what TLS adds; empty for everything else.
func describeTLS(err error) string {
	var (
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		invalid x509.CertificateInvalidError
		record  tls.RecordHeaderError
		alert   tls.AlertError
	)
	switch {
	case errors.Is(err, errClock):
		return "no certificate is valid yet"
	case errors.As(err, &unknown):
		return "TLS intercepted: certificate of an unknown authority"
	case errors.As(err, &host):
		return "TLS intercepted: certificate of another host"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "certificate out of date by this device's clock"
	case errors.As(err, &invalid):
		return "certificate not valid"
	case errors.As(err, &record):
		return "TLS intercepted: the peer does not speak TLS"
	case errors.As(err, &alert):
		return "the peer refused TLS"
	}
	return ""
}
