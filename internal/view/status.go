package view

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/netmond/netmond/smd"
)

// Status is the answer to `netmond status -json`.
type Status struct {
	State         string            `json:"state"` // COLDPLUG, OPERATIONAL, RESYNC, STOPPING; OFFLINE without a daemon
	Version       string            `json:"version"`
	TLS           bool              `json:"tls"`             // HTTPS probes and RFC 8908 are built in
	NetNS         string            `json:"netns,omitempty"` // the network namespace, as in /proc/PID/ns/net
	Close         Close             `json:"close"`
	Uplinks       []Uplink          `json:"uplinks"`
	Routes        int               `json:"routes"`
	Links         int               `json:"links"`
	FlowsClosed   map[string]uint64 `json:"flows_closed"` // by reason
	Resyncs       uint64            `json:"resyncs"`
	Disagreements uint64            `json:"disagreements"`
	Recent        []Closed          `json:"recent"`          // the flows closed last, newest first
	Board         any               `json:"board,omitempty"` // a fmt.Stringer tells people, too
}

// Closed is a flow that was closed, as the bus told of it.
type Closed struct {
	smd.Flow
	AgeMS int64 `json:"age_ms"` // since then, in milliseconds
}

// Close says what is done to stranded flows, and how.
type Close struct {
	Mode string `json:"mode"` // the reasons acted on, "all" or "none"; "dry-run" where nothing is closed
	Rung string `json:"rung"` // "sock_destroy", "pidfd", "advisory"
	Why  string `json:"why,omitempty"`
}

// Uplink is a link that carries a default route, in one family.
type Uplink struct {
	Dev     string `json:"dev"`
	Gateway string `json:"gateway"` // empty where the route has none
	Metric  uint32 `json:"metric"`
	Family  int    `json:"family"`
	Table   uint32 `json:"table"`
	Carrier bool   `json:"carrier"`
	CPD     string `json:"cpd"` // OK, Captive, No internet, Unknown
	URL     string `json:"url"` // the portal's page; empty where there is none
	Partial bool   `json:"partial,omitempty"`
	Reason  string `json:"reason,omitempty"`

	Venue   string `json:"venue_info_url,omitempty"`
	Seconds *int64 `json:"seconds_remaining,omitempty"`
}

// Text is the status for a person.
func (s Status) Text(p Paint) string {
	var b strings.Builder
	fmt.Fprintf(&b, "state     %s", Printable(s.State))
	if s.Version != "" {
		fmt.Fprintf(&b, " (netmond %s)", Printable(s.Version))
	}
	if d, ok := s.Board.(fmt.Stringer); ok {
		fmt.Fprintf(&b, "\ndevice    %s", Printable(d.String()))
	}
	fmt.Fprintf(&b, "\nclose     %s, by %s", Printable(s.Close.Mode), Printable(s.Close.Rung))
	if s.Close.Why != "" {
		fmt.Fprintf(&b, ": %s", Printable(s.Close.Why))
	}
	fmt.Fprintf(&b, "\ntable     %d routes, %d links, %d resyncs\n", s.Routes, s.Links, s.Resyncs)
	fmt.Fprintf(&b, "closed    %s\n", strings.Join(closed(s.FlowsClosed), "\n          "))
	if s.Disagreements > 0 {
		fmt.Fprintf(&b, "kept      %d times, since the kernel disagreed\n", s.Disagreements)
	}
	if len(s.Uplinks) == 0 {
		b.WriteString("uplinks   none: no default route\n")
	} else {
		b.WriteString("\n")
		s.uplinks(&b, p)
	}
	if len(s.Recent) > 0 {
		b.WriteString("\n")
		s.recent(&b, p)
	}
	return b.String()
}

// uplinks writes a line for each uplink, and below it its portal's page or what is
// wrong.
func (s Status) uplinks(b *strings.Builder, p Paint) {
	rows := [][]cell{headings("UPLINK", "IP", "GATEWAY", "METRIC", "CARRIER", "INTERNET")}
	for _, u := range s.Uplinks {
		carrier, gateway, net := cell{"yes", plain}, u.Gateway, u.CPD
		if !u.Carrier {
			carrier = cell{"no", bad}
		}
		if gateway == "" {
			gateway = "-"
		}
		if u.Partial {
			net += " (HTTPS fails)"
		}
		rows = append(rows, []cell{
			{Printable(u.Dev), plain}, {fmt.Sprintf("v%d", u.Family), plain}, {Printable(gateway), plain},
			{fmt.Sprint(u.Metric), plain}, carrier, {Printable(net), internet(u.CPD)},
		})
	}
	for i, line := range p.align(rows) {
		fmt.Fprintln(b, line)
		if i == 0 {
			continue
		}
		switch u := s.Uplinks[i-1]; {
		case u.URL != "":
			fmt.Fprintf(b, "    portal %s\n", Printable(u.URL))
		case u.CPD == "No internet" && u.Reason != "":
			fmt.Fprintf(b, "    %s\n", p.in(faint, Printable(u.Reason)))
		}
	}
}

// recent writes a line for each flow closed last, or more where that is too long.
func (s Status) recent(b *strings.Builder, p Paint) {
	rows := [][]cell{headings("WHEN", "WHAT", "REASON", "FLOW")}
	for _, c := range s.Recent {
		flow := Printable(c.Proto + " " + c.Local + " > " + c.Remote)
		rows = append(rows, []cell{
			{ago(time.Duration(c.AgeMS) * time.Millisecond), plain}, {Printable(c.Act), plain}, {Printable(c.Reason), plain}, {flow, plain},
		})
	}
	for i, line := range p.align(rows) {
		if flow := rows[i][3].text; i > 0 && utf8.RuneCountInString(line) > lineMax {
			line = strings.TrimRight(strings.TrimSuffix(line, flow), " ") + "\n    " + fold(flow)
		}
		fmt.Fprintln(b, line)
	}
}

// fold puts a flow whose ends are too long for one line into two.
func fold(flow string) string {
	if 4+utf8.RuneCountInString(flow) <= lineMax {
		return flow
	}
	return strings.Replace(flow, " > ", "\n    > ", 1)
}

func headings(names ...string) (row []cell) {
	for _, n := range names {
		row = append(row, cell{n, faint})
	}
	return row
}

// closed counts the flows closed, in as few lines as there is room for.
func closed(byReason map[string]uint64) []string {
	const room = lineMax - len("closed    ")
	var sum uint64
	var words []string
	for _, r := range slices.Sorted(maps.Keys(byReason)) {
		if n := byReason[r]; n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, Printable(r)))
			sum += n
		}
	}
	if sum == 0 {
		return []string{"no flows"}
	}
	lines := []string{fmt.Sprintf("%d flows:", sum)}
	for i, w := range words {
		if i < len(words)-1 {
			w += ","
		}
		if last := &lines[len(lines)-1]; len(*last)+1+len(w) <= room {
			*last += " " + w
		} else {
			lines = append(lines, w)
		}
	}
	return lines
}

// Check is the result of a captive-portal check of one uplink and family.
type Check struct {
	Dev    string `json:"dev"`
	Family int    `json:"family"`
	Result string `json:"result"` // OK, Captive, No internet, Unknown
	URL    string `json:"url"`    // the portal's page
	Status int    `json:"status"` // of the HTTP answer; 0 where there was none
	MS     int64  `json:"ms"`
	Error  string `json:"error"`

	Partial bool   `json:"partial,omitempty"` // HTTP goes through and HTTPS does not
	Reason  string `json:"reason,omitempty"`
	Unbound bool   `json:"unbound,omitempty"` // names were asked of a resolver on this device

	Venue   string `json:"venue_info_url,omitempty"`
	Seconds *int64 `json:"seconds_remaining,omitempty"`
}

// Checks is the results for a person, each in two lines where one is too short.
func Checks(list []Check, p Paint) string {
	if len(list) == 0 {
		return "no uplink: there is no default route\n"
	}
	var rows [][]cell
	for _, c := range list {
		rows = append(rows, []cell{
			{Printable(c.Dev), plain}, {fmt.Sprintf("v%d", c.Family), plain}, {Printable(c.Result), internet(c.Result)},
			{fmt.Sprintf("%5d ms", c.MS), plain},
		})
	}
	bare := Paint(false).align(rows)
	var b strings.Builder
	for i, line := range p.align(rows) {
		more, sep := list[i].more(), "  "
		if utf8.RuneCountInString(bare[i]+sep+more) > lineMax {
			sep = "\n    "
		}
		if more == "" {
			sep = ""
		}
		fmt.Fprintln(&b, line+sep+Printable(more))
	}
	return b.String()
}

// more is what a person wants to know besides the result.
func (c Check) more() string {
	switch {
	case c.URL != "":
		return c.URL
	case c.Error != "":
		return c.Error
	}
	return c.Reason
}
