package view

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/netmond/netmond/rtnl"
	"github.com/netmond/netmond/smd"

	"github.com/netmond/netmond/internal/minijson"
)

// EventJSON is an event as the line of the local API.
func EventJSON(e smd.Event) []byte {
	if e.Snapshot == nil {
		return e.Message.AppendJSON(nil)
	}
	b := append([]byte(`{"seq":`), strconv.FormatUint(e.Message.Seq, 10)...)
	b = append(b, `,"epoch":`...)
	b = strconv.AppendQuote(b, e.Epoch)
	b = append(b, `,"snapshot":`...)
	b = append(b, e.Snapshot...)
	return append(b, '}')
}

// Event is an event as one line for a person: seconds since start, which is in the
// messages' clock, what it is about, and what happened.
//
//	12.345 route del   default via 192.0.2.1 dev wan metric 10
//	12.496 closed      no-route     tcp 192.0.2.2:40000 > 198.51.100.7:443
func Event(e smd.Event, start int64, p Paint) []byte {
	m := e.Message
	at := seconds(time.Duration(m.Time-start) * time.Microsecond)
	var kind, text, colour string
	switch {
	case e.Snapshot != nil:
		at, kind, text = "", "now", snapshot(e.Snapshot)
	case m.Lost > 0:
		at, kind, text, colour = "", "gap", fmt.Sprintf("%d messages lost", m.Lost), bad
	default:
		kind, text, colour = message(m)
	}
	return fmt.Appendf(nil, "%s %-*s %s", p.in(faint, fmt.Sprintf("%*s", atWidth, at)), kindWidth, Printable(kind), p.in(colour, Printable(text)))
}

// Columns of an event: the time, and the longest kind of message.
const (
	atWidth   = len("1234.567")
	kindWidth = len("would-close")
)

// seconds is a time in as many places as there is room for.
func seconds(d time.Duration) string {
	s := fmt.Sprintf("%.3f", d.Seconds())
	return strings.TrimSuffix(s[:min(len(s), atWidth)], ".")
}

func snapshot(raw json.RawMessage) string {
	var s Status
	if minijson.Unmarshal(raw, &s) != nil {
		return "a state that is not understood"
	}
	return fmt.Sprintf("%s: %d routes, %d links, %d uplinks", s.State, s.Routes, s.Links, len(s.Uplinks))
}

// message says what a message is about and what it tells. Those of netmond's own
// making are put into words; others, and what only looks like them, are shown as
// they are.
func message(m smd.Message) (kind, text, colour string) {
	var key struct{ RT, Type, Trigger, State string }
	if m.Class&(smd.Network|smd.System) != 0 && minijson.Unmarshal(m.Payload, &key) == nil {
		var words func([]byte) (kind, text, colour string)
		switch {
		case key.RT != "":
			words = told(route)
		case key.Type == "link":
			words = told(link)
		case key.Type == "cpd":
			words = told(portal)
		case key.Type == "flow":
			words = told(flow)
		case key.Type == "close":
			words = told(closing)
		case key.Trigger != "":
			words = told(trigger)
		case key.State != "":
			words = told(state)
		}
		if words != nil {
			kind, text, colour = words(m.Payload)
		}
		if kind != "" {
			return kind, text, colour
		}
	}
	return m.Class.String(), pairs(m.Payload), plain
}

// told reads a payload and puts it into words; kind is empty where it cannot be
// read.
func told[T any](words func(T) (kind, text, colour string)) func([]byte) (kind, text, colour string) {
	return func(raw []byte) (string, string, string) {
		var v T
		if minijson.Unmarshal(raw, &v) != nil {
			return "", "", plain
		}
		return words(v)
	}
}

func route(r smd.Route) (kind, text, colour string) {
	s := r.Dst
	if r.Gw != "" {
		s += " via " + r.Gw
	}
	if r.Dev != "" {
		s += " dev " + r.Dev
	}
	if r.Table != rtnl.TableMain {
		s += " table " + rtnl.TableName(r.Table)
	}
	if r.Metric != 0 {
		s += fmt.Sprintf(" metric %d", r.Metric)
	}
	if r.Implied {
		s += " (implied)"
	}
	if r.RT == "del" {
		colour = warn
	}
	return "route " + r.RT, s, colour
}

func link(l smd.Link) (kind, text, colour string) {
	switch {
	case !l.Up:
		return "link", l.Dev + " down", warn
	case !l.Carrier:
		return "link", l.Dev + " up, no carrier", warn
	}
	return "link", l.Dev + " up", good
}

func portal(c smd.Portal) (kind, text, colour string) {
	s := c.Dev
	if version, ok := strings.CutPrefix(c.Family, "ip"); ok {
		s += " " + version
	}
	s += " " + c.Result
	if c.Detail == "partial" {
		s += " (HTTPS fails)"
	}
	if c.URL != "" {
		s += " " + c.URL
	}
	if c.Long {
		s += " (status has the rest)"
	}
	return "check", s, internet(c.Result)
}

// flow leaves the old route out where the line would grow too long for it.
func flow(f smd.Flow) (kind, text, colour string) {
	s := fmt.Sprintf("%-12s %s %s > %s", f.Reason, f.Proto, f.Local, f.Remote)
	if was := ", was " + f.Was; f.Was != "" && atWidth+1+kindWidth+1+utf8.RuneCountInString(s+was) <= lineMax {
		s += was
	}
	if f.Act == "closed" {
		return f.Act, s, bad
	}
	return f.Act, s, warn
}

// closing leaves the reason to status where the line would grow too long for it.
func closing(c smd.Closing) (kind, text, colour string) {
	s := c.Mode + ", by " + c.Rung
	if c.Why == "" {
		return "close", s, good
	}
	if why := ": " + c.Why; atWidth+1+kindWidth+1+utf8.RuneCountInString(s+why) <= lineMax {
		s += why
	}
	return "close", s, warn
}

func trigger(t smd.Trigger) (kind, text, colour string) {
	if t.Src != "" {
		return "trigger", t.Trigger + " by " + t.Src, plain
	}
	return "trigger", t.Trigger, plain
}

func state(s smd.State) (kind, text, colour string) { return "state", s.State, plain }

// pairs puts a message's keys and values in a line, in their order.
func pairs(raw json.RawMessage) string {
	if !minijson.Valid(raw) || raw[0] != '{' {
		return string(raw)
	}
	var words []string
	for key, value := range minijson.Each(raw) {
		var s string
		if minijson.Unmarshal(value, &s) != nil {
			s = string(value)
		}
		words = append(words, key+"="+s)
	}
	return strings.Join(words, " ")
}
