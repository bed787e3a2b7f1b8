package cpd

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestHostile: whatever a portal does, a check ends within its timeout and a
// bounded amount of memory, with a verdict.
func TestHostile(t *testing.T) {
	endless := func(head, unit string) func(context.Context, net.Conn) {
		return func(ctx context.Context, c net.Conn) {
			reply(head)(ctx, c)
			block := bytes.Repeat([]byte(unit), 1+(32<<10)/len(unit))
			for {
				if _, err := c.Write(block); err != nil {
					return
				}
			}
		}
	}
	drip := func(head, unit string) func(context.Context, net.Conn) {
		return func(ctx context.Context, c net.Conn) {
			reply(head)(ctx, c)
			tick := time.NewTicker(5 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
				if _, err := io.WriteString(c, unit); err != nil {
					return
				}
			}
		}
	}
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	for range 128 {
		z.Write(make([]byte, 64<<10)) // eight times what a check may allocate
	}
	z.Close()

	for _, tc := range []struct {
		name   string
		f      func(context.Context, net.Conn)
		state  State
		reason string
	}{
		{"silence", func(ctx context.Context, c net.Conn) { <-ctx.Done() }, NoInternet, "timed out"},
		{"drip-status", drip("", "H"), NoInternet, ""},
		{"drip-headers", drip("HTTP/1.1 204 No Content\r\n", "X: y\r\n"), NoInternet, "timed out"},
		{"drip-body", drip("HTTP/1.1 200 OK\r\n\r\n<html>hello", " "), Captive, "a page"},
		{"drip-chunks", drip("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n<html>\r\n", "1\r\nx\r\n"), Captive, "a page"},
		{"no-body-comes", drip("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", ""), NoInternet, "broke off"},
		{"endless-status", endless("HTTP/1.1 204 ", "x"), NoInternet, "headers pass"},
		{"endless-headers", endless("HTTP/1.1 204 No Content\r\n", "X: y\r\n"), NoInternet, "headers pass"},
		{"endless-header", endless("HTTP/1.1 204 No Content\r\nX: ", "y"), NoInternet, "headers pass"},
		{"endless-fold", endless("HTTP/1.1 204 No Content\r\nLocation: a", "\r\n b"), NoInternet, "headers pass"},
		{"endless-continue", endless("", "HTTP/1.1 100 Continue\r\n\r\n"), NoInternet, "headers pass"},
		{"endless-body", endless("HTTP/1.1 200 OK\r\n\r\n", "<html>"), Captive, "a page"},
		{"endless-chunks", endless("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"), Captive, "a page"},
		{"endless-extension", endless("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", "x"), NoInternet, "not HTTP"},
		{"endless-meta", endless("HTTP/1.1 511 Portal\r\n\r\n", "<meta "), Captive, "authentication"},
		{"gigantic-length", endless("HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\n", "<html>"), Captive, "a page"},
		{"gzip-bomb", reply("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + bomb.String()), Captive, "a page"},
		{"gzip-transfer", reply("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n" + bomb.String()), NoInternet, "not HTTP"},
		{"invalid-utf8", reply("HTTP/1.1 200 \xff\xfe\r\nX-\xff: \xff\r\n\r\nhello"), NoInternet, "not HTTP"},
		{"invalid-utf8-page", reply("HTTP/1.1 200 \xff\xfe\r\nX: \xff\r\n\r\n<title>\xff\xc0\x80</title><script>location='/\xff'</script>"), Captive, "dropped"},
		{"binary", endless("", "\x00\xff"), NoInternet, ""},
		{"tls-alert", reply("\x15\x03\x01\x00\x02\x02\x28"), NoInternet, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := &Detector{Timeout: 300 * time.Millisecond, Probes: []Probe{{URL: raw(t, tc.f)}}}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			got := d.Check(context.Background())
			runtime.ReadMemStats(&after)
			if got.State != tc.state || !strings.Contains(got.Reason, tc.reason) {
				t.Errorf("Check = %v %q, want %v ...%q...", got.State, got.Reason, tc.state, tc.reason)
			}
			if got.Elapsed > 5*time.Second {
				t.Errorf("took %v with a timeout of %v", got.Elapsed, d.Timeout)
			}
			if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 { // the server's share included
				t.Errorf("allocated %d bytes", n)
			}
		})
	}
}

// TestRedirectLoop: no redirect is followed, however inviting.
func TestRedirectLoop(t *testing.T) {
	var hits atomic.Int32
	at, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		hits.Add(1)
		w.Header().Set("Location", r.URL.Path+"x")
		w.WriteHeader(302)
	})
	got := (&Detector{Probes: []Probe{{URL: at + "/"}}}).Check(context.Background())
	if got.State != Captive || got.URL != at+"/x" || hits.Load() != 1 {
		t.Errorf("Check = %+v after %d requests, want Captive after 1", got, hits.Load())
	}
}

// TestEarlyAnswer: a peer that answers and closes before it has read the request
// has still answered.
func TestEarlyAnswer(t *testing.T) {
	at := raw(t, func(_ context.Context, c net.Conn) {
		io.WriteString(c, "HTTP/1.1 302 Found\r\nLocation: /in\r\n\r\n")
		c.(*net.TCPConn).CloseWrite()
		io.Copy(io.Discard, c)
	})
	if got := (&Detector{Probes: []Probe{{URL: at}}}).Check(context.Background()); got.State != Captive || got.URL != at+"in" {
		t.Errorf("Check = %+v", got)
	}
}
