//go:build linux

package story

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/netmond/netmond/internal/netns"
)

// internet is the other side of both uplinks: every host of it echoes at port 7,
// and answers probes, HTTP and HTTPS, as page says.
type internet struct {
	page   atomic.Value // string: where a portal sends everyone; "" without one
	secure atomic.Int64 // requests over TLS
}

// authorities is what the daemon trusts: the certificates that a device would have,
// and one that signs this Internet's.
const authorities = "/run/authorities.pem"

// newInternet opens its sockets in the namespace "peer". They live as long as the
// process.
func newInternet(t *testing.T) *internet {
	t.Helper()
	i := &internet{}
	i.page.Store("")
	listen := func(at string) net.Listener {
		var l net.Listener
		var err error
		within(t, "peer", func() { l, err = net.Listen("tcp", at) })
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	go netns.Echo(listen(":7"))
	server := &http.Server{Handler: i, ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = server.Serve(listen(":80")) }()
	secure := tls.NewListener(listen(":443"), &tls.Config{Certificates: []tls.Certificate{certificate(t)}})
	go func() { _ = server.Serve(secure) }()
	return i
}

// ServeHTTP answers a probe.
func (i *internet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.TLS != nil {
		i.secure.Add(1)
	}
	if page := i.page.Load().(string); page != "" {
		http.Redirect(w, r, page, http.StatusFound)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// certificate makes one for the host of the probes, which signs itself, and writes
// the authorities.
func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true,
		IPAddresses: []net.IP{net.ParseIP(host)},
		NotBefore:   time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := os.ReadFile("/etc/authorities.pem")
	if err != nil {
		t.Fatal(err)
	}
	bundle = append(bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	if err := os.WriteFile(authorities, bundle, 0o644); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
