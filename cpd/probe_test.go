package cpd

import (
	"strings"
	"testing"
)

func TestParseProbe(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want Probe
	}{
		{"http://probe.example.com/", Probe{URL: "http://probe.example.com/"}},
		{"http://192.0.2.1:8080/x?a=b", Probe{URL: "http://192.0.2.1:8080/x?a=b"}},
		{"http://[2001:db8::1]/", Probe{URL: "http://[2001:db8::1]/"}},
		{"http://probe.example.com/,status=200", Probe{URL: "http://probe.example.com/", Status: 200}},
		{"http://probe.example.com/,body=Success, really", Probe{URL: "http://probe.example.com/", Body: "Success, really"}},
		{"http://probe.example.com/,status=200,body=a=b,status=1", Probe{URL: "http://probe.example.com/", Status: 200, Body: "a=b,status=1"}},
	} {
		got, err := ParseProbe(tc.in)
		if err != nil || got != tc.want {
			t.Errorf("ParseProbe(%q) = %+v, %v, want %+v", tc.in, got, err, tc.want)
		}
		if s := got.String(); s != tc.in {
			t.Errorf("String = %q, want %q", s, tc.in)
		}
	}
}

func TestParseProbeErrors(t *testing.T) {
	for in, want := range map[string]string{
		"":                                        "allowed is URL",
		"probe.example.com":                       "http://",
		"ftp://probe.example.com/":                "allowed are http and https",
		"http://":                                 "no host",
		"http://u:p@probe.example.com/":           "user name",
		"http://probe.example.com/#a":             "fragment",
		"http://probe.example.com/a b":            "not printable",
		"http://probe.example.com/\u00e9":         "not printable",
		"http://probe.example.com:99999/":         "port",
		"http://probe.example.com:0/":             "1 to 65535",
		"http://a_$(id).example.com/":             "host name",
		"http://a.example.com/,status=20":         "200 to 599",
		"http://a.example.com/,status=x":          "200 to 599",
		"http://a.example.com/,status=":           "200 to 599",
		"http://a.example.com/,stauts=204":        "allowed are status=200...599 and body=TEXT",
		"http://a.example.com/,b":                 "allowed are",
		"http://a.example.com/,":                  "allowed are",
		"http://a.example.com/,body=":             "empty",
		"http://a.example.com/,status=204,body=x": "no body",
	} {
		p, err := ParseProbe(in)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "cpd: probe ") {
			t.Errorf("ParseProbe(%q) = %+v, %v, want an error with %q", in, p, err, want)
		}
	}
	_, err := ParseProbe("https://probe.example.com/")
	if (err == nil) != HasTLS {
		t.Errorf("https probe: %v, want an error only without TLS (HasTLS %v)", err, HasTLS)
	}
}

func TestDefaultProbes(t *testing.T) {
	list := DefaultProbes()
	if len(list) < 2 {
		t.Fatalf("DefaultProbes = %v, want two operators' at least", list)
	}
	for _, p := range list {
		if got, err := ParseProbe(p.String()); err != nil || got != p {
			t.Errorf("ParseProbe(%q) = %v, %v", p, got, err)
		}
		if !p.public() || !p.companion().public() || p.companion().URL[:6] != "https:" {
			t.Errorf("%v is not known as public, or has no companion", p)
		}
	}
	list[0].URL = "changed"
	if DefaultProbes()[0].URL == "changed" {
		t.Error("DefaultProbes hands out the package's own table")
	}
}

func TestSplit(t *testing.T) {
	own, secure, known := Probe{URL: "http://a.example.com/"}, Probe{URL: "https://a.example.com/"}, defaultProbes[0]
	for _, tc := range []struct {
		name          string
		in            []Probe
		plain, secure int
	}{
		{"default", defaultProbes[:], len(defaultProbes), len(defaultProbes)},
		{"own", []Probe{own}, 1, 0},
		{"own-and-secure", []Probe{own, secure}, 1, 1},
		{"secure-given-replaces-companions", []Probe{known, secure}, 1, 1},
		{"own-and-known", []Probe{own, known}, 2, 1},
		{"secure", []Probe{secure}, 0, 1},
	} {
		plain, sec := split(tc.in)
		if len(plain) != tc.plain || len(sec) != tc.secure {
			t.Errorf("%s: split = %v, %v", tc.name, plain, sec)
		}
	}
}

func TestTarget(t *testing.T) {
	for raw, want := range map[string][3]string{ // host, Host header, request target
		"http://probe.example.com":        {"probe.example.com", "probe.example.com", "/"},
		"http://probe.example.com:81/a?b": {"probe.example.com", "probe.example.com:81", "/a?b"},
		"http://[2001:db8::1]:81/":        {"2001:db8::1", "[2001:db8::1]:81", "/"},
		"http://[fe80::1%25wan]/":         {"fe80::1%wan", "[fe80::1]", "/"},
		"http://probe.example.com?x":      {"probe.example.com", "probe.example.com", "/?x"},
	} {
		got, err := parseTarget(raw)
		if err != nil || [3]string{got.host, got.hostHdr, got.path} != want {
			t.Errorf("parseTarget(%q) = %+v, %v, want %q", raw, got, err, want)
		}
	}
}
