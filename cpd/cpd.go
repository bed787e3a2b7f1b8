// Package cpd finds out what lies behind one uplink: the Internet, a captive
// portal, or nothing. It asks a well-known address for an answer that nobody in
// between would think of giving (an empty 204), through the uplink and no other
// way, and judges by what comes back.
//
// # How a verdict is reached
//
// A [Detector] sends its probes, one after the other, over plain HTTP, because
// only plain HTTP shows a portal at work: RFC 8952 calls the redirect it answers
// with an enforcement signal, and RFC 6585 section 6 gives it the status 511. A
// later probe is asked only where the one before met silence or an error. At the
// same time it sends the HTTPS probes, which no portal can answer, and asks the
// captive portal API (RFC 8908) at the address that DHCP or the router announced
// (RFC 8910). Then
//
//   - the API's word that the device is captive, with a page to go to, is final;
//   - a portal seen over HTTP is final;
//   - HTTP or HTTPS answered as expected is OK, and Partial where HTTPS was asked
//     and failed while HTTP did not;
//   - everything else is No internet, or Unknown where this device could not even
//     ask (no permission, no such link, cancelled).
//
// [Classify] is that judgement of one answer, a pure function over a table.
//
// # What it leans on and what it does not do
//
// Everything that comes back is an attacker's text. Headers and bodies are read
// to a fixed length within one deadline, nothing is decompressed, no redirect is
// followed, and a portal's URL passes [CleanURL] or is dropped.
//
// The package keeps no state between checks, chooses no schedule and knows no
// routes: which uplinks exist, when each is checked, and whether an older result
// may still be told are its caller's. It logs nothing and does not use net/http,
// whose size a router's flash cannot carry. HTTPS and the API need crypto/tls and
// are left out by the build tag notls; [HasTLS] says which build this is.
package cpd

import "time"

// State is what is known of an uplink. The zero value is Unknown.
type State uint8

// The states of an uplink.
const (
	Unknown    State = iota // not asked, or this device could not ask
	OK                      // the Internet answered
	Captive                 // a portal answered in its place
	NoInternet              // nothing answered, or nothing that counts
)

// String returns the state as the bus carries it.
func (s State) String() string {
	switch s {
	case OK:
		return "OK"
	case Captive:
		return "Captive"
	case NoInternet:
		return "No internet"
	}
	return "Unknown"
}

// Result is the outcome of a check, or of one probe of it. The zero value says
// that nothing is known. Immutable, and free of the buffers it was read from.
type Result struct {
	State  State
	Reason string // one line of printable ASCII for people; the peer's text only quoted
	URL    string // the portal's page, as CleanURL leaves it; empty where there is none or it was dropped
	Probe  string // URL of the probe that decided; empty where the API did
	Status int    // HTTP status of that probe's answer; 0 where there was none

	Partial bool // OK over HTTP, while HTTPS was asked and failed
	// Secure says what became of HTTPS: empty where it was not asked, "OK", or why
	// it failed or was not counted.
	Secure string
	// ClockWrong: this device's clock is before the software's own time, or far
	// from what the answers' Date says while certificates look out of date. HTTPS
	// is then not counted.
	ClockWrong bool
	// Unbound: only a loopback resolver is known, so names were not asked over the
	// link but by whichever uplink that resolver uses.
	Unbound bool

	RetryAfter time.Duration // of a 429 or 503, at most a day; 0 where not given
	Capport    Capport       // what the captive portal API said
	Elapsed    time.Duration // of the whole check
	Err        error         // why there was no answer, or none that is HTTP; nil where there was
}
