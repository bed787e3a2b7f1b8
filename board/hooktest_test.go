package board

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A hookTest is a directory of hooks, Run on it, and the log.
type hookTest struct {
	*testing.T
	dir    string
	events chan Event
	lines  chan string // the log, "msg key=value ..." a line
	cancel context.CancelFunc
	ended  chan struct{}
}

// newHooks writes scripts, each run by sh, and starts Run.
func newHooks(t *testing.T, timeout time.Duration, scripts map[string]string) *hookTest {
	t.Helper()
	h := &hookTest{T: t, dir: filepath.Join(t.TempDir(), "hooks.d"), events: make(chan Event), lines: make(chan string, 10000), ended: make(chan struct{})}
	if err := os.Mkdir(h.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range scripts {
		if err := os.WriteFile(filepath.Join(h.dir, name), []byte("#!/bin/sh\n"+text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	h.cancel = cancel
	hooks := &Hooks{Dir: h.dir, Timeout: timeout, Log: slog.New(slog.NewTextHandler(&lineChan{c: h.lines}, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == slog.LevelKey {
				return slog.Attr{}
			}
			return a
		},
	}))}
	go func() {
		defer close(h.ended)
		hooks.Run(ctx, h.events)
	}()
	t.Cleanup(func() {
		cancel()
		h.waitEnd()
	})
	return h
}

func (h *hookTest) send(seq uint64, msg string) {
	h.Helper()
	select {
	case h.events <- Event{Class: "network", Seq: seq, Msg: json.RawMessage(msg)}:
	case <-time.After(5 * time.Second):
		h.Fatalf("Run does not take event %d", seq)
	}
}

// finish lets the hooks run to their end and returns the rest of the log.
func (h *hookTest) finish() (lines []string) {
	h.Helper()
	close(h.events)
	h.waitEnd()
	for len(h.lines) > 0 {
		lines = append(lines, <-h.lines)
	}
	return lines
}

func (h *hookTest) waitEnd() {
	h.Helper()
	select {
	case <-h.ended:
	case <-time.After(20 * time.Second):
		h.Fatal("Run does not end")
	}
}

func (h *hookTest) line() string {
	h.Helper()
	select {
	case l := <-h.lines:
		return l
	case <-time.After(10 * time.Second):
		h.Fatal("nothing in the log")
		return ""
	}
}

// lineChan sends each write, which slog makes once a record, to a channel.
type lineChan struct {
	mu sync.Mutex
	c  chan string
}

func (l *lineChan) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.c <- strings.TrimPrefix(strings.TrimSpace(string(b)), "msg=")
	return len(b), nil
}

func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("log\n got %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

func pidsOf(t *testing.T, logged string) (pids []int) {
	t.Helper()
	_, text, _ := strings.Cut(logged, "line=")
	for _, word := range strings.Fields(strings.Trim(text, `"`)) {
		pid, err := strconv.Atoi(word)
		if err != nil || pid < 2 {
			t.Fatalf("no process ids in %q", logged)
		}
		pids = append(pids, pid)
	}
	return pids
}

// waitGone waits until a process has ended; one that nobody has reaped yet has, too.
func waitGone(t *testing.T, pid int) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || bytes.Contains(stat, []byte(") Z ")) {
			return
		}
		if time.Now().After(deadline) {
			syscall.Kill(pid, syscall.SIGKILL)
			t.Fatalf("process %d still runs: %s", pid, stat)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
