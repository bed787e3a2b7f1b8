package conn

import (
	"bytes"
	"strings"
	"testing"
)

// FuzzParseDiag calls parseDiag: it ends without a panic, and what it reads names
// the same socket when it is destroyed.
func FuzzParseDiag(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		flow, err := parseDiag(b)
		if err != nil {
			return
		}
		req := appendDestroy(nil, flow)
		if len(req) != sizeofDiagReq {
			t.Fatalf("appendDestroy makes %d bytes, want %d", len(req), sizeofDiagReq)
		}
		addr := 16
		if req[0] == afINET {
			addr = 4
		}
		// Of struct inet_diag_sockid the ports, the addresses, and all that follows.
		got, want := req[8:], b[4:4+sizeofSockID]
		mixed := b[0] == afINET6 && flow.Local.Addr().Is4() != flow.Remote.Addr().Is4() // no socket is
		if !bytes.Equal(got[:4], want[:4]) || !bytes.Equal(got[36:], want[36:]) ||
			!mixed && req[0] == b[0] && (!bytes.Equal(got[4:4+addr], want[4:4+addr]) || !bytes.Equal(got[20:20+addr], want[20:20+addr])) {
			t.Errorf("appendDestroy(%v) names\n%x, want\n%x", flow, got, want)
		}
		if !mixed && req[0] != b[0] {
			t.Errorf("appendDestroy(%v) is of family %d, want %d", flow, req[0], b[0])
		}
	})
}

// FuzzParseRouteReply calls parseRouteReply: it ends without a panic, and answers
// hops only for what it takes.
func FuzzParseRouteReply(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		r, ok := parseRouteReply(b)
		if !ok && (r.local || r.hops != nil) {
			t.Errorf("parseRouteReply = %+v, false", r)
		}
		if len(r.hops) > len(b)/8+1 {
			t.Errorf("%d hops out of %d bytes", len(r.hops), len(b))
		}
	})
}

// FuzzParseReasons calls ParseReasons and ParseExclusion: what they accept, they
// read again from what it prints.
func FuzzParseReasons(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		if set, err := ParseReasons(text); err == nil {
			if again, err := ParseReasons(set.String()); err != nil || again != set {
				t.Errorf("ParseReasons(%q) = %v, %v, want %v", set, again, err, set)
			}
		}
		if x, err := ParseExclusion(text); err == nil {
			again, err := ParseExclusion(x.String())
			if err != nil || again.prefix != x.prefix || again.port != x.port || again.dev != x.dev || (again.uid == nil) != (x.uid == nil) {
				t.Errorf("ParseExclusion(%q) = %+v, %v, want %+v", x, again, err, x)
			}
		} else if !strings.Contains(err.Error(), "\"") {
			t.Errorf("ParseExclusion(%q) = %v, which does not name the value", text, err)
		}
	})
}
