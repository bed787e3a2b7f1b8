package smd

import (
	"encoding/json"

	"github.com/netmond/netmond/internal/minijson"
)

// The payloads netmond publishes. Each writes itself as JSON of at most
// MaxPayload bytes with its keys in a fixed order: all text is escaped, and what
// the kernel or a stranger named is cut where it does not fit; the rest are
// addresses and netmond's own words, which are short. The tags read them back.
// All are plain values, and the zero value of each is a payload that says
// nothing.

// Route is published in class Network for every route that came or went. The
// key rt is always the first, as consumers of libwebsockets' {"rt":"add"} expect.
type Route struct {
	RT      string `json:"rt"`            // "add" or "del"
	Dst     string `json:"dst"`           // prefix, address of a host route, or "default"
	Gw      string `json:"gw,omitempty"`  // "" without a gateway
	Dev     string `json:"dev,omitempty"` // "" without a device
	Table   uint32 `json:"table"`
	Metric  uint32 `json:"metric"`            // 0 is the best
	Implied bool   `json:"implied,omitempty"` // the kernel did not say so; it follows from another event
}

// AppendJSON appends the payload.
func (r Route) AppendJSON(b []byte) []byte {
	start := len(b)
	b = append(b, `{"rt":`...)
	b = appendString(b, r.RT)
	b = addString(b, "dst", r.Dst)
	if r.Gw != "" {
		b = addString(b, "gw", r.Gw)
	}
	if r.Dev != "" {
		b = addCut(b, "dev", r.Dev, start+MaxPayload-len(`,"table":4294967295,"metric":4294967295,"implied":true`))
	}
	b = addUint(b, "table", uint64(r.Table))
	b = addUint(b, "metric", uint64(r.Metric))
	if r.Implied {
		b = append(b, `,"implied":true`...)
	}
	return append(b, '}')
}

// Trigger asks for something to be done. netmond publishes {"trigger":"cpdcheck",
// "src":"gw-change"} in class Network when a change of a gateway has settled, and
// understands it from a client.
type Trigger struct {
	Trigger string `json:"trigger"`
	Src     string `json:"src,omitempty"` // what caused it
}

// CPDCheck is the trigger of a captive-portal check.
const CPDCheck = "cpdcheck"

// AppendJSON appends the payload.
func (t Trigger) AppendJSON(b []byte) []byte {
	end := len(b) + MaxPayload
	b = append(b, `{"trigger":`...)
	b = appendString(b, t.Trigger)
	if t.Src != "" {
		b = addCut(b, "src", t.Src, end)
	}
	return append(b, '}')
}

// ParseTrigger returns what a payload asks for; ok is false if it is no trigger.
func ParseTrigger(payload json.RawMessage) (trigger string, ok bool) {
	var t Trigger
	err := minijson.Unmarshal(payload, &t)
	return t.Trigger, err == nil && t.Trigger != ""
}

// Portal is the result of a captive-portal check of one uplink, in class
// Network. The keys after long are optional details.
type Portal struct {
	Result    string `json:"result"`                      // "OK", "Captive", "No internet" or "Unknown"
	Dev       string `json:"dev,omitempty"`               // the uplink
	URL       string `json:"url,omitempty"`               // the portal's, a stranger's text
	Long      bool   `json:"long,omitempty"`              // something was left out; status has it
	Family    string `json:"family,omitempty"`            // "ipv4" or "ipv6"
	Detail    string `json:"detail,omitempty"`            // "partial" and the like
	Unbound   bool   `json:"unbound,omitempty"`           // names were not asked over the uplink itself
	Remaining uint32 `json:"seconds-remaining,omitempty"` // RFC 8908 section 5
	Venue     string `json:"venue-info-url,omitempty"`    // RFC 8908 section 5; a stranger's text
}

// AppendJSON appends the payload. Where it does not fit, first the venue and
// then the URL are left out whole, for half of one leads nowhere.
func (p Portal) AppendJSON(b []byte) []byte {
	start := len(b)
	for _, drop := range []func(){
		func() {},
		func() { p.Venue, p.Long = "", true },
		func() { p.URL = "" },
		func() { p.Detail, p.Family = "", "" },
	} {
		drop()
		if b = p.append(b[:start]); len(b)-start <= MaxPayload {
			break
		}
	}
	return b
}

func (p Portal) append(b []byte) []byte {
	end := len(b) + MaxPayload
	b = append(b, `{"type":"cpd"`...)
	b = addString(b, "result", p.Result)
	if p.Dev != "" {
		b = addCut(b, "dev", p.Dev, end-len(`,"long":true,"unbound":true,"seconds-remaining":4294967295`))
	}
	if p.URL != "" {
		b = addString(b, "url", p.URL)
	}
	if p.Long {
		b = append(b, `,"long":true`...)
	}
	if p.Family != "" {
		b = addString(b, "family", p.Family)
	}
	if p.Detail != "" {
		b = addString(b, "detail", p.Detail)
	}
	if p.Unbound {
		b = append(b, `,"unbound":true`...)
	}
	if p.Remaining != 0 {
		b = addUint(b, "seconds-remaining", uint64(p.Remaining))
	}
	if p.Venue != "" {
		b = addString(b, "venue-info-url", p.Venue)
	}
	return append(b, '}')
}

// Link is published in class Network when a link's state changed.
type Link struct {
	Dev     string `json:"dev"`
	Up      bool   `json:"up"`      // administratively: IFF_UP
	Carrier bool   `json:"carrier"` // IFF_LOWER_UP
}

// AppendJSON appends the payload.
func (l Link) AppendJSON(b []byte) []byte {
	end := len(b) + MaxPayload
	b = append(b, `{"type":"link"`...)
	b = addCut(b, "dev", l.Dev, end-len(`,"up":false,"carrier":false`))
	b = addBool(b, "up", l.Up)
	b = addBool(b, "carrier", l.Carrier)
	return append(b, '}')
}

// Flow is published in class Network for every flow that was judged and not
// kept.
type Flow struct {
	Act    string `json:"act"`           // "closed", "would-close" in a dry run; "armed" and "disarmed" in gentle mode
	Proto  string `json:"proto"`         // "tcp", ...
	Local  string `json:"local"`         // address:port
	Remote string `json:"remote"`        // address:port
	Reason string `json:"reason"`        // "no-route", ...
	Was    string `json:"was,omitempty"` // the route it took, as ip prints it; shortened where it does not fit
	For    string `json:"for,omitempty"` // of a forwarded flow: the client's address:port; Local is the translated one
}

// AppendJSON appends the payload.
func (f Flow) AppendJSON(b []byte) []byte {
	end := len(b) + MaxPayload
	b = append(b, `{"type":"flow"`...)
	b = addString(b, "act", f.Act)
	b = addString(b, "proto", f.Proto)
	b = addString(b, "local", f.Local)
	b = addString(b, "remote", f.Remote)
	b = addString(b, "reason", f.Reason)
	if f.For != "" {
		b = addString(b, "for", f.For)
	}
	if f.Was != "" {
		b = addCut(b, "was", f.Was, end)
	}
	return append(b, '}')
}

// Closing is published in class Network when what is done to stranded flows has
// changed, or by what means: modules were loaded, a privilege was refused, the
// configuration was read again. The fields are those of the status.
type Closing struct {
	Mode string `json:"mode"`          // "all", "none", a list of reasons, "dry-run" or "gentle"
	Rung string `json:"rung"`          // "sock_destroy", "pidfd" or "advisory"
	Why  string `json:"why,omitempty"` // it is not a better rung; shortened where it does not fit
}

// AppendJSON appends the payload.
func (c Closing) AppendJSON(b []byte) []byte {
	end := len(b) + MaxPayload
	b = append(b, `{"type":"close"`...)
	b = addString(b, "mode", c.Mode)
	b = addString(b, "rung", c.Rung)
	if c.Why != "" {
		b = addCut(b, "why", c.Why, end)
	}
	return append(b, '}')
}

// State is the daemon's own state, in class System: "COLDPLUG", "OPERATIONAL",
// "RESYNC", "STOPPING".
type State struct {
	State string `json:"state"`
}

// AppendJSON appends the payload.
func (s State) AppendJSON(b []byte) []byte {
	b = append(b, `{"state":`...)
	return append(appendString(b, s.State), '}')
}
