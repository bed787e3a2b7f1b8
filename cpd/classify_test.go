package cpd

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

const own = "http://probe.example.com/generate_204"

var refused = &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}

// TestClassify holds one row for each kind of answer there is, the measured ones
// of libwebsockets included.
func TestClassify(t *testing.T) {
	const public = "http://connectivitycheck.android.com/generate_204"
	page := []byte(`<html><head><meta http-equiv="refresh" content="0; url=https://portal.example.net/login"></head></html>`)
	text := []byte("<html><body>Welcome. Please log in.</body></html>")
	private := netip.MustParseAddr("192.168.1.1")
	for _, tc := range []struct {
		name   string
		probe  Probe
		resp   Response
		state  State
		url    string
		reason string // part of it
	}{
		{"204", Probe{URL: own}, Response{Status: 204}, OK, "", "expected"},
		{"200-expected", Probe{URL: own, Status: 200}, Response{Status: 200}, OK, "", "expected"},
		{"403-expected", Probe{URL: own, Status: 403}, Response{Status: 403}, OK, "", "expected"},
		{"302-expected", Probe{URL: own, Status: 302}, Response{Status: 302, Location: "/x"}, OK, "", "expected"},
		{"body-expected", Probe{URL: own, Body: "success"}, Response{Status: 200, Body: []byte("it is a success\n")}, OK, "", "expected"},
		{"body-expected-in-what-came", Probe{URL: own, Body: "success"}, Response{Status: 200, Body: []byte("success\n"), Truncated: true, Err: context.DeadlineExceeded}, OK, "", "expected"},
		{"body-missing", Probe{URL: own, Body: "success"}, Response{Status: 200, Body: text}, Captive, own, "page in place"},
		{"body-may-follow", Probe{URL: own, Body: "success"}, Response{Status: 200, Body: text, Truncated: true, Err: context.DeadlineExceeded}, NoInternet, "", "timed out"},
		{"body-compressed", Probe{URL: own, Body: "success"}, Response{Status: 200, Encoding: "gzip", Body: []byte("success")}, Captive, own, "page in place"},
		{"204-where-body-expected", Probe{URL: own, Body: "success"}, Response{Status: 204}, NoInternet, "", "empty"},

		{"301", Probe{URL: own}, Response{Status: 301, Location: "http://192.0.2.1/login"}, Captive, "http://192.0.2.1/login", "301"},
		{"302", Probe{URL: own}, Response{Status: 302, Location: "https://portal.example.net/?a=b"}, Captive, "https://portal.example.net/?a=b", "redirected"},
		{"307", Probe{URL: own}, Response{Status: 307, Location: "http://192.0.2.1/"}, Captive, "http://192.0.2.1/", "307"},
		{"308-relative", Probe{URL: own}, Response{Status: 308, Location: "login?x=1"}, Captive, "http://probe.example.com/login?x=1", "308"},
		{"302-rooted", Probe{URL: own}, Response{Status: 302, Location: "/login"}, Captive, "http://probe.example.com/login", ""},
		{"302-other-host", Probe{URL: own}, Response{Status: 302, Location: "//portal.example.net/a"}, Captive, "http://portal.example.net/a", ""},
		{"302-to-itself", Probe{URL: own}, Response{Status: 302, Location: own}, Captive, own, ""},
		{"302-script", Probe{URL: own}, Response{Status: 302, Location: "javascript:alert(1)"}, Captive, "", `dropped: scheme "javascript"`},
		{"302-escape-sequence", Probe{URL: own}, Response{Status: 302, Location: "http://a/\x1b[2J"}, Captive, "", "not printable"},
		{"302-too-long", Probe{URL: own}, Response{Status: 302, Location: "http://a/" + strings.Repeat("a", urlMax)}, Captive, "", "longer than"},
		{"302-without-location", Probe{URL: own}, Response{Status: 302}, Captive, own, "without a Location"},
		{"302-without-location-page", Probe{URL: own}, Response{Status: 302, Body: page}, Captive, "https://portal.example.net/login", ""},
		{"304", Probe{URL: own}, Response{Status: 304}, NoInternet, "", "not modified"},

		{"200-portal", Probe{URL: own}, Response{Status: 200, Body: text}, Captive, own, "200: a page"},
		{"200-refresh", Probe{URL: own}, Response{Status: 200, Body: page}, Captive, "https://portal.example.net/login", ""},
		{"200-script", Probe{URL: own}, Response{Status: 200, Body: []byte(`<script>window.location.href = '/login';</script>`)}, Captive, "http://probe.example.com/login", ""},
		{"200-hostile-script", Probe{URL: own}, Response{Status: 200, Body: []byte(`<script>location = "data:text/html,x"</script>`)}, Captive, "", "dropped"},
		{"200-gzip", Probe{URL: own}, Response{Status: 200, Encoding: "gzip", Body: page}, Captive, own, "a page"},
		{"200-broken-off", Probe{URL: own}, Response{Status: 200, Body: text, Truncated: true, Err: io.ErrUnexpectedEOF}, Captive, own, "a page"},
		{"200-too-long", Probe{URL: own}, Response{Status: 200, Body: text, Truncated: true}, Captive, own, "a page"},
		{"200-no-body-came", Probe{URL: own}, Response{Status: 200, Truncated: true, Err: context.DeadlineExceeded}, NoInternet, "", "broke off"},
		{"200-empty", Probe{URL: own}, Response{Status: 200}, NoInternet, "", "empty answer"},
		{"200-tiny", Probe{URL: own}, Response{Status: 200, Body: []byte("\r\n\r\n")}, NoInternet, "", "empty answer"},
		{"200-tiny-chunked", Probe{URL: own}, Response{Status: 200, Body: []byte("ok\r\n"), chunked: true}, NoInternet, "", "empty answer"},
		{"200-five-bytes", Probe{URL: own}, Response{Status: 200, Body: []byte("login")}, Captive, own, ""},
		{"206", Probe{URL: own}, Response{Status: 206, Body: text}, Captive, own, ""},

		{"511", Probe{URL: own}, Response{Status: 511, Body: page}, Captive, "https://portal.example.net/login", "authentication"},
		{"511-bare", Probe{URL: own}, Response{Status: 511}, Captive, own, "authentication"},
		{"511-broken-off", Probe{URL: own}, Response{Status: 511, Truncated: true, Err: io.ErrUnexpectedEOF}, Captive, own, "authentication"},

		{"401", Probe{URL: own}, Response{Status: 401}, NoInternet, "", "401: refused"},
		{"404", Probe{URL: own}, Response{Status: 404}, NoInternet, "", "404: refused"},
		{"429-retry", Probe{URL: own}, Response{Status: 429, RetryAfter: time.Minute}, NoInternet, "", "429"},
		{"500", Probe{URL: own}, Response{Status: 500}, NoInternet, "", "500: out of service"},
		{"503", Probe{URL: own}, Response{Status: 503}, NoInternet, "", "503: out of service"},
		{"503-retry", Probe{URL: own}, Response{Status: 503, RetryAfter: 2 * time.Minute}, NoInternet, "", "for now"},
		{"101", Probe{URL: own}, Response{Status: 101}, NoInternet, "", "no sense"},
		{"599", Probe{URL: own}, Response{Status: 599}, NoInternet, "", "out of service"},
		{"999", Probe{URL: own}, Response{Status: 999}, NoInternet, "", "no sense"},

		{"refused", Probe{URL: own}, Response{Err: refused}, NoInternet, "", "connection refused"},
		{"reset", Probe{URL: own}, Response{Err: os.NewSyscallError("read", syscall.ECONNRESET)}, NoInternet, "", "connection reset"},
		{"no-route", Probe{URL: own}, Response{Err: os.NewSyscallError("connect", syscall.ENETUNREACH)}, NoInternet, "", "unreachable"},
		{"hang", Probe{URL: own}, Response{Err: context.DeadlineExceeded}, NoInternet, "", "timed out"},
		{"closed", Probe{URL: own}, Response{Err: io.ErrUnexpectedEOF}, NoInternet, "", "closed early"},
		{"malformed", Probe{URL: own}, Response{Err: fmt.Errorf("%w: x", ErrMalformed)}, NoInternet, "", "not HTTP"},
		{"endless-headers", Probe{URL: own}, Response{Err: ErrTooLarge}, NoInternet, "", "headers pass 16384"},
		{"no-such-name", Probe{URL: own}, Response{Err: &net.DNSError{IsNotFound: true}}, NoInternet, "", "no address"},
		{"resolver-silent", Probe{URL: own}, Response{Err: &net.DNSError{IsTimeout: true}}, NoInternet, "", "does not answer"},
		{"resolver-fails", Probe{URL: own}, Response{Err: &net.DNSError{IsTemporary: true}}, NoInternet, "", "resolver failed"},
		{"nothing", Probe{URL: own}, Response{}, NoInternet, "", "no answer"},

		{"not-permitted", Probe{URL: own}, Response{Err: &localError{"bind to link wan", syscall.EPERM}}, Unknown, "", "bind to link wan: operation not permitted"},
		{"cancelled", Probe{URL: own}, Response{Err: context.Canceled}, Unknown, "", "cancelled"},

		{"private-204", Probe{URL: public}, Response{Status: 204, Addr: private}, NoInternet, "", "leads to 192.168.1.1"},
		{"private-302", Probe{URL: public}, Response{Status: 302, Location: "/login", Addr: private}, Captive, "http://connectivitycheck.android.com/login", "leads to 192.168.1.1"},
		{"private-200", Probe{URL: public}, Response{Status: 200, Body: text, Addr: private}, Captive, public, "leads to"},
		{"private-refused", Probe{URL: public}, Response{Err: refused, Addr: private}, NoInternet, "", "leads to"},
		{"shared-space-204", Probe{URL: public}, Response{Status: 204, Addr: netip.MustParseAddr("100.64.0.1")}, NoInternet, "", "leads to"},
		{"unique-local-204", Probe{URL: public}, Response{Status: 204, Addr: netip.MustParseAddr("fd00::1")}, NoInternet, "", "leads to"},
		{"proxy-space-204", Probe{URL: public}, Response{Status: 204, Addr: netip.MustParseAddr("198.18.0.1")}, OK, "", ""},
		{"public-204", Probe{URL: public}, Response{Status: 204, Addr: netip.MustParseAddr("203.0.113.9")}, OK, "", ""},
		{"own-private-204", Probe{URL: own}, Response{Status: 204, Addr: private}, OK, "", ""},
		{"own-literal-204", Probe{URL: "http://10.0.0.1/"}, Response{Status: 204, Addr: netip.MustParseAddr("10.0.0.1")}, OK, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := Classify(tc.probe, tc.resp)
			if got.State != tc.state || got.URL != tc.url || !strings.Contains(got.Reason, tc.reason) {
				t.Errorf("Classify = %v %q %q, want %v %q ...%q...", got.State, got.URL, got.Reason, tc.state, tc.url, tc.reason)
			}
			if got.Reason == "" || printable(strings.ReplaceAll(got.Reason, " ", "_")) != nil {
				t.Errorf("Reason %q is no line of printable ASCII", got.Reason)
			}
			if got.Status != tc.resp.Status || got.RetryAfter != tc.resp.RetryAfter || got.Probe != tc.probe.URL {
				t.Errorf("Status, RetryAfter, Probe = %d %v %q, want the answer's", got.Status, got.RetryAfter, got.Probe)
			}
			if fine := got.State == OK || got.State == Captive; fine && got.Err != nil {
				t.Errorf("Err = %v beside a conclusive answer", got.Err)
			} else if !fine && got.Err != tc.resp.Err {
				t.Errorf("Err = %v, want %v", got.Err, tc.resp.Err)
			}
		})
	}
}

func TestStateString(t *testing.T) {
	for s, want := range map[State]string{Unknown: "Unknown", OK: "OK", Captive: "Captive", NoInternet: "No internet", 9: "Unknown"} {
		if got := s.String(); got != want {
			t.Errorf("State(%d) = %q, want %q", s, got, want)
		}
	}
}
