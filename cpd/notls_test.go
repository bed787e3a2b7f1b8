//go:build notls

package cpd

import (
	"context"
	"strings"
	"testing"
)

// TestWithoutTLS: a build without TLS asks over HTTP alone and says what it
// leaves out.
func TestWithoutTLS(t *testing.T) {
	good, _ := serve(t, status(204))
	d := &Detector{Capport: "https://portal.example.net/api", Probes: []Probe{{URL: good + "/"}}}
	got := d.Check(context.Background())
	if got.State != OK || got.Partial || got.Secure != "" || got.Capport.Err == nil || !strings.Contains(got.Capport.Err.Error(), "notls") {
		t.Errorf("Check = %+v", got)
	}
	d = &Detector{Probes: []Probe{{URL: "https://192.0.2.1/"}}}
	if got := d.Check(context.Background()); got.State != Unknown {
		t.Errorf("HTTPS probe: %+v, want Unknown", got)
	}
}
