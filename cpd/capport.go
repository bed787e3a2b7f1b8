package cpd

import (
	"errors"
	"fmt"
	"strings"

	"github.com/netmond/netmond/internal/minijson"
)

// Unrestricted is the URI by which a network says that it has no captive portal
// (RFC 8910 section 2). No API is asked then; the probes still tell whether the
// Internet is behind it, and a portal further upstream still shows.
const Unrestricted = "urn:ietf:params:capport:unrestricted"

// capportMax is the longest API answer that is read, in bytes. Six short members
// fit a tenth of it; Android draws the same line.
const capportMax = 4 << 10

// Capport is what the captive portal API said (RFC 8908). The zero value means
// that no network announced one. Immutable.
type Capport struct {
	URI          string // the API asked; empty where there is none or it was no usable URI
	Unrestricted bool   // the network says that it has no portal
	Answered     bool   // the fields below are the API's
	Captive      bool   // the API's "captive"
	CanExtend    bool   // "can-extend-session"

	PortalURL string // "user-portal-url", https; empty where not given or dropped
	VenueURL  string // "venue-info-url", likewise
	Dropped   string // why one of the two was dropped

	SecondsRemaining *int64 // until access ends; nil where not given
	BytesRemaining   *int64 // likewise

	Err error // why the API gave no answer; nil where it did or was not asked
}

// portal reports whether the API alone makes the uplink Captive: it says so and
// says where to go. Without a page to go to the user could do nothing, and a
// broken API would cut off a working uplink.
func (c Capport) portal() bool { return c.Answered && c.Captive && c.PortalURL != "" }

// CleanCapport returns uri where it may be Detector.Capport: Unrestricted, or an
// https URL that CleanURL accepts.
func CleanCapport(uri string) (string, error) {
	if uri == Unrestricted {
		return uri, nil
	}
	clean, err := CleanURL(uri)
	if err == nil && !strings.HasPrefix(clean, "https:") {
		err = errors.New("not https")
	}
	if err != nil {
		return "", fmt.Errorf("cpd: capport: URI: %w: allowed are https://... and %s", err, Unrestricted)
	}
	return clean, nil
}

// parseCapport reads an application/captive+json object (RFC 8908 section 5).
// "captive" has to be there; members of the wrong kind make the whole malformed,
// numbers that make no sense are left out.
func parseCapport(body []byte) (Capport, error) {
	var doc struct {
		Captive   *bool    `json:"captive"`
		Portal    string   `json:"user-portal-url"`
		Venue     string   `json:"venue-info-url"`
		CanExtend bool     `json:"can-extend-session"`
		Seconds   *float64 `json:"seconds-remaining"`
		Bytes     *float64 `json:"bytes-remaining"`
	}
	if err := minijson.Unmarshal(body, &doc); err != nil {
		return Capport{}, errors.New("cpd: capport: not a JSON object as RFC 8908 has it")
	}
	if doc.Captive == nil {
		return Capport{}, errors.New("cpd: capport: no member captive")
	}
	c := Capport{Answered: true, Captive: *doc.Captive, CanExtend: doc.CanExtend,
		SecondsRemaining: whole(doc.Seconds), BytesRemaining: whole(doc.Bytes)}
	for _, m := range []struct {
		name, raw string
		to        *string
	}{{"user-portal-url", doc.Portal, &c.PortalURL}, {"venue-info-url", doc.Venue, &c.VenueURL}} {
		if m.raw == "" {
			continue
		}
		clean, err := CleanURL(m.raw)
		switch {
		case err != nil:
			c.Dropped = m.name + ": " + err.Error()
		case !strings.HasPrefix(clean, "https:"):
			c.Dropped = m.name + ": not https"
		default:
			*m.to = clean
		}
	}
	return c, nil
}

// whole returns f as a count; nil where it is none.
func whole(f *float64) *int64 {
	if f == nil || !(*f >= 0 && *f < 1<<53) {
		return nil
	}
	n := int64(*f)
	return &n
}
