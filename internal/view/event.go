package view

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/netmond/netmond/smd"
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

// Event is an event as one line for a person.
func Event(e smd.Event) []byte {
	if e.Snapshot != nil {
		var s Status
		if json.Unmarshal(e.Snapshot, &s) != nil {
			return []byte("snapshot")
		}
		return fmt.Appendf(nil, "%-8s %s: %d routes, %d links, %d uplinks", "now", s.State, s.Routes, s.Links, len(s.Uplinks))
	}
	m := e.Message
	if m.Lost > 0 {
		return fmt.Appendf(nil, "%-8s %d messages lost", "gap", m.Lost)
	}
	return fmt.Appendf(nil, "%-8s %s", m.Class, Printable(payload(m.Payload)))
}

// payload puts a message's keys and values in a line, in their order.
func payload(raw json.RawMessage) string {
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.UseNumber()
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return string(raw)
	}
	var words []string
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return string(raw)
		}
		var v any
		if err := dec.Decode(&v); err != nil {
			return string(raw)
		}
		words = append(words, fmt.Sprintf("%v=%v", key, v))
	}
	return strings.Join(words, " ")
}

// Printable is s with what a terminal would act on replaced: names of links and
// what comes from the network are a stranger's text.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
}
