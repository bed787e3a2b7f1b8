package qemu

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// result is how a test of a guest ended, with its subtests in their order.
type result struct {
	name    string // the last part
	action  string // "pass", "fail", "skip"; "" if it did not end
	elapsed float64
	output  strings.Builder
	subs    []*result
}

// parse reads what a test binary printed with -test.v=test2json.
func parse(text string) (*result, error) {
	cmd := exec.Command("go", "tool", "test2json")
	cmd.Stdin = strings.NewReader(text)
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("test2json: %w", err)
	}
	root := &result{}
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		var e struct {
			Action, Test, Output string
			Elapsed              float64 // seconds
		}
		if err := dec.Decode(&e); err != nil {
			return nil, fmt.Errorf("test2json: %w", err)
		}
		r := root.find(e.Test)
		switch e.Action {
		case "output":
			r.output.WriteString(e.Output)
		case "pass", "fail", "skip":
			r.action, r.elapsed = e.Action, e.Elapsed
		}
	}
	return root, nil
}

// find returns the result of a test, which it adds where there is none.
func (r *result) find(name string) *result {
	if name == "" {
		return r
	}
	first, rest, _ := strings.Cut(name, "/")
	for _, s := range r.subs {
		if s.name == first {
			return s.find(rest)
		}
	}
	s := &result{name: first}
	r.subs = append(r.subs, s)
	return s.find(rest)
}

// tell makes t what r was, and its subtests likewise.
func (r *result) tell(t *testing.T) {
	t.Helper()
	for _, s := range r.subs {
		if s.action != "" || r.action != "pass" { // else of a process that the test has started, whose words it passes on
			t.Run(s.name, s.tell)
		}
	}
	switch r.action {
	case "pass":
		t.Logf("%.2f s in the guest\n%s", r.elapsed, r.output.String())
	case "skip":
		skip(t, r.output.String())
	case "fail":
		t.Error(r.output.String())
	default:
		t.Errorf("did not end:\n%s", r.output.String())
	}
}

// skip ends the test: it cannot run here.
func skip(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("NETMOND_KERNEL") == "1" {
		t.Fatalf("%s (NETMOND_KERNEL=1 forbids to skip)", why)
	}
	t.Skip(why)
}
