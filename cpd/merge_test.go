package cpd

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestMerge(t *testing.T) {
	now := time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)
	failure := errors.New("failure")
	var (
		ok      = outcome{Result: Result{State: OK, Reason: "204: fine", Probe: own, Status: 204}, date: now}
		portal  = outcome{Result: Result{State: Captive, Reason: "302: redirected", Probe: own, Status: 302, URL: "http://portal.example.net/"}, date: now}
		nothing = outcome{Result: Result{State: NoInternet, Reason: "no answer", Probe: own, Err: failure}}
		busy    = outcome{Result: Result{State: NoInternet, Reason: "503: busy", Probe: own, Status: 503, RetryAfter: time.Minute}}
		unknown = outcome{Result: Result{State: Unknown, Reason: "could not ask", Probe: own, Err: failure}}
		unasked = outcome{}

		sOff     = secureResult{}
		sOK      = secureResult{asked: true, ok: true, Result: Result{State: OK, Reason: "204: fine", Probe: "https://probe.example.com/", Status: 204}}
		sFail    = secureResult{asked: true, Result: Result{State: NoInternet, Reason: "intercepted", Probe: "https://probe.example.com/", Err: failure}}
		sPage    = secureResult{asked: true, Result: Result{State: Captive, Reason: "200: a page", Probe: "https://probe.example.com/", Status: 200, URL: "https://probe.example.com/"}}
		sExpired = secureResult{asked: true, expired: true, Result: Result{State: NoInternet, Reason: "out of date", Probe: "https://probe.example.com/", Err: failure}}
		sRoots   = secureResult{asked: true, excluded: "no authorities", Result: sFail.Result}
		sOver    = secureResult{asked: true, Result: Result{State: Unknown, Reason: "cancelled", Err: context.Canceled}}
		sUnknown = secureResult{asked: true, Result: Result{State: Unknown, Reason: "could not ask", Err: failure}}

		aNone    = Capport{}
		aCaptive = Capport{URI: "https://api.example.net/", Answered: true, Captive: true, PortalURL: "https://portal.example.net/in"}
		aBare    = Capport{URI: "https://api.example.net/", Answered: true, Captive: true}
		aFree    = Capport{URI: "https://api.example.net/", Answered: true}
		aErr     = Capport{URI: "https://api.example.net/", Err: failure}
	)
	skewed := func(o outcome, date time.Time) outcome { o.date = date; return o }
	for _, tc := range []struct {
		name    string
		http    outcome
		https   secureResult
		api     Capport
		now     time.Time
		state   State
		partial bool
		clock   bool
		secure  string // part of Secure
		url     string
		status  int
		err     bool
	}{
		{"http-alone", ok, sOff, aNone, now, OK, false, false, "", "", 204, false},
		{"both", ok, sOK, aNone, now, OK, false, false, "OK", "", 204, false},
		{"partial", ok, sFail, aNone, now, OK, true, false, "intercepted", "", 204, false},
		{"partial-page", ok, sPage, aNone, now, OK, true, false, "200: a page", "", 204, false},
		{"https-alone-answers", nothing, sOK, aNone, now, OK, false, false, "OK", "", 204, false},
		{"https-over-busy", busy, sOK, aNone, now, OK, false, false, "OK", "", 204, false},
		{"https-over-unknown", unknown, sOK, aNone, now, OK, false, false, "OK", "", 204, false},
		{"nothing", nothing, sFail, aNone, now, NoInternet, false, false, "intercepted", "", 0, true},
		{"unknown", unknown, sUnknown, aNone, now, Unknown, false, false, "not counted", "", 0, true},
		{"portal", portal, sFail, aNone, now, Captive, false, false, "intercepted", "http://portal.example.net/", 302, false},
		{"portal-calls-https-off", portal, sOver, aNone, now, Captive, false, false, "", "http://portal.example.net/", 302, false},
		{"portal-beats-https", portal, sOK, aNone, now, Captive, false, false, "OK", "http://portal.example.net/", 302, false},

		{"clock-1970", ok, sFail, aNone, time.Unix(99, 0), OK, false, true, "clock", "", 204, false},
		{"clock-says-date", skewed(ok, now.AddDate(1, 0, 0)), sExpired, aNone, now, OK, false, true, "clock", "", 204, false},
		{"clock-ahead", skewed(ok, now.AddDate(-1, 0, 0)), sExpired, aNone, now, OK, false, true, "clock", "", 204, false},
		{"clock-right", ok, sExpired, aNone, now, OK, true, false, "out of date", "", 204, false},
		{"clock-within-a-day", skewed(ok, now.Add(23*time.Hour)), sExpired, aNone, now, OK, true, false, "out of date", "", 204, false},
		{"clock-no-date", skewed(ok, time.Time{}), sExpired, aNone, now, OK, true, false, "out of date", "", 204, false},
		{"clock-not-the-cause", skewed(ok, now.AddDate(1, 0, 0)), sFail, aNone, now, OK, true, false, "intercepted", "", 204, false},
		{"no-authorities", ok, sRoots, aNone, now, OK, false, false, "not counted: no authorities", "", 204, false},

		{"https-only", unasked, sOK, aNone, now, OK, false, false, "OK", "", 204, false},
		{"https-only-fails", unasked, sFail, aNone, now, NoInternet, false, false, "intercepted", "", 0, true},
		{"https-only-page", unasked, sPage, aNone, now, NoInternet, false, false, "a page", "", 200, false},
		{"https-only-clock", unasked, sFail, aNone, time.Unix(99, 0), Unknown, false, true, "clock", "", 0, true},
		{"https-only-unknown", unasked, sUnknown, aNone, now, Unknown, false, false, "not counted", "", 0, true},

		{"api-captive", ok, sOK, aCaptive, now, Captive, false, false, "OK", "https://portal.example.net/in", 0, false},
		{"api-over-probe", portal, sFail, aCaptive, now, Captive, false, false, "intercepted", "https://portal.example.net/in", 0, false},
		{"api-captive-nowhere", ok, sOff, aBare, now, OK, false, false, "", "", 204, false},
		{"api-free-but-portal", portal, sOff, aFree, now, Captive, false, false, "", "http://portal.example.net/", 302, false},
		{"api-free-but-nothing", nothing, sOff, aFree, now, NoInternet, false, false, "", "", 0, true},
		{"api-fails", ok, sOff, aErr, now, OK, false, false, "", "", 204, false},
	} {
		got := merge(tc.http, tc.https, tc.api, tc.now)
		if got.State != tc.state || got.Partial != tc.partial || got.ClockWrong != tc.clock || got.URL != tc.url || got.Status != tc.status ||
			!strings.Contains(got.Secure, tc.secure) || (got.Secure == "") != (tc.secure == "") || (got.Err != nil) != tc.err {
			t.Errorf("%s: merge = %+v", tc.name, got)
		}
		if got.Reason == "" || got.Capport != tc.api {
			t.Errorf("%s: Reason %q, Capport %+v", tc.name, got.Reason, got.Capport)
		}
		if got.State != Captive && got.URL != "" {
			t.Errorf("%s: %v with a URL", tc.name, got.State)
		}
	}
}
