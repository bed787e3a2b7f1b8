package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/netmond/netmond/smd"

	"github.com/netmond/netmond/internal/daemon"
	"github.com/netmond/netmond/internal/ubus"
)

// TestUbusMethods: a list and a text come under the verb's name, an object as it is,
// and what no message holds is refused before it is all in memory.
func TestUbusMethods(t *testing.T) {
	given := 0
	verb := func(answer any, items ...any) smd.Verb {
		return smd.Verb{Run: func(_ context.Context, _ json.RawMessage, item func(any) error) (any, error) {
			given = 0
			for _, v := range items {
				if err := item(v); err != nil {
					return nil, err
				}
				given++
			}
			return answer, nil
		}}
	}
	for _, tc := range []struct {
		name string
		verb smd.Verb
		want string
	}{
		{"status", verb(map[string]int{"routes": 7}), `{"routes":7}`},
		{"metrics", verb("text\n"), `{"metrics":"text\n"}`},
		{"check", verb([]int{1}), `{"check":[1]}`},
		{"routes", verb(2, "a", "b"), `{"routes":["a","b"]}`},
		{"flows", verb(0), `{"flows":[]}`},
	} {
		got, err := method(tc.name, tc.verb).Serve(context.Background(), nil)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
		}
		if text, err := json.Marshal(got); err != nil || string(text) != tc.want {
			t.Errorf("%s = %s, %v, want %s", tc.name, text, err, tc.want)
		}
	}
	many := make([]any, 100)
	for i := range many {
		many[i] = strings.Repeat("r", ubus.MaxMessage/10)
	}
	if _, err := method("routes", verb(100, many...)).Serve(context.Background(), nil); err == nil || given > 10 {
		t.Errorf("routes beyond a message: %v after %d items", err, given)
	}
}

// TestSignaturesNameVerbs that there are.
func TestSignaturesNameVerbs(t *testing.T) {
	verbs := daemon.New(daemon.Deps{}).Verbs()
	for name := range signatures {
		if _, ok := verbs[name]; !ok {
			t.Errorf("no verb %s", name)
		}
	}
}
