//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// daemon is netmond on the device, at its defaults.
type daemon struct {
	path  string
	pid   int
	ended chan struct{}

	mu       sync.Mutex // guards what the reader of its log writes
	closed   map[string]record
	reasons  map[string]int // closes by reason
	warnings []string       // the last of them
	warned   int
	failure  error // how it ended, where it should not have
}

// record is a line of its log.
type record struct{ Level, Msg, Flow, Reason, Was, Event string }

// startDaemon starts it and waits until its table is complete. It ends with ctx.
func startDaemon(ctx context.Context, path, log string, flags []string) (*daemon, error) {
	args := append([]string{"run", "-config", "/dev/null", "-log-format", "json", "-hooks", "/run/none", "-probe-timeout", "100ms"}, flags...)
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 3 * time.Second
	pipe, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	kept, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	d := &daemon{path: path, pid: cmd.Process.Pid, ended: make(chan struct{}), closed: make(map[string]record), reasons: make(map[string]int)}
	ready := make(chan struct{})
	go func() {
		defer close(d.ended)
		defer kept.Close()
		for lines := bufio.NewScanner(io.TeeReader(pipe, kept)); lines.Scan(); {
			if d.read(lines.Bytes()) {
				close(ready)
			}
		}
		err := cmd.Wait()
		d.mu.Lock()
		defer d.mu.Unlock()
		if ctx.Err() == nil {
			d.failure = fmt.Errorf("netmond ended by itself: %w: %s", err, strings.Join(d.warnings, "\n"))
		}
	}()
	select {
	case <-ready:
		return d, nil
	case <-d.ended:
		return nil, d.failure
	case <-time.After(10 * time.Second):
		return nil, fmt.Errorf("%s: its table is not complete after 10 s", path)
	}
}

// read takes a line of the log, and says whether it is the one about the table.
func (d *daemon) read(line []byte) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	var r record
	if err := json.Unmarshal(line, &r); err != nil {
		r = record{Level: "WARN", Msg: string(line)}
	}
	switch {
	case r.Msg == "flow closed":
		d.closed[r.Flow] = r
		d.reasons[r.Reason]++
	case r.Level != "INFO":
		const kept = 50
		d.warned++
		d.warnings = append(d.warnings[max(0, len(d.warnings)-kept+1):], string(bytes.TrimSpace(line)))
	}
	return r.Msg == "table complete"
}

// why takes what the log said of a closed flow.
func (d *daemon) why(flow string) (record, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r, ok := d.closed[flow]
	delete(d.closed, flow)
	return r, ok
}

// verdict is what the daemon says of a connection that is still there.
func (d *daemon) verdict(w *wire) []string {
	if w == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	words := strings.Fields(w.name)
	out, _ := exec.CommandContext(ctx, d.path, "why", words[1], words[2]).CombinedOutput() // what it prints tells of errors too
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

// holding is what the daemon holds at a moment.
type holding struct {
	rss         int // KiB
	descriptors int
	threads     int
	goroutines  int
	cpu         time.Duration
}

func (d *daemon) holding(ctx context.Context) (h holding, err error) {
	defer func() {
		select {
		case <-d.ended:
			d.mu.Lock()
			defer d.mu.Unlock()
			err = d.failure
		default:
		}
	}()
	dir := fmt.Sprintf("/proc/%d/", d.pid)
	status, err := os.ReadFile(dir + "status")
	if err != nil {
		return h, err
	}
	h.rss, h.threads = field(status, "VmRSS:"), field(status, "Threads:")
	fds, err := os.ReadDir(dir + "fd")
	if err != nil {
		return h, err
	}
	h.descriptors = len(fds)
	if stat, err := os.ReadFile(dir + "stat"); err == nil {
		if words := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])); len(words) > 12 {
			user, _ := strconv.Atoi(words[11])
			system, _ := strconv.Atoi(words[12])
			h.cpu = time.Duration(user+system) * time.Second / 100 // USER_HZ
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	figures, err := exec.CommandContext(ctx, d.path, "metrics").Output()
	if err != nil {
		return h, fmt.Errorf("netmond metrics: %w", err)
	}
	h.goroutines = field(figures, "\nnetmond_goroutines")
	if h.goroutines == 0 {
		return h, fmt.Errorf("netmond metrics does not tell the goroutines")
	}
	return h, nil
}

// field reads the number behind a name; 0 where it is not there.
func field(text []byte, name string) int {
	_, rest, _ := bytes.Cut(text, []byte(name))
	words := bytes.Fields(rest[:min(len(rest), 64)])
	if len(words) == 0 {
		return 0
	}
	n, _ := strconv.Atoi(string(words[0]))
	return n
}
