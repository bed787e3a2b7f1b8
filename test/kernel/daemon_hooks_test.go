//go:build linux

package kernel

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// hook writes a script into the daemon's hooks.
func hook(t testing.TB, dir, name, text string) {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"+text), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o755); err != nil { // whatever the umask
		t.Fatal(err)
	}
}

// hookRun is what a hook was told at one time.
type hookRun struct {
	env     map[string]string
	message string // its standard input
}

// hookRuns reads what the script that records has written: for each run its
// variables, its input, and an empty line.
func hookRuns(t testing.TB, file string) []hookRun {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var runs []hookRun
	texts := strings.Split(string(b), "\n\n")
	for _, text := range texts[:len(texts)-1] { // the last may not be all there
		r := hookRun{env: make(map[string]string)}
		for _, line := range strings.Split(text, "\n") {
			if message, ok := strings.CutPrefix(line, "stdin "); ok {
				r.message = message
			} else if key, value, ok := strings.Cut(line, "="); ok {
				r.env[key] = value
			}
		}
		runs = append(runs, r)
	}
	return runs
}

// TestHooks: scripts are told of checks, links and flows, in their environment and
// on their standard input. Others that fail, hang, or may not run harm nothing.
func TestHooks(t *testing.T) {
	t.Parallel()
	kernel(t, func(t *testing.T) {
		dir, record, started, never := temp(t, "hooks.d"), temp(t, "record"), temp(t, "started"), temp(t, "never")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		hook(t, dir, "10-fails", "exit 3\n")
		hook(t, dir, "20-hangs", "echo $$ >>"+started+"\nexec sleep 1000\n")
		hook(t, dir, "30-records", `read -r line
{ env | grep ^NETMOND_; echo "stdin $line"; echo; } >>`+record+`
echo recorded $NETMOND_TYPE
`)
		hook(t, dir, "40-writable", "echo >"+never+"\n")
		if err := os.Chmod(filepath.Join(dir, "40-writable"), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("30-records", filepath.Join(dir, "50-link")); err != nil {
			t.Fatal(err)
		}
		s := newStage(t, "-hooks", dir, "-probe", "http://"+host+"/")
		s.internet.serve(t, ":80", "HTTP/1.1 302 Found\r\nLocation: http://portal.example.net/?a=$(id)&b=1\r\nContent-Length: 0\r\n\r\n")

		// told waits until the script has been told of the message, and shows that it
		// was told of it as the bus has it.
		told := func(m message) {
			t.Helper()
			var got *hookRun
			eventually(t, "the script records "+string(m.Msg), func() bool {
				for _, r := range hookRuns(t, record) {
					if r.message == string(m.Msg) {
						got = &r
						return true
					}
				}
				return false
			})
			var keys map[string]any
			if err := json.Unmarshal(m.Msg, &keys); err != nil {
				t.Fatal(err)
			}
			want := map[string]string{"NETMOND_CLASS": m.Class, "NETMOND_SEQ": strconv.FormatUint(m.Seq, 10)}
			for key, value := range keys {
				text, ok := value.(string)
				if !ok {
					b, err := json.Marshal(value)
					if err != nil {
						t.Fatal(err)
					}
					text = string(b)
				}
				want["NETMOND_"+strings.ToUpper(strings.ReplaceAll(key, "-", "_"))] = text
			}
			for key, value := range want {
				if got.env[key] != value {
					t.Errorf("%s is %q, want %q, for %s", key, got.env[key], value, m.Msg)
				}
			}
		}
		of := func(kind string) message {
			t.Helper()
			return s.bus.await(t, "a message of type "+kind, func(m payload) bool { return m.Type == kind })
		}

		do(t, "route add default via "+wan0Gateway)
		if m := of("cpd"); m.Result != "Captive" || m.URL == "" {
			t.Errorf("the check says %s", m.Msg)
		}
		told(of("cpd"))
		do(t, "link set wan1 down")
		told(of("link"))

		w := s.device.dial(t, to(host))
		do(t, "route del default")
		s.closed(t, w, "no-route")
		told(of("flow"))
		s.untouched(t)

		if _, err := os.Stat(never); !os.IsNotExist(err) {
			t.Errorf("a script that anybody may write has run: %v", err)
		}
		hanging := func() (pids []int) {
			b, err := os.ReadFile(started)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range strings.Fields(string(b)) {
				if pid, err := strconv.Atoi(f); err == nil && syscall.Kill(pid, 0) == nil {
					pids = append(pids, pid)
				}
			}
			return pids
		}
		if n := len(hanging()); n > 1 {
			t.Errorf("the script that hangs runs %d times at once", n)
		}
		for _, word := range []string{"hook=10-fails", "exit status 3", "recorded cpd", "hook refused", "40-writable", "50-link"} {
			eventually(t, "the log has "+word, func() bool { return strings.Contains(s.daemon.stderr.String(), word) })
		}

		// The daemon tells of its end, and takes the script that hangs with it.
		if err := s.daemon.stop(); err != nil {
			t.Errorf("the daemon ends with %v", err)
		}
		if runs := hookRuns(t, record); len(runs) == 0 || runs[len(runs)-1].env["NETMOND_STATE"] != "STOPPING" {
			t.Errorf("the script was not told of the daemon's end: %v", runs)
		}
		eventually(t, "the script that hangs is gone", func() bool { return len(hanging()) == 0 })
	})
}
