// Package bus has no code of its own: it is where the examples in other languages
// are run against a real server.
package bus

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/netmond/netmond/smd"
)

// deadline bounds what an example may take to say something.
const deadline = 20 * time.Second

// serve runs a server as the daemon would, and returns its bus and socket.
func serve(t *testing.T) (*smd.Bus, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "netmond.sock")
	l, err := smd.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	bus := smd.NewBus(smd.Options{})
	s := &smd.Server{
		Bus:      bus,
		Snapshot: func() any { return map[string]string{"state": "OPERATIONAL"} },
		Verbs: map[string]smd.Verb{"lookup": {Run: func(_ context.Context, req json.RawMessage, _ func(any) error) (any, error) {
			var q struct{ Dst string }
			err := json.Unmarshal(req, &q)
			return map[string]any{"dst": q.Dst, "found": true}, err
		}}},
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return bus, path
}

// example starts a program and yields its lines.
func example(t *testing.T, name string, args ...string) *bufio.Scanner {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		if os.Getenv("NETMOND_KERNEL") == "1" {
			t.Fatalf("%v: install it, or unset NETMOND_KERNEL", err)
		}
		t.Skip(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it was killed
	})
	return bufio.NewScanner(out)
}

// expect reads lines until one holds want.
func expect(t *testing.T, lines *bufio.Scanner, want string) {
	t.Helper()
	var got []string
	for lines.Scan() {
		if strings.Contains(lines.Text(), want) {
			return
		}
		got = append(got, lines.Text())
	}
	t.Fatalf("the example said %q, and never %q", got, want)
}

func TestExamplesFollowTheBus(t *testing.T) {
	program := filepath.Join(t.TempDir(), "events")
	if out, err := exec.Command("cc", "-Wall", "-Wextra", "-Werror", "-o", program, "c/events.c").CombinedOutput(); err != nil {
		t.Fatalf("cc: %v\n%s", err, out)
	}
	for _, tt := range []struct {
		name    string
		command []string
		hello   string // what it says of the snapshot
		want    string // what it says of the flow
	}{
		{"shell", []string{"./events.sh"}, `"snapshot"`, `"act":"closed"`},
		{"python", []string{"python3", "events.py"}, "state OPERATIONAL", "closed 198.51.100.7:443 no-route"},
		{"c", []string{program}, "connected", `"act":"closed"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bus, path := serve(t)
			lines := example(t, tt.command[0], append(tt.command[1:], path)...)
			expect(t, lines, tt.hello)
			flow := smd.Flow{Act: "closed", Proto: "tcp", Local: "192.0.2.9:4000", Remote: "198.51.100.7:443", Reason: "no-route"}
			if err := bus.Publish(smd.Network, flow); err != nil {
				t.Fatal(err)
			}
			expect(t, lines, tt.want)
		})
	}
}

func TestExampleAsks(t *testing.T) {
	_, path := serve(t)
	expect(t, example(t, "./ask.sh", "198.51.100.7", path), `"dst":"198.51.100.7"`)
}
