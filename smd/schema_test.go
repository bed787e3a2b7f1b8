package smd

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestPayloads(t *testing.T) {
	for _, tt := range []struct {
		v    appender
		want string
	}{
		{
			Route{RT: "add", Dst: "default", Gw: "192.0.2.1", Dev: "wan", Table: 254, Metric: 10},
			`{"rt":"add","dst":"default","gw":"192.0.2.1","dev":"wan","table":254,"metric":10}`,
		},
		{
			Route{RT: "del", Dst: "2001:db8::/32", Dev: "lan", Table: 254, Implied: true},
			`{"rt":"del","dst":"2001:db8::/32","dev":"lan","table":254,"metric":0,"implied":true}`,
		},
		{Trigger{CPDCheck, "gw-change"}, `{"trigger":"cpdcheck","src":"gw-change"}`},
		{Trigger{Trigger: CPDCheck}, `{"trigger":"cpdcheck"}`},
		{Portal{Result: "OK", Dev: "wan"}, `{"type":"cpd","result":"OK","dev":"wan"}`},
		{
			Portal{Result: "Captive", Dev: "wlan0", URL: "http://example.com/?a=1&b=<2>"},
			`{"type":"cpd","result":"Captive","dev":"wlan0","url":"http://example.com/?a=1&b=<2>"}`,
		},
		{
			Portal{Result: "OK", Dev: "wan", Family: "ipv6", Detail: "partial", Unbound: true, Remaining: 60, Venue: "https://example.com/"},
			`{"type":"cpd","result":"OK","dev":"wan","family":"ipv6","detail":"partial","unbound":true,"seconds-remaining":60,"venue-info-url":"https://example.com/"}`,
		},
		{Link{"wan", true, false}, `{"type":"link","dev":"wan","up":true,"carrier":false}`},
		{
			Flow{Act: "closed", Proto: "tcp", Local: "192.0.2.9:4000", Remote: "198.51.100.7:443", Reason: "no-route", Was: "default via 192.0.2.1 dev wan"},
			`{"type":"flow","act":"closed","proto":"tcp","local":"192.0.2.9:4000","remote":"198.51.100.7:443","reason":"no-route","was":"default via 192.0.2.1 dev wan"}`,
		},
		{
			Flow{Act: "closed", Proto: "tcp", Local: "203.0.113.5:1024", Remote: "198.51.100.7:443", Reason: "no-route", Was: "default dev wan", For: "192.0.2.9:4000"},
			`{"type":"flow","act":"closed","proto":"tcp","local":"203.0.113.5:1024","remote":"198.51.100.7:443","reason":"no-route","for":"192.0.2.9:4000","was":"default dev wan"}`,
		},
		{Closing{Mode: "all", Rung: "sock_destroy"}, `{"type":"close","mode":"all","rung":"sock_destroy"}`},
		{Closing{"dry-run", "pidfd", "no CONFIG_INET_DIAG_DESTROY"}, `{"type":"close","mode":"dry-run","rung":"pidfd","why":"no CONFIG_INET_DIAG_DESTROY"}`},
		{State{"COLDPLUG"}, `{"state":"COLDPLUG"}`},
	} {
		got := string(tt.v.AppendJSON([]byte("x")))
		if got != "x"+tt.want {
			t.Errorf("%T: got  %s\nwant x%s", tt.v, got, tt.want)
		}
		back := reflect.New(reflect.TypeOf(tt.v))
		if err := json.Unmarshal([]byte(tt.want), back.Interface()); err != nil || !reflect.DeepEqual(back.Elem().Interface(), tt.v) {
			t.Errorf("%s read back as %+v, %v", tt.want, back.Elem(), err)
		}
	}
}

func TestLongPayloadsAreCut(t *testing.T) {
	url := "http://example.com/" + strings.Repeat("x", 2000)
	short := "http://example.com/" + strings.Repeat("x", 180)
	was := "default nexthop via 192.0.2.1 dev wan " + strings.Repeat("nexthop via ü ", 50)
	for _, tt := range []struct {
		name      string
		v         appender
		want      string // how it begins
		omit, end string
	}{
		{"url", Portal{Result: "Captive", Dev: "wan", URL: url}, `{"type":"cpd","result":"Captive","dev":"wan","long":true}`, "url", ""},
		{"venue before url", Portal{Result: "Captive", Dev: "wan", URL: short, Venue: short}, `{"type":"cpd","result":"Captive","dev":"wan","url":"` + short + `","long":true}`, "venue", ""},
		{"detail", Portal{Result: "OK", Dev: "wan", Detail: url}, `{"type":"cpd","result":"OK","dev":"wan","long":true}`, "detail", ""},
		{"was", Flow{Act: "closed", Proto: "tcp", Local: "192.0.2.9:4000", Remote: "198.51.100.7:443", Reason: "no-route", Was: was}, `{"type":"flow","act":"closed","proto":"tcp","local":"192.0.2.9:4000","remote":"198.51.100.7:443","reason":"no-route","was":"default nexthop`, "�", `…"}`},
		{"route's device", Route{RT: "add", Dev: was, Implied: true}, `{"rt":"add","dst":"","dev":"default`, "�", `…","table":0,"metric":0,"implied":true}`},
		{"link's device", Link{Dev: strings.Repeat("\x01", 400)}, `{"type":"link","dev":"\u0001`, "�", `…","up":false,"carrier":false}`},
	} {
		got := string(tt.v.AppendJSON(nil))
		if len(got) > MaxPayload || !json.Valid([]byte(got)) || !strings.HasPrefix(got, tt.want) ||
			!strings.HasSuffix(got, tt.end) || strings.Contains(got, tt.omit) {
			t.Errorf("%s: %d bytes: %s", tt.name, len(got), got)
		}
		if tt.end != "" && len(got) < MaxPayload-20 {
			t.Errorf("%s: cut to %d bytes, more than needed: %s", tt.name, len(got), got)
		}
	}
}

func TestParseTrigger(t *testing.T) {
	for _, tt := range []struct {
		payload, trigger string
		ok               bool
	}{
		{`{"trigger":"cpdcheck"}`, "cpdcheck", true},
		{`{"src":"x","trigger":"other","more":[1]}`, "other", true},
		{`{"trigger":""}`, "", false},
		{`{"trigger":1}`, "", false},
		{`{"rt":"add"}`, "", false},
		{`"trigger"`, "", false},
		{`{"trigger":"cpdcheck"`, "", false},
	} {
		if got, ok := ParseTrigger([]byte(tt.payload)); got != tt.trigger || ok != tt.ok {
			t.Errorf("ParseTrigger(%s) = %q, %v, want %q, %v", tt.payload, got, ok, tt.trigger, tt.ok)
		}
	}
}

// FuzzString: appendString writes what encoding/json reads back as the same
// text, with U+FFFD for what is not UTF-8.
func FuzzString(f *testing.F) {
	for _, s := range []string{"", "wan", `a"b\c`, "\x00\x1f\x7f\r\n\t", "ü€😀", "\xff\xc3", "a\xed\xa0\x80b", "\u2028\ufffd"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		out := appendString(nil, s)
		var back string
		if err := json.Unmarshal(out, &back); err != nil || !utf8.Valid(out) {
			t.Fatalf("appendString(%q) = %s: %v", s, out, err)
		}
		if want := string([]rune(s)); back != want { // ranges like encoding/json
			t.Errorf("appendString(%q) reads back as %q, want %q", s, back, want)
		}
		for _, c := range out {
			if c < ' ' {
				t.Errorf("appendString(%q) = %q holds a control character", s, out)
			}
		}
	})
}

// FuzzPayload: whatever a name or a URL holds, the payloads are JSON in one
// line, within MaxPayload, and keep their first key.
func FuzzPayload(f *testing.F) {
	f.Add("wan", "http://example.com/", true, uint32(0))
	f.Add("\x00\xff\"\\", strings.Repeat("é", 300), false, uint32(1<<32-1))
	f.Add(strings.Repeat("\x01", 15), strings.Repeat("\x01", 64), true, uint32(60))
	f.Fuzz(func(t *testing.T, name, text string, flag bool, n uint32) {
		name = name[:min(len(name), 15)] // IFNAMSIZ: what is far too long is left out
		for first, v := range map[string]appender{
			`{"rt":"add"`:             Route{RT: "add", Dst: "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff", Gw: "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff", Dev: name, Table: n, Metric: n, Implied: flag},
			`{"trigger":"cpdcheck"`:   Trigger{CPDCheck, text},
			`{"type":"cpd","result":`: Portal{Result: "No internet", Dev: name, URL: text, Long: flag, Detail: text, Unbound: flag, Remaining: n, Venue: text},
			`{"type":"link","dev":`:   Link{name, flag, flag},
			`{"type":"flow","act":`:   Flow{Act: "would-close", Proto: "tcp", Local: "[2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:65535", Remote: "[2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:65535", Reason: "gateway-gone", Was: text, For: "[2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:65535"},
		} {
			out := v.AppendJSON([]byte("x"))[1:]
			if len(out) > MaxPayload || !json.Valid(out) || !utf8.Valid(out) || !strings.HasPrefix(string(out), first) || strings.Contains(string(out), "\n") {
				t.Errorf("%#v = %d bytes: %s", v, len(out), out)
			}
		}
	})
}
