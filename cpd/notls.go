//go:build notls

package cpd

import (
	"context"
	"errors"
)

// HasTLS says whether this build asks over HTTPS and knows the captive portal API.
const HasTLS = false

// tlsOptions are the fields of Detector that only a build with TLS has.
type tlsOptions struct{}

// checkSecure asks nothing.
func (d *Detector) checkSecure(context.Context, []Probe) secureResult { return secureResult{} }

// checkCapport tells what can be told without asking: RFC 8908 allows no plain HTTP.
func (d *Detector) checkCapport(context.Context) Capport {
	switch d.Capport {
	case "":
		return Capport{}
	case Unrestricted:
		return Capport{Unrestricted: true}
	}
	uri, err := CleanCapport(d.Capport)
	if err == nil {
		err = errors.New("cpd: capport: this build has no TLS (notls)")
	}
	return Capport{URI: uri, Err: err}
}

func describeTLS(error) string { return "" }
