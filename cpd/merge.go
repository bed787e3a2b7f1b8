package cpd

import (
	"context"
	"errors"
	"time"
)

// epoch, in Unix seconds, is 2025-01-01 00:00 UTC, before any clock that is right:
// this software is younger. Devices without a battery for their clock start in
// 1970, or at their image's date.
const epoch = 1735689600

// early reports whether now cannot be the time.
func early(now time.Time) bool { return now.Unix() < epoch }

// skewMax is how far this device's clock may be from an answer's Date before it
// is called wrong. Certificates are valid for days at the least and overlap by
// more than one; a zone mistaken for UTC is off by 14 h at most.
const skewMax = 24 * time.Hour

// secureResult is what became of the HTTPS probes. The zero value: not asked.
type secureResult struct {
	asked    bool
	ok       bool
	expired  bool   // a certificate was out of date, by this device's clock
	excluded string // why a failure says nothing of the uplink
	Result          // of the last probe
}

// clockWrong reports whether now cannot be the time: before epoch, or, where a
// certificate looked out of date, far from what a server said in the clear.
func clockWrong(now, date time.Time, expired bool) bool {
	return early(now) || expired && !date.IsZero() && now.Sub(date).Abs() > skewMax
}

// merge makes one Result of what HTTP, HTTPS and the API gave, pure.
func merge(http outcome, https secureResult, api Capport, now time.Time) Result {
	res := http.Result
	res.Capport = api
	res.Unbound = res.Unbound || https.Unbound
	res.ClockWrong = clockWrong(now, http.date, https.expired)
	switch {
	case !https.asked, errors.Is(https.Err, context.Canceled): // or called off: a portal was certain
	case https.ok:
		res.Secure = "OK"
	case res.ClockWrong:
		res.Secure = "not counted: this device's clock is wrong"
	case https.excluded != "":
		res.Secure = "not counted: " + https.excluded
	case https.State == Unknown:
		res.Secure = "not counted: " + https.Reason
	default:
		res.Secure = https.Reason
	}
	failed := https.asked && !https.ok && res.Secure == https.Reason
	switch {
	case api.portal():
		res.State, res.URL = Captive, api.PortalURL
		res.Reason = "the captive portal API says so"
		res.Probe, res.Status, res.RetryAfter, res.Err = "", 0, 0, nil
	case res.State == Captive:
	case https.ok && res.State != OK:
		why := res.Reason
		res.State, res.Probe, res.Status, res.Reason = OK, https.Probe, https.Status, https.Reason
		if http.Probe != "" {
			res.Reason += ", over HTTPS only; HTTP: " + why
		}
		res.RetryAfter, res.Err = 0, nil
	case res.State == OK && failed:
		res.Partial = true
		res.Reason += "; HTTPS: " + https.Reason
	case http.Probe == "" && failed:
		res.State, res.Probe, res.Status, res.Reason = https.State, https.Probe, https.Status, https.Reason
		res.RetryAfter, res.Err = https.RetryAfter, https.Err
		if res.State == Captive {
			// Over HTTPS the answer is the server's own, and no portal's.
			res.State = NoInternet
		}
	case http.Probe == "":
		res.Reason, res.Err = "HTTPS "+res.Secure, https.Err
	}
	return res
}
