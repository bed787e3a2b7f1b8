package cpd

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"
)

// FuzzReadResponse holds the reader against net/http's: what ours takes, that
// takes as well and reads alike, informational answers skipped; and how the bytes
// arrive makes no difference.
func FuzzReadResponse(f *testing.F) {
	for _, s := range []string{
		"HTTP/1.1 204 No Content\r\n\r\n",
		"HTTP/1.1 302 Found\r\nLocation: http://portal.example.net/\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n<html>",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 511 Network Authentication Required\r\nContent-Length: 2\r\n\r\nhi",
		"HTTP/1.1 503 Busy\nRetry-After: 7\nX: a\n b\n\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := read(bytes.NewReader(raw))
		slow, slowErr := read(iotest.OneByteReader(bytes.NewReader(raw)))
		if (err == nil) != (slowErr == nil) || got.Status != slow.Status || got.Location != slow.Location || !bytes.Equal(got.Body, slow.Body) || got.Truncated != slow.Truncated {
			t.Fatalf("at once %+v, %v; byte by byte %+v, %v", got, err, slow, slowErr)
		}
		if err != nil {
			if got.Status != 0 {
				t.Fatalf("status %d beside %v", got.Status, err)
			}
			return
		}
		if len(got.Body) > bodyMax {
			t.Fatalf("body of %d bytes", len(got.Body))
		}
		var want *http.Response
		br := bufio.NewReader(bytes.NewReader(raw))
		for want == nil || want.StatusCode < 200 && want.StatusCode != 101 {
			want, err = http.ReadResponse(br, nil)
			if err != nil && got.chunked && strings.Contains(strings.ToLower(err.Error()), `"chunked `) {
				return // net/http keeps the space that a folded line leaves (RFC 9112 section 5.2)
			}
			if err != nil {
				t.Fatalf("ours took it as %+v, net/http: %v", got, err)
			}
		}
		if got.Status != want.StatusCode {
			t.Fatalf("status %d, want %d", got.Status, want.StatusCode)
		}
		if l := want.Header.Get("Location"); got.Location != "" && got.Location != strings.Trim(l, " \t") {
			t.Fatalf("location %q, want %q", got.Location, l)
		}
		body, err := io.ReadAll(io.LimitReader(want.Body, bodyMax+1))
		if err == nil && !got.Truncated && !bytes.Equal(got.Body, body) {
			t.Fatalf("body %q, want %q", got.Body, body)
		}
		if err != nil && got.Err == nil && !got.Truncated && !got.chunked {
			t.Fatalf("body %q without an error, net/http: %v", got.Body, err)
		}
	})
}

// FuzzCleanURL: what passes is bounded printable ASCII without quotes, is a URL
// of the kind promised, and passes again unchanged.
func FuzzCleanURL(f *testing.F) {
	for _, s := range []string{"http://portal.example.net/?a=b", "javascript:alert(1)", "/login", "//a/b", "http://u@a/", "https://[2001:db8::1%25wan]/'", "http://a/\x1b", "?q", "..//x"} {
		f.Add(s)
	}
	base, _ := url.Parse("http://probe.example.com/generate_204")
	f.Fuzz(func(t *testing.T, raw string) {
		for _, b := range []*url.URL{nil, base} {
			got, err := resolveURL(b, raw)
			if err != nil {
				if got != "" {
					t.Fatalf("%q beside %v", got, err)
				}
				continue
			}
			checkClean(t, got)
			if again, err := CleanURL(got); err != nil || again != got {
				t.Fatalf("resolveURL(%q) = %q, again %q, %v", raw, got, again, err)
			}
		}
	})
}

func checkClean(t *testing.T, got string) {
	t.Helper()
	if printable(got) != nil || strings.ContainsAny(got, "\"'<>\\^`{|}") || !strings.HasPrefix(got, "http://") && !strings.HasPrefix(got, "https://") {
		t.Fatalf("%q is not clean", got)
	}
}

// FuzzPageURL: whatever a page holds, what is found in it is clean.
func FuzzPageURL(f *testing.F) {
	for _, s := range []string{
		`<meta http-equiv="refresh" content="0; url=http://a/?x&amp;y">`,
		`<script>window.location.href='\/a';location.replace("b")</script>`,
		`<LoginURL>https://a/</LoginURL>`,
		"<meta content=\xff http-equiv=refresh",
	} {
		f.Add([]byte(s))
	}
	base, _ := url.Parse("http://probe.example.com/generate_204")
	f.Fuzz(func(t *testing.T, page []byte) {
		before := bytes.Clone(page)
		if got, why := pageURL(base, page); got != "" {
			checkClean(t, got)
			if why != "" {
				t.Fatalf("%q and %q", got, why)
			}
		}
		if !bytes.Equal(before, page) {
			t.Fatal("the page was written to")
		}
	})
}

// FuzzClassify: any answer gets a verdict with a printable reason, and only a
// portal has a URL.
func FuzzClassify(f *testing.F) {
	f.Add(204, "", "", []byte(nil), false)
	f.Add(302, "http://a/", "", []byte(nil), false)
	f.Add(200, "", "gzip", []byte("<meta http-equiv=refresh content='0;url=/x'>"), true)
	f.Fuzz(func(t *testing.T, status int, location, encoding string, body []byte, cut bool) {
		res := Classify(Probe{URL: own}, Response{Status: status, Location: location, Encoding: encoding, Body: body, Truncated: cut})
		if res.URL != "" {
			checkClean(t, res.URL)
		}
		if res.URL != "" && res.State != Captive || res.State == Unknown || res.Reason == "" || printable(strings.ReplaceAll(res.Reason, " ", "_")) != nil {
			t.Fatalf("%+v", res)
		}
		if (status == 204) != (res.State == OK) {
			t.Fatalf("status %d is %v", status, res.State)
		}
	})
}

// FuzzParseProbe: what parses is written back as it was.
func FuzzParseProbe(f *testing.F) {
	f.Add("http://probe.example.com/,status=200,body=a,b")
	f.Add("http://[2001:db8::1]:8080/?x")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParseProbe(s)
		if err != nil {
			return
		}
		if again, err := ParseProbe(p.String()); err != nil || again != p {
			t.Fatalf("ParseProbe(%q) = %+v, again %+v, %v", s, p, again, err)
		}
		tg, err := p.target()
		if err != nil || bytes.Count(request(tg, "*/*"), []byte("\n")) != 9 {
			t.Fatalf("%q: request %q, %v", s, request(tg, "*/*"), err)
		}
	})
}

// FuzzParseResolvConf: at most three addresses, each of which a line holds.
func FuzzParseResolvConf(f *testing.F) {
	f.Add("# hi\nnameserver 192.0.2.1\n\tnameserver\t2001:db8::1 \nnameserver fe80::1%wan\noptions x\n")
	f.Fuzz(func(t *testing.T, text string) {
		list := ParseResolvConf(text)
		if len(list) > resolversMax {
			t.Fatalf("%v", list)
		}
		for _, a := range list {
			if !a.IsValid() || a.Is4In6() {
				t.Fatalf("%v", a)
			}
		}
	})
}

// FuzzParseUserOpt: a URI is a clean one, and parsing ends.
func FuzzParseUserOpt(f *testing.F) {
	f.Add(userOpt(3, "https://portal.example.net/api"))
	f.Add(userOpt(1, Unrestricted))
	f.Add([]byte{10, 0, 8, 0, 1, 0, 0, 0, 134, 0, 0, 0, 0, 0, 0, 0, 37, 0})
	f.Fuzz(func(t *testing.T, payload []byte) {
		_, uri, ok := ParseUserOpt(payload)
		if ok != (uri != "") {
			t.Fatalf("%q, %v", uri, ok)
		}
		if ok && uri != Unrestricted {
			checkClean(t, uri)
		}
	})
}

// FuzzLease: no file makes more of itself than addresses and clean URIs.
func FuzzLease(f *testing.F) {
	f.Add("DNS=192.0.2.1 [2001:db8::1]:53%wan#x fe80::1\nCAPTIVE_PORTAL=https://a/\n", `{"interface":[]}`)
	f.Fuzz(func(t *testing.T, file, dump string) {
		l := Leases(mapFS("run/systemd/netif/links/3", file), "wan", 3)
		n, _ := NetifdLease([]byte(dump), "wan")
		for _, l := range []Lease{l, n} {
			for _, a := range l.Resolvers {
				if a == (netip.Addr{}) || a.Is4In6() || a.IsUnspecified() {
					t.Fatalf("%v", a)
				}
			}
			for _, uri := range append(l.Others, l.Capport) {
				if uri != "" && uri != Unrestricted {
					checkClean(t, uri)
				}
			}
		}
	})
}

// FuzzParseCapport: what an API says is clean or left out.
func FuzzParseCapport(f *testing.F) {
	f.Add([]byte(`{"captive":true,"user-portal-url":"https://portal.example.net/","seconds-remaining":3600}`))
	f.Add([]byte(`{"captive":false,"seconds-remaining":-1e400}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		c, err := parseCapport(body)
		if (err == nil) != c.Answered {
			t.Fatalf("%+v, %v", c, err)
		}
		for _, u := range []string{c.PortalURL, c.VenueURL} {
			if u != "" {
				checkClean(t, u)
			}
		}
	})
}
