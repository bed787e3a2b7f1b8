package view

import (
	"fmt"
	"sort"
	"strings"

	"github.com/netmond/netmond/smd"
)

// Status is the answer to `netmond status -json`.
type Status struct {
	State         string            `json:"state"` // COLDPLUG, OPERATIONAL, RESYNC, STOPPING; OFFLINE without a daemon
	Version       string            `json:"version"`
	TLS           bool              `json:"tls"` // HTTPS probes and RFC 8908 are built in
	Close         Close             `json:"close"`
	Uplinks       []Uplink          `json:"uplinks"`
	Routes        int               `json:"routes"`
	Links         int               `json:"links"`
	FlowsClosed   map[string]uint64 `json:"flows_closed"` // by reason
	Resyncs       uint64            `json:"resyncs"`
	Disagreements uint64            `json:"disagreements"`
	Recent        []Closed          `json:"recent"` // the flows closed last, newest first
	Board         any               `json:"board,omitempty"`
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

// Text is the status for a person, at most 80 columns where names allow.
func (s Status) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "state     %s", s.State)
	if s.Version != "" {
		fmt.Fprintf(&b, " (netmond %s)", s.Version)
	}
	fmt.Fprintf(&b, "\nclose     %s, by %s", s.Close.Mode, s.Close.Rung)
	if s.Close.Why != "" {
		fmt.Fprintf(&b, ": %s", s.Close.Why)
	}
	fmt.Fprintf(&b, "\ntable     %d routes, %d links, %d resyncs\n", s.Routes, s.Links, s.Resyncs)
	fmt.Fprintf(&b, "closed    %s", count(s.FlowsClosed))
	if s.Disagreements > 0 {
		fmt.Fprintf(&b, "; the kernel disagreed %d times", s.Disagreements)
	}
	b.WriteString("\n")
	if len(s.Uplinks) == 0 {
		b.WriteString("uplinks   none: no default route\n")
		return b.String()
	}
	fmt.Fprintf(&b, "\n%-12s %-4s %-28s %6s  %-8s %s\n", "UPLINK", "IP", "GATEWAY", "METRIC", "CARRIER", "INTERNET")
	for _, u := range s.Uplinks {
		carrier := "yes"
		if !u.Carrier {
			carrier = "no"
		}
		gw := u.Gateway
		if gw == "" {
			gw = "-"
		}
		net := u.CPD
		if u.Partial {
			net += " (HTTPS fails)"
		}
		fmt.Fprintf(&b, "%-12s v%-3d %-28s %6d  %-8s %s\n", u.Dev, u.Family, gw, u.Metric, carrier, net)
		if u.URL != "" {
			fmt.Fprintf(&b, "%-12s portal %s\n", "", u.URL)
		}
	}
	return b.String()
}

func count(byReason map[string]uint64) string {
	var words []string
	var sum uint64
	for r, n := range byReason {
		if n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, r))
			sum += n
		}
	}
	if sum == 0 {
		return "no flows"
	}
	sort.Strings(words)
	return fmt.Sprintf("%d flows (%s)", sum, strings.Join(words, ", "))
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

// Text is the result for a person.
func (c Check) Text() string {
	s := fmt.Sprintf("%-12s v%d  %-11s %5d ms", c.Dev, c.Family, c.Result, c.MS)
	switch {
	case c.URL != "":
		s += "  " + c.URL
	case c.Error != "":
		s += "  " + c.Error
	case c.Reason != "":
		s += "  " + c.Reason
	}
	return s + "\n"
}
