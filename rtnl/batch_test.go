package rtnl

import (
	"fmt"
	"strings"
	"testing"
)

const everything = "dump link|dump netconf inet|dump netconf inet6|dump addr inet|dump addr inet6|dump nexthop|" +
	"dump rule inet|dump rule inet6|dump route inet|dump route inet6"

func (k *fakeKernel) wantLog(want string) {
	k.t.Helper()
	if got := strings.Join(k.log, "|"); got != want {
		k.t.Errorf("calls = %s, want %s", got, want)
	}
	k.log = nil
}

// wantBatch checks the next batch: "full", "part KIND FAMILY OIF", "more" and the
// destinations of its routes.
func wantBatch(t *testing.T, next func() (Batch, error), want string) {
	t.Helper()
	b, err := next()
	if err != nil {
		t.Fatalf("batch = %v, want %s", err, want)
	}
	if got := describe(b); got != want {
		t.Errorf("batch = %q, want %q", got, want)
	}
}

func describe(b Batch) string {
	var words []string
	if b.Full {
		words = append(words, "full")
	}
	if p := b.Part; p != nil {
		words = append(words, fmt.Sprintf("part %d %d %d", p.Kind, p.Family, p.Oif))
	}
	if b.More {
		words = append(words, "more")
	}
	if s := dsts(b); s != "" {
		words = append(words, s)
	} else if n := len(b.Events); n > 0 {
		words = append(words, fmt.Sprintf("%d events", n))
	}
	return strings.Join(words, " ")
}
