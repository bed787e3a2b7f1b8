package cpd

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// read parses one whole answer as exchange does, body wanted.
func read(src io.Reader) (Response, error) {
	var r reader
	var resp Response
	r.reset(src)
	if err := r.head(&resp); err != nil {
		return resp, err
	}
	r.readBody(&resp, bodyMax)
	return resp, nil
}

func TestReadResponse(t *testing.T) {
	long := strings.Repeat("x", bodyMax+1)
	for _, tc := range []struct {
		name, raw string
		want      Response
		body      string
	}{
		{"204", "HTTP/1.1 204 No Content\r\n\r\n", Response{Status: 204, length: -1}, ""},
		{"204-with-body", "HTTP/1.1 204 No Content\r\nContent-length: 5\r\n\r\nhello", Response{Status: 204, length: 5}, ""},
		{"http-1.0", "HTTP/1.0 200 OK\r\n\r\nhello", Response{Status: 200, length: -1}, "hello"},
		{"http-1.0-chunked", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", Response{Status: 200, length: -1}, "5\r\nhello\r\n0\r\n\r\n"},
		{"no-reason", "HTTP/1.1 302\r\nLocation: /a\r\n\r\n", Response{Status: 302, length: -1, Location: "/a"}, ""},
		{"line-feeds", "HTTP/1.1 200 OK\nContent-length: 2\n\nhi", Response{Status: 200, length: 2}, "hi"},
		{"length", "HTTP/1.1 200 OK\r\ncontent-LENGTH:  2 \r\n\r\nhi and more", Response{Status: 200, length: 2}, "hi"},
		{"length-twice", "HTTP/1.1 200 OK\r\nContent-length: 2\r\nContent-length: 2\r\n\r\nhi", Response{Status: 200, length: 2}, "hi"},
		{"length-short", "HTTP/1.1 200 OK\r\nContent-length: 9\r\n\r\nhi", Response{Status: 200, length: 9, Truncated: true, Err: io.ErrUnexpectedEOF}, "hi"},
		{"length-long", "HTTP/1.1 200 OK\r\nContent-length: 99999999999\r\n\r\n" + long, Response{Status: 200, length: 99999999999, Truncated: true}, long[:bodyMax]},
		{"length-exact", "HTTP/1.1 200 OK\r\nContent-length: 65536\r\n\r\n" + long, Response{Status: 200, length: bodyMax}, long[:bodyMax]},
		{"close", "HTTP/1.1 200 OK\r\n\r\nhello", Response{Status: 200, length: -1}, "hello"},
		{"close-long", "HTTP/1.1 200 OK\r\n\r\n" + long, Response{Status: 200, length: -1, Truncated: true}, long[:bodyMax]},
		{"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n5;a=b\r\nhello\r\n01\r\n!\r\n0\r\nX: y\r\n\r\n", Response{Status: 200, length: -1, chunked: true}, "hello!"},
		{"chunked-beats-length", "HTTP/1.1 200 OK\r\nContent-length: 1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", Response{Status: 200, length: 1, chunked: true}, "hi"},
		{"chunked-long", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\n" + long, Response{Status: 200, length: -1, chunked: true, Truncated: true}, long[:bodyMax]},
		{"chunked-broken", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\nzz\r\n", Response{Status: 200, length: -1, chunked: true, Truncated: true, Err: ErrMalformed}, "hi"},
		{"chunked-no-end", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", Response{Status: 200, length: -1, chunked: true, Truncated: true, Err: io.ErrUnexpectedEOF}, "hi"},
		{"chunked-no-crlf", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhiXX", Response{Status: 200, length: -1, chunked: true, Truncated: true, Err: ErrMalformed}, "hi"},
		{"chunked-huge-size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n", Response{Status: 200, length: -1, chunked: true, Truncated: true, Err: ErrMalformed}, ""},
		{"chunked-long-extension", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + long + "\r\nx", Response{Status: 200, length: -1, chunked: true, Truncated: true, Err: ErrMalformed}, ""},
		{"continue-first", "HTTP/1.1 100 Continue\r\nLocation: http://no/\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", Response{Status: 204, length: -1}, ""},
		{"switching", "HTTP/1.1 101 Switching Protocols\r\n\r\nHTTP/1.1 204 No\r\n\r\n", Response{Status: 101, length: -1}, ""},
		{"folded", "HTTP/1.1 302 Found\r\nLocation: http://a/\r\n\tb\r\nX: y\r\n\r\n", Response{Status: 302, length: -1, Location: "http://a/ b"}, ""},
		{"first-counts", "HTTP/1.1 302 Found\r\nLocation: /a\r\nLocation: /b\r\n\r\n", Response{Status: 302, length: -1, Location: "/a"}, ""},
		{"encoding", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Type: text/html\r\n\r\n\x1f\x8b", Response{Status: 200, length: -1, Encoding: "gzip", Type: "text/html"}, "\x1f\x8b"},
		{"retry-seconds", "HTTP/1.1 503 Busy\r\nRetry-After: 120\r\n\r\n", Response{Status: 503, length: -1, RetryAfter: 2 * time.Minute}, ""},
		{"retry-for-ever", "HTTP/1.1 503 Busy\r\nRetry-After: 18446744073709551615\r\n\r\n", Response{Status: 503, length: -1, RetryAfter: retryMax}, ""},
		{"retry-date", "HTTP/1.1 503 Busy\r\nRetry-After: Mon, 02 Nov 2026 10:01:00 GMT\r\nDate: Mon, 02 Nov 2026 10:00:00 GMT\r\n\r\n", Response{Status: 503, length: -1, RetryAfter: time.Minute, Date: time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)}, ""},
		{"retry-past", "HTTP/1.1 503 Busy\r\nDate: Mon, 02 Nov 2026 10:01:00 GMT\r\nRetry-After: Mon, 02 Nov 2026 10:00:00 GMT\r\n\r\n", Response{Status: 503, length: -1, Date: time.Date(2026, 11, 2, 10, 1, 0, 0, time.UTC)}, ""},
		{"retry-date-alone", "HTTP/1.1 503 Busy\r\nRetry-After: Mon, 02 Nov 2026 10:00:00 GMT\r\n\r\n", Response{Status: 503, length: -1}, ""},
		{"retry-nonsense", "HTTP/1.1 503 Busy\r\nRetry-After: -1\r\n\r\n", Response{Status: 503, length: -1}, ""},
	} {
		for how, src := range map[string]io.Reader{
			"whole":   strings.NewReader(tc.raw),
			"bytes":   iotest.OneByteReader(strings.NewReader(tc.raw)),
			"dataerr": iotest.DataErrReader(strings.NewReader(tc.raw)),
		} {
			got, err := read(src)
			if err != nil {
				t.Errorf("%s, %s: %v", tc.name, how, err)
				continue
			}
			if string(got.Body) != tc.body {
				t.Errorf("%s, %s: body of %d bytes %.40q, want %d %.40q", tc.name, how, len(got.Body), got.Body, len(tc.body), tc.body)
			}
			if !errors.Is(got.Err, tc.want.Err) {
				t.Errorf("%s, %s: Err = %v, want %v", tc.name, how, got.Err, tc.want.Err)
			}
			w := tc.want
			if got.Status != w.Status || got.Location != w.Location || got.Type != w.Type || got.Encoding != w.Encoding || !got.Date.Equal(w.Date) ||
				got.RetryAfter != w.RetryAfter || got.length != w.length || got.Truncated != w.Truncated || got.chunked != w.chunked {
				t.Errorf("%s, %s: %+v, want %+v", tc.name, how, got, w)
			}
		}
	}
}

func TestReadResponseRefuses(t *testing.T) {
	fill := strings.Repeat("X: y\r\n", headMax/6)
	for _, tc := range []struct {
		name, raw string
		want      error
	}{
		{"nothing", "", io.ErrUnexpectedEOF},
		{"cut-in-status", "HTTP/1.1 204", io.ErrUnexpectedEOF},
		{"cut-in-headers", "HTTP/1.1 204 No Content\r\nX: y\r\n", io.ErrUnexpectedEOF},
		{"no-http", "SSH-2.0-OpenSSH_9.9\r\n", ErrMalformed},
		{"http-0.9", "<html>hello</html>\r\n", ErrMalformed},
		{"http-2", "HTTP/2.0 204 No Content\r\n\r\n", ErrMalformed},
		{"icy", "ICY 200 OK\r\n\r\n", ErrMalformed},
		{"status-short", "HTTP/1.1 20 OK\r\n\r\n", ErrMalformed},
		{"status-letters", "HTTP/1.1 2x4 OK\r\n\r\n", ErrMalformed},
		{"status-sign", "HTTP/1.1 +20 OK\r\n\r\n", ErrMalformed},
		{"status-below-100", "HTTP/1.1 099 OK\r\n\r\n", ErrMalformed},
		{"no-colon", "HTTP/1.1 204 No\r\nnonsense\r\n\r\n", ErrMalformed},
		{"no-name", "HTTP/1.1 204 No\r\n: x\r\n\r\n", ErrMalformed},
		{"space-in-name", "HTTP/1.1 204 No\r\nA B: x\r\n\r\n", ErrMalformed},
		{"fold-first", "HTTP/1.1 204 No\r\n x: y\r\n\r\n", ErrMalformed},
		{"control-in-value", "HTTP/1.1 204 No\r\nLocation: a\x00b\r\n\r\n", ErrMalformed},
		{"lengths-differ", "HTTP/1.1 204 No\r\nContent-length: 1\r\nContent-length: 2\r\n\r\n", ErrMalformed},
		{"length-negative", "HTTP/1.1 204 No\r\nContent-length: -1\r\n\r\n", ErrMalformed},
		{"length-huge", "HTTP/1.1 204 No\r\nContent-length: 99999999999999999999\r\n\r\n", ErrMalformed},
		{"transfer-gzip", "HTTP/1.1 204 No\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", ErrMalformed},
		{"transfer-twice", "HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", ErrMalformed},
		{"too-many", "HTTP/1.1 204 No Content\r\n" + fill + "\r\n", ErrTooLarge},
		{"one-long", "HTTP/1.1 204 No Content\r\nX: " + strings.Repeat("y", headMax) + "\r\n\r\n", ErrTooLarge},
		{"long-status", "HTTP/1.1 204 " + strings.Repeat("y", headMax) + "\r\n\r\n", ErrTooLarge},
		{"endless-continue", strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", headMax/20), ErrTooLarge},
	} {
		got, err := read(strings.NewReader(tc.raw))
		if !errors.Is(err, tc.want) || got.Status != 0 {
			t.Errorf("%s: status %d, %v, want none and %v", tc.name, got.Status, err, tc.want)
		}
	}
}

// TestHeadMax: a header block of exactly headMax passes, one byte more does not.
func TestHeadMax(t *testing.T) {
	const start, end = "HTTP/1.1 204 No Content\r\nX: ", "\r\n\r\n"
	for extra, want := range map[int]error{0: nil, 1: ErrTooLarge} {
		raw := start + strings.Repeat("y", headMax-len(start)-len(end)+extra) + end
		if _, err := read(strings.NewReader(raw)); !errors.Is(err, want) {
			t.Errorf("header block of %d bytes: %v, want %v", len(raw), err, want)
		}
	}
}

// TestReaderReuse: nothing of an answer shows in the next, and buffers stay.
func TestReaderReuse(t *testing.T) {
	var r reader
	var resp Response
	raw := []byte("HTTP/1.1 302 Found\r\nLocation: /a\r\nRetry-After: 5\r\n\r\nhello")
	src := bytes.NewReader(raw)
	parse := func() {
		src.Reset(raw)
		r.reset(src)
		if err := r.head(&resp); err != nil {
			t.Fatal(err)
		}
		r.readBody(&resp, bodyMax)
	}
	parse()
	if resp.Location != "/a" || string(resp.Body) != "hello" {
		t.Fatalf("first answer: %+v", resp)
	}
	if n := testing.AllocsPerRun(100, parse); n > 4 { // the strings that are kept, and a date tried
		t.Errorf("an answer read again costs %v allocations", n)
	}
	r.reset(strings.NewReader("HTTP/1.1 204 No\r\n\r\n"))
	if err := r.head(&resp); err != nil || resp.Location != "" || resp.RetryAfter != 0 || resp.Body != nil || resp.Status != 204 {
		t.Errorf("second answer: %+v, %v", resp, err)
	}
}

func TestRequest(t *testing.T) {
	tg, err := parseTarget("http://probe.example.com:8080/x?y=z")
	if err != nil {
		t.Fatal(err)
	}
	got := string(request(tg, "*/*"))
	for _, want := range []string{"GET /x?y=z HTTP/1.1\r\n", "\r\nHost: probe.example.com:8080\r\n", "\r\nConnection: close\r\n", "\r\nAccept-Encoding: identity\r\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("request %q lacks %q", got, want)
		}
	}
	if !strings.HasSuffix(got, "\r\n\r\n") {
		t.Errorf("request %q has no end", got)
	}
}

// TestParseDateAgreesWithTime, but for the day of the week.
func TestParseDateAgreesWithTime(t *testing.T) {
	for _, s := range []string{
		"Sun, 06 Nov 1994 08:49:37 GMT", "Thu, 29 Feb 2024 23:59:59 GMT", "Sat, 01 Jan 0000 00:00:00 GMT",
		"", "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 6 Nov 1994 08:49:37 GMT",
		"Sun, 06 anF 1994 08:49:37 GMT", "Sun, 06 Xyz 1994 08:49:37 GMT", "Sun, 06 Jan +994 08:49:37 GMT",
		"Fri, 30 Feb 2024 00:00:00 GMT", "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 1994 08:60:37 GMT",
		"Sun, 06 Nov 1994 08:49:60 GMT", "Sun  06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08-49-37 GMT",
		"Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sun, 06 Nov 1994 08:49:37 GMT ",
	} {
		want, err := time.Parse("Mon, 02 Jan 2006 15:04:05 GMT", s)
		if got, ok := parseDate(s); ok != (err == nil) || ok && !got.Equal(want) {
			t.Errorf("parseDate(%q) = %v, %v, want %v (error %v)", s, got, ok, want, err)
		}
	}
}
