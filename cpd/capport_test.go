package cpd

import (
	"context"
	"strings"
	"testing"
)

func TestParseCapport(t *testing.T) {
	for _, tc := range []struct {
		body           string
		captive        bool
		portal, venue  string
		seconds, bytes int64 // -1: none
		dropped, err   string
	}{
		{`{"captive":true,"user-portal-url":"https://a.example/in","venue-info-url":"https://a.example/","can-extend-session":true,"seconds-remaining":326,"bytes-remaining":7}`, true, "https://a.example/in", "https://a.example/", 326, 7, "", ""},
		{`{"captive":false}`, false, "", "", -1, -1, "", ""},
		{`{"captive":false,"seconds-remaining":0,"new-member":[{}]}`, false, "", "", 0, -1, "", ""},
		{`{"captive":false,"seconds-remaining":-5,"bytes-remaining":1e300}`, false, "", "", -1, -1, "", ""},
		{`{"captive":false,"seconds-remaining":59.9}`, false, "", "", 59, -1, "", ""},
		{`{"captive":true,"user-portal-url":"http://a.example/"}`, true, "", "", -1, -1, "user-portal-url: not https", ""},
		{`{"captive":true,"user-portal-url":"javascript:x"}`, true, "", "", -1, -1, "scheme", ""},
		{`{"captive":true,"user-portal-url":"https://a.example/\u0007"}`, true, "", "", -1, -1, "not printable", ""},
		{`{}`, false, "", "", -1, -1, "", "no member captive"},
		{`{"captive":"yes"}`, false, "", "", -1, -1, "", "not a JSON object"},
		{`[]`, false, "", "", -1, -1, "", "not a JSON object"},
		{`{"captive":true`, false, "", "", -1, -1, "", "not a JSON object"},
		{"", false, "", "", -1, -1, "", "not a JSON object"},
		{"null", false, "", "", -1, -1, "", "no member captive"},
	} {
		got, err := parseCapport([]byte(tc.body))
		if (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
			t.Errorf("%s: %v, want %q", tc.body, err, tc.err)
			continue
		}
		if got.Answered != (err == nil) || got.Captive != tc.captive || got.PortalURL != tc.portal || got.VenueURL != tc.venue ||
			number(got.SecondsRemaining) != tc.seconds || number(got.BytesRemaining) != tc.bytes || !strings.Contains(got.Dropped, tc.dropped) {
			t.Errorf("%s: %+v", tc.body, got)
		}
	}
}

func number(p *int64) int64 {
	if p == nil {
		return -1
	}
	return *p
}

func TestCleanCapport(t *testing.T) {
	for _, uri := range []string{Unrestricted, "https://portal.example.net/api"} {
		if got, err := CleanCapport(uri); err != nil || got != uri {
			t.Errorf("CleanCapport(%q) = %q, %v", uri, got, err)
		}
	}
	for _, uri := range []string{"", "http://portal.example.net/", "urn:ietf:params:capport:other", "https://a/\n"} {
		if got, err := CleanCapport(uri); err == nil || !strings.Contains(err.Error(), "allowed are https://") {
			t.Errorf("CleanCapport(%q) = %q, %v", uri, got, err)
		}
	}
}

// TestUnrestricted: a network that says it has no portal is asked no API, while
// the probes tell all the same.
func TestUnrestricted(t *testing.T) {
	good, _ := serve(t, status(204))
	d := &Detector{Capport: Unrestricted, Probes: []Probe{{URL: good + "/"}}}
	got := d.Check(context.Background())
	if want := (Capport{Unrestricted: true}); got.State != OK || got.Capport != want {
		t.Errorf("Check = %+v", got)
	}
}
