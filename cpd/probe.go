package cpd

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Probe is a question with the answer to expect. The zero value asks nothing.
// Immutable.
type Probe struct {
	URL    string // http, or https where HasTLS; printable ASCII, no user, no fragment
	Status int    // expected status, 200 to 599; 0: 204, or 200 where Body is set
	Body   string // expected somewhere in the first 64 KiB of the body; empty: any body
}

// defaultProbes are two endpoints made for this purpose, of two operators, so
// that one operator's outage is not taken for ours. Both serve HTTPS as well,
// under the same name, which is what their companions in split rely on.
var defaultProbes = [...]Probe{
	{URL: "http://connectivitycheck.android.com/generate_204"},
	{URL: "http://cp.cloudflare.com/generate_204"},
}

// DefaultProbes returns the probes of a Detector that has none of its own, in
// the order in which they are asked. The slice is the caller's.
func DefaultProbes() []Probe { return slices.Clone(defaultProbes[:]) }

// ParseProbe reads `URL[,status=204][,body=TEXT]`. A comma ends the URL (write
// %2C for one inside it), and body, which may hold commas, comes last.
func ParseProbe(s string) (Probe, error) {
	raw, opts, more := strings.Cut(s, ",")
	p := Probe{URL: raw}
	if _, err := p.target(); err != nil {
		return Probe{}, fmt.Errorf("cpd: probe %q: %w", s, err)
	}
	for more {
		var key, val string
		var ok bool
		if key, val, ok = strings.Cut(opts, "="); !ok {
			return Probe{}, fmt.Errorf("cpd: probe %q: option %q: allowed are status=200...599 and body=TEXT", s, opts)
		}
		switch key {
		case "status":
			val, opts, more = strings.Cut(val, ",")
			n, err := strconv.ParseUint(val, 10, 16)
			if err != nil || n < 200 || n > 599 {
				return Probe{}, fmt.Errorf("cpd: probe %q: status %q: allowed are 200 to 599", s, val)
			}
			p.Status = int(n)
		case "body":
			if val == "" {
				return Probe{}, fmt.Errorf("cpd: probe %q: body is empty: leave it out to accept any", s)
			}
			p.Body, more = val, false
		default:
			return Probe{}, fmt.Errorf("cpd: probe %q: option %q: allowed are status=200...599 and body=TEXT (write a comma in the URL as %%2C)", s, key)
		}
	}
	if p.Body != "" && (p.Status == 204 || p.Status == 304) {
		return Probe{}, fmt.Errorf("cpd: probe %q: an answer %d has no body", s, p.Status)
	}
	return p, nil
}

// String returns the form that ParseProbe reads.
func (p Probe) String() string {
	s := p.URL
	if p.Status != 0 {
		s += ",status=" + strconv.Itoa(p.Status)
	}
	if p.Body != "" {
		s += ",body=" + p.Body
	}
	return s
}

// status returns the status that p expects.
func (p Probe) status() int {
	switch {
	case p.Status != 0:
		return p.Status
	case p.Body != "":
		return 200
	}
	return 204
}

// public reports whether p asks a name that is known to stand for an address of
// the public Internet. Of an operator's own probe nothing of the kind is known:
// it may well name a host of the local network.
func (p Probe) public() bool {
	return slices.ContainsFunc(defaultProbes[:], func(d Probe) bool {
		return d.URL == p.URL || d.companion().URL == p.URL
	})
}

// companion returns the same probe over HTTPS.
func (p Probe) companion() Probe {
	p.URL = "https" + strings.TrimPrefix(p.URL, "http")
	return p
}

// split parts probes into those over HTTP and those over HTTPS. Where none of
// the latter is given, the well-known probes stand in for themselves; an
// operator's own server need not speak HTTPS.
func split(probes []Probe) (plain, secure []Probe) {
	for _, p := range probes {
		if strings.HasPrefix(p.URL, "https:") {
			secure = append(secure, p)
		} else {
			plain = append(plain, p)
		}
	}
	if len(secure) > 0 {
		return plain, secure
	}
	for _, p := range plain {
		if p.public() {
			secure = append(secure, p.companion())
		}
	}
	return plain, secure
}

// target is a URL taken apart for one request.
type target struct {
	secure  bool
	host    string     // name or literal, without brackets
	addr    netip.Addr // of a literal; invalid for a name
	port    uint16
	hostHdr string // as the Host header wants it
	path    string // request target: path and query
}

var errNoTLS = errors.New("https is not in this build (notls), allowed is http")

// target takes p's URL apart.
func (p Probe) target() (target, error) {
	t, err := parseTarget(p.URL)
	if err == nil && t.secure && !HasTLS {
		err = errNoTLS
	}
	return t, err
}

func parseTarget(raw string) (target, error) {
	if raw == "" {
		return target{}, errors.New("empty: allowed is URL[,status=204][,body=TEXT]")
	}
	if err := printable(raw); err != nil {
		return target{}, err
	}
	u, err := url.Parse(raw)
	if err != nil {
		return target{}, err
	}
	if err := checkURL(u); err != nil {
		return target{}, err
	}
	if u.Fragment != "" {
		return target{}, errors.New("URL has a fragment: leave out what follows the #")
	}
	t := target{secure: u.Scheme == "https", host: u.Hostname(), hostHdr: u.Host, port: 80, path: u.RequestURI()}
	if t.secure {
		t.port = 443
	}
	if a, err := netip.ParseAddr(t.host); err == nil {
		t.addr = a.Unmap()
		if z := a.Zone(); z != "" { // RFC 6874 section 4: the zone never leaves the device
			t.hostHdr = strings.Replace(t.hostHdr, "%"+z, "", 1)
		}
	}
	if port := u.Port(); port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return target{}, fmt.Errorf("port %q: allowed are 1 to 65535", port)
		}
		t.port = uint16(n)
	}
	return t, nil
}
