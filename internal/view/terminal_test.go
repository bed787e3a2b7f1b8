package view

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/netmond/netmond/smd"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares text with a file of testdata, and holds what goes for every
// text: no line of ordinary names is wider than a terminal, none ends in a blank,
// and without paint nothing is in it that a terminal would act on.
func golden(t *testing.T, name, text string) {
	t.Helper()
	file := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("%s is\n%swant\n%s", name, text, want)
	}
	for _, line := range strings.Split(text, "\n") {
		if n := utf8.RuneCountInString(line); n > lineMax && !strings.Contains(line, "http") {
			t.Errorf("%s: %d columns in %q", name, n, line)
		}
		if Printable(line) != line || strings.TrimRight(line, " ") != line {
			t.Errorf("%s: %q", name, line)
		}
	}
}

// device is a status with something of everything.
func device() Status {
	closed := func(age time.Duration, act, reason, proto, local, remote string) Closed {
		return Closed{smd.Flow{Act: act, Proto: proto, Local: local, Remote: remote, Reason: reason}, age.Milliseconds()}
	}
	return Status{
		State: "OPERATIONAL", Version: "1.2.3", Close: Close{Mode: "all", Rung: "sock_destroy"},
		Routes: 21, Links: 3, Resyncs: 1, Disagreements: 2,
		FlowsClosed: map[string]uint64{"no-route": 7, "source-gone": 1, "link-down": 12, "gateway-gone": 3, "rerouted": 104},
		Uplinks: []Uplink{
			{Dev: "wan0", Gateway: "192.0.2.1", Metric: 10, Family: 4, Table: 254, Carrier: true, CPD: "OK"},
			{Dev: "wan0", Gateway: "fe80::1234:5678:9abc:def0", Metric: 1024, Family: 6, Table: 254, Carrier: true, CPD: "OK", Partial: true},
			{Dev: "lte0", Metric: 700, Family: 4, Table: 100, Carrier: true, CPD: "Captive", URL: "http://portal.example.net/login?session=0123456789"},
			{Dev: "wlan0.guest", Gateway: "198.51.100.1", Metric: 20, Family: 4, Table: 254, CPD: "No internet", Reason: "no answer: timed out"},
			{Dev: "usb0", Gateway: "203.0.113.1", Family: 4, Table: 254, Carrier: true, CPD: "Unknown"},
		},
		Recent: []Closed{
			closed(0, "closed", "no-route", "tcp", "192.0.2.2:40000", "198.51.100.7:443"),
			closed(12*time.Second, "closed", "gateway-gone", "tcp", "[2001:db8::2]:40001", "[2001:db8:ff::7]:443"),
			closed(3*time.Minute, "would-close", "link-down", "mptcp", "192.0.2.130:65535", "203.0.113.254:65535"),
			closed(49*time.Hour, "closed", "source-gone", "tcp", "[2001:db8:1111:2222:3333:4444:5555:6666]:40002", "[2001:db8:ffff:eeee:dddd:cccc:bbbb:aaaa]:443"),
		},
	}
}

func TestStatusText(t *testing.T) {
	golden(t, "status", device().Text(false))
	golden(t, "status-offline", Status{State: "OFFLINE", Close: Close{Mode: "none", Rung: "advisory", Why: "no daemon runs"}}.Text(false))
}

func TestChecksText(t *testing.T) {
	golden(t, "check", Checks([]Check{
		{Dev: "wan0", Family: 4, Result: "OK", Status: 204, MS: 12, Reason: "204: the expected answer"},
		{Dev: "wan0", Family: 6, Result: "No internet", MS: 3000, Error: "cpd: dial: dial tcp [2001:db8::2]:0->[2001:db8:ff::7]:80: i/o timeout"},
		{Dev: "wlan0.guest", Family: 4, Result: "Captive", Status: 302, MS: 120, URL: "http://portal.example.net/"},
		{Dev: "lte0", Family: 4, Result: "Captive", Status: 302, MS: 120, URL: "http://portal.example.net/login?session=0123456789"},
		{Dev: "usb0", Family: 4, Result: "Unknown"},
	}, false))
	golden(t, "check-none", Checks(nil, false))
}

// bus is what a client may read, a line each.
const bus = `
0 network {"rt":"add","dst":"default","gw":"192.0.2.1","dev":"wan0","table":254,"metric":10}
1200 network {"rt":"add","dst":"default","gw":"fe80::3471:84ff:fef3:f442","dev":"wan0","table":254,"metric":1024}
1500 network {"rt":"del","dst":"2001:db8:fe::/48","gw":"fe80::1","dev":"wan0","table":100,"implied":true}
3000 network {"rt":"add","dst":"203.0.113.8","table":254,"metric":0}
1000000 network {"trigger":"cpdcheck","src":"gw-change"}
1000001 network {"trigger":"cpdcheck"}
2000000 network {"type":"cpd","result":"OK","dev":"wan0","family":"ipv4"}
2000000 network {"type":"cpd","result":"OK","dev":"wan0","family":"ipv6","detail":"partial"}
2000000 network {"type":"cpd","result":"Captive","dev":"wan0","url":"http://portal.example.net/login","family":"ipv4"}
2000000 network {"type":"cpd","result":"Captive","dev":"wan0","long":true,"family":"ipv4"}
2000000 network {"type":"cpd","result":"No internet","dev":"lte0","family":"ipv4"}
61000000 network {"type":"link","dev":"wan0","up":true,"carrier":true}
61000000 network {"type":"link","dev":"wan0","up":true,"carrier":false}
61000000 network {"type":"link","dev":"wan0","up":false,"carrier":false}
3600000000 network {"type":"flow","act":"closed","proto":"tcp","local":"192.0.2.2:40000","remote":"198.51.100.7:443","reason":"no-route","was":"default via 192.0.2.1 dev wan0"}
3600000000 network {"type":"flow","act":"would-close","proto":"tcp","local":"10.0.0.2:1","remote":"10.9.9.9:2","reason":"no-route","was":"default dev p"}
90000000000 network {"type":"flow","act":"closed","proto":"tcp","local":"[2001:db8::2]:40000","remote":"[2001:db8:ff::7]:443","reason":"gateway-gone"}
90000000000 network {"type":"close","mode":"all","rung":"sock_destroy"}
90000000000 network {"type":"close","mode":"all","rung":"pidfd","why":"this kernel has no CONFIG_INET_DIAG_DESTROY"}
90000000000 network {"type":"close","mode":"gateway-gone,link-down","rung":"advisory","why":"CAP_NET_ADMIN is missing"}
9000000000000 system {"state":"RESYNC"}
90000000000 user24 {"state":"mine","n":17,"list":[1,"a"],"sub":{"x":null}}
90000000000 interaction ["pressed",3]
90000000000 network {"rt":7}
90000000000 network {"type":"link","dev":7}
90000000000 user31 {"text":"\u001b]0;owned\u0007 \u202edesrever \n next"}
`

// events reads the lines of bus.
func events(t *testing.T) (list []smd.Event) {
	t.Helper()
	snapshot, err := json.Marshal(device())
	if err != nil {
		t.Fatal(err)
	}
	const start = 5e6
	list = append(list, smd.Event{Epoch: "e", Snapshot: snapshot}, smd.Event{Message: smd.Message{Seq: 3, Lost: 12}})
	for _, line := range strings.Split(strings.TrimSpace(bus), "\n") {
		at, rest, _ := strings.Cut(line, " ")
		name, payload, _ := strings.Cut(rest, " ")
		class, err := smd.ParseClass(name)
		if err != nil {
			t.Fatal(err)
		}
		var us int64
		if err := json.Unmarshal([]byte(at), &us); err != nil {
			t.Fatal(err)
		}
		list = append(list, smd.Event{Message: smd.Message{Seq: 1, Time: start + us, Class: class, Payload: json.RawMessage(payload)}})
	}
	return list
}

func TestEventText(t *testing.T) {
	var b bytes.Buffer
	for _, e := range events(t) {
		b.Write(append(Event(e, 5e6, false), '\n'))
	}
	golden(t, "events", b.String())
}

// TestPaintOnlyColours shows that colour is all that paint adds, and that it says
// good or bad of what it should.
func TestPaintOnlyColours(t *testing.T) {
	bare := strings.NewReplacer("\x1b[2m", "", "\x1b[31m", "", "\x1b[32m", "", "\x1b[33m", "", "\x1b[0m", "")
	for _, e := range events(t) {
		painted, want := string(Event(e, 5e6, true)), string(Event(e, 5e6, false))
		if bare.Replace(painted) != want {
			t.Errorf("painted %q, want %q in it", painted, want)
		}
	}
	s := device()
	if painted, want := s.Text(true), s.Text(false); bare.Replace(painted) != want {
		t.Errorf("painted\n%s\nwant in it\n%s", painted, want)
	}
	for _, word := range []string{"\x1b[32mOK\x1b[0m", "\x1b[33mCaptive\x1b[0m", "\x1b[31mNo internet\x1b[0m"} {
		if !strings.Contains(s.Text(true), word) {
			t.Errorf("%q is not in\n%s", word, s.Text(true))
		}
	}
}

// stranger is a board that calls itself so.
type stranger string

func (s stranger) String() string { return string(s) }

// TestStrangersText shows that no text of a stranger reaches a terminal as it is,
// wherever it stands.
func TestStrangersText(t *testing.T) {
	const evil = "\x1b[2J\x9b\u009b\u202e\xff\n"
	u := Uplink{Dev: evil, Gateway: evil, CPD: "No internet", Reason: evil}
	v := u
	v.URL = evil
	s := Status{State: evil, Version: evil, Board: stranger(evil), Close: Close{evil, evil, evil}, Uplinks: []Uplink{u, v}, FlowsClosed: map[string]uint64{evil: 1},
		Recent: []Closed{{Flow: smd.Flow{Act: evil, Proto: evil, Local: evil, Remote: evil, Reason: evil}}}}
	f := Flow{Proto: evil, Local: evil, Remote: evil, State: evil, Route: evil, Verdict: evil, Why: evil}
	c := Check{Dev: evil, Result: evil, URL: evil}
	for name, text := range map[string]string{
		"status": s.Text(false),
		"checks": Checks([]Check{c, {Error: evil}, {Reason: evil}}, false),
		"flow":   f.Text(),
		"why":    Why{Flow: f, Verdict: evil, Steps: []string{evil}}.Text(),
		"lookup": Lookup{Dst: evil, Prefix: evil, Error: evil, rule: evil, route: evil, NextHops: []NextHop{{Gateway: evil, Dev: evil}}}.Text(),
	} {
		for _, line := range strings.Split(text, "\n") {
			if Printable(line) != line {
				t.Errorf("%s: %q", name, line)
			}
		}
	}
	raw, err := json.Marshal(map[string]string{"type": "cpd", "result": evil, "dev": evil, "url": evil})
	if err != nil {
		t.Fatal(err)
	}
	for _, payload := range []string{string(raw), evil, `"` + evil + `"`} {
		line := string(Event(smd.Event{Message: smd.Message{Class: smd.Network, Payload: json.RawMessage(payload)}}, 0, false))
		if Printable(line) != line {
			t.Errorf("event: %q", line)
		}
	}
}

func TestAgo(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "now", 0: "now", 999 * time.Millisecond: "now", time.Second: "1 s ago", 12 * time.Second: "12 s ago",
		59 * time.Second: "59 s ago", time.Minute: "1 min ago", time.Hour: "1 h ago", 47 * time.Hour: "47 h ago", 72 * time.Hour: "3 days ago",
	} {
		if got := ago(d); got != want {
			t.Errorf("ago(%v) = %q, want %q", d, got, want)
		}
	}
}
