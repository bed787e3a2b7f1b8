package cpd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"syscall"
)

// tiny is the longest body, in bytes, that is no portal's page. Broken proxies
// answer 200 with nothing, or with a line end or two; Android draws the same line.
const tiny = 4

// verdicts is the judgement of an answer, in the order in which it is passed: the
// first row that holds decides. A row's why explains it; what the peer sent is
// added by the caller, quoted.
var verdicts = [...]struct {
	holds func(*answer) bool
	state State
	why   string
}{
	// This device could not ask: nothing is known of the uplink.
	{(*answer).local, Unknown, "could not ask"},
	{(*answer).silent, NoInternet, "no answer"},

	// A public name in private space is somebody's own resolver at work. What it
	// leads to may be a portal, but never the Internet.
	{(*answer).expectedPrivate, NoInternet, "the expected answer, but from a private address"},
	{(*answer).expected, OK, "the expected answer"},

	// RFC 6585 section 6, whatever else the answer holds.
	{func(a *answer) bool { return a.Status == 511 }, Captive, "network authentication required"},
	// A 304 without a condition asked is a broken cache.
	{func(a *answer) bool { return a.Status == 304 }, NoInternet, "not modified, though no condition was asked"},
	{func(a *answer) bool { return a.Status/100 == 3 && a.Location != "" }, Captive, "redirected"},
	{func(a *answer) bool { return a.Status/100 == 3 }, Captive, "redirected without a Location"},

	{(*answer).cutShort, NoInternet, "the body broke off before it showed anything"},
	{(*answer).empty, NoInternet, "an empty answer, as broken proxies give"},
	{func(a *answer) bool { return a.Status/100 == 2 }, Captive, "a page in place of the expected answer"},

	{func(a *answer) bool { return a.Status/100 == 4 }, NoInternet, "refused by whoever answered"},
	{func(a *answer) bool { return a.Status/100 == 5 && a.RetryAfter > 0 }, NoInternet, "out of service for now"},
	{func(a *answer) bool { return a.Status/100 == 5 }, NoInternet, "out of service"},
	{func(a *answer) bool { return true }, NoInternet, "an answer that makes no sense"},
}

// answer is a Response with the Probe it answers.
type answer struct {
	probe Probe
	Response
}

func (a *answer) local() bool {
	var l *localError
	return errors.As(a.Err, &l) || errors.Is(a.Err, context.Canceled)
}

func (a *answer) silent() bool { return a.Status == 0 }

func (a *answer) expected() bool {
	if a.Status != a.probe.status() {
		return false
	}
	return a.probe.Body == "" || a.Encoding == "" && bytes.Contains(a.Body, []byte(a.probe.Body))
}

func (a *answer) expectedPrivate() bool { return a.expected() && a.private() }

// private reports whether a well-known public name was answered for from an
// address that no public name has.
func (a *answer) private() bool { return a.probe.public() && a.Addr.IsValid() && private(a.Addr) }

// cutShort: a 2xx whose body did not come, or came too late to judge by. An
// expected text that may still have followed keeps judgement back, too.
func (a *answer) cutShort() bool {
	return a.Status/100 == 2 && a.Truncated && a.Err != nil && (len(a.Body) <= tiny || a.probe.Body != "" && a.Status == a.probe.status())
}

func (a *answer) empty() bool {
	return a.Status/100 == 2 && !a.Truncated && len(a.Body) <= tiny
}

// Classify judges the answer to a probe. It is pure: no clock, no I/O, and the
// Result holds nothing of r's buffers. Its State, Reason, URL, Probe, Status,
// RetryAfter and Err are set.
//
//	the expected status and body            OK
//	the same, a well-known name in private  No internet
//	  address space
//	511                                     Captive; the page's URL, else the probe's
//	3xx with Location                       Captive; Location, relative ones resolved
//	3xx without, but 304                    Captive; the page's URL, else the probe's
//	2xx with a body over 4 bytes            Captive; the page's URL, else the probe's
//	2xx empty or tiny, 304, 4xx, 5xx        No internet
//	no answer, or none that is HTTP         No internet
//	not asked: no permission, cancelled     Unknown
//
// A portal's URL that CleanURL refuses is left out, and Reason says so.
func Classify(p Probe, r Response) Result {
	a := &answer{p, r}
	res := Result{Probe: p.URL, Status: r.Status, RetryAfter: r.RetryAfter, Err: r.Err}
	for _, v := range verdicts {
		if v.holds(a) {
			res.State, res.Reason = v.state, v.why
			break
		}
	}
	switch {
	case r.Err != nil && res.State != OK && res.State != Captive:
		res.Reason += ": " + describe(r.Err)
	case r.Status != 0:
		res.Reason = strconv.Itoa(r.Status) + ": " + res.Reason
	}
	if a.private() {
		res.Reason += "; the name leads to " + r.Addr.String()
	}
	if res.State == OK || res.State == Captive {
		res.Err = nil // the answer was enough
	}
	if res.State == Captive {
		var dropped string
		if res.URL, dropped = a.portal(); dropped != "" {
			res.Reason += "; its URL dropped: " + dropped
		}
	}
	return res
}

// portal returns where a portal's answer leads: to Location, else to what its
// page names, else to the probe itself, which the portal will answer again.
func (a *answer) portal() (clean, dropped string) {
	base, err := url.Parse(a.probe.URL)
	if err != nil {
		return "", "probe's " + err.Error()
	}
	if a.Location != "" && a.Status/100 == 3 {
		if clean, err = resolveURL(base, a.Location); err != nil {
			return "", err.Error()
		}
		return clean, ""
	}
	if a.Encoding == "" || fold([]byte(a.Encoding), "identity") {
		if clean, dropped = pageURL(base, a.Body); clean != "" || dropped != "" {
			return clean, dropped
		}
	}
	if clean, err = CleanURL(a.probe.URL); err != nil {
		return "", err.Error()
	}
	return clean, ""
}

// localError is a failure on this device's side, before anything was asked of
// the network: the uplink is not to blame.
type localError struct {
	what string
	err  error
}

func (e *localError) Error() string { return e.what + ": " + e.err.Error() }
func (e *localError) Unwrap() error { return e.err }

// describe says in a few words of our own what went wrong; the error itself is
// in Result.Err. Nothing the peer sent gets into it.
func describe(err error) string {
	var (
		local *localError
		dns   *net.DNSError
		errno syscall.Errno
	)
	switch {
	case errors.As(err, &local):
		return local.Error()
	case errors.Is(err, context.Canceled):
		return "cancelled"
	case errors.As(err, &dns) && dns.IsNotFound:
		return "the resolver knows no address for the name"
	case errors.As(err, &dns) && dns.IsTimeout:
		return "the resolver does not answer"
	case errors.As(err, &dns):
		return "the resolver failed"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return "timed out"
	case errors.Is(err, errOwn):
		return "the name leads to this device"
	case errors.Is(err, ErrTooLarge):
		return fmt.Sprintf("headers pass %d bytes", headMax)
	case errors.Is(err, ErrMalformed):
		return "not HTTP as it should be"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was closed early"
	case errors.As(err, &errno):
		return errno.Error()
	}
	if why := describeTLS(err); why != "" {
		return why
	}
	return strconv.QuoteToASCII(err.Error())
}

// private reports whether a belongs to no host of the public Internet. The
// benchmark range 198.18.0.0/15 counts as public: transparent proxies on routers
// answer with made-up addresses from it and do lead to the Internet.
func private(a netip.Addr) bool {
	a = a.Unmap()
	if a.IsPrivate() || nowhere(a) || a.IsLinkLocalUnicast() {
		return true
	}
	b := a.As16()
	return a.Is4() && b[12] == 100 && b[13]&0xc0 == 64 // RFC 6598, 100.64.0.0/10
}

// nowhere reports whether a connection to a would end on this very device, or
// can not be had at all.
func nowhere(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsLoopback() || a.IsUnspecified() || a.IsMulticast()
}
