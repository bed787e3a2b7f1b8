//go:build linux

package kernel

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestReload: SIGHUP has the configuration read again. What can change does, the
// rest is named, and a file with a mistake in it changes nothing.
func TestReload(t *testing.T) {
	t.Parallel()
	kernel(t, func(t *testing.T) {
		file, hooks, ran := temp(t, "config"), temp(t, "hooks.d"), temp(t, "ran")
		config := func(options string) {
			t.Helper()
			if err := os.WriteFile(file, []byte("config netmond 'main'\n"+options), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		config("option hooks '" + hooks + "'\n")
		s := newStage(t, "-config", file)
		read := 0
		reload := func(said string) {
			t.Helper()
			if err := s.daemon.cmd.Process.Signal(syscall.SIGHUP); err != nil {
				t.Fatal(err)
			}
			read++
			eventually(t, "the daemon has read its configuration", func() bool {
				log := s.daemon.stderr.String()
				return strings.Count(log, "configuration read again")+strings.Count(log, "configuration not read") == read
			})
			if log := s.daemon.stderr.String(); !strings.Contains(log, said) {
				t.Errorf("the log lacks %q:\n%s", said, log)
			}
		}
		strand := func(w *wire) {
			t.Helper()
			do(t, "route del default")
			s.closed(t, w, "no-route")
		}

		do(t, "route add default via "+wan0Gateway)
		s.informed(t)
		w := s.device.dial(t, to(host))
		config("option hooks '" + hooks + "'\noption close 'link-down'\noption settle '10ms'\noption led 'power'\n")
		reload("option=led")
		if strings.Contains(s.daemon.stderr.String(), "option=hooks") {
			t.Error("an option that is as it was is said to change at the next start")
		}
		if got := status(t).Close.Mode; got != "link-down" {
			t.Errorf("close is %q after a reload, want link-down", got)
		}
		for _, broken := range []struct{ text, says string }{
			{"option settle 'soon'\n", `config:2: settle: \"soon\" is no time`},
			{"option close 'all'\noption sttle '1s'\n", "config:3:"},
			{"option close 'all\n", "config:2: quote without an end"},
		} {
			config(broken.text)
			reload(broken.says)
			if got := status(t).Close.Mode; got != "link-down" {
				t.Errorf("close is %q after a broken file, want link-down as before", got)
			}
		}

		// A directory of hooks that has come since is found, and what was known
		// before is known: the connection of before is closed.
		if err := os.Mkdir(hooks, 0o755); err != nil {
			t.Fatal(err)
		}
		hook(t, hooks, "10-notes", "echo $NETMOND_TYPE >>"+ran+"\n")
		config("option hooks '" + hooks + "'\n")
		reload("configuration read again")
		strand(w)
		eventually(t, "the script that has come since runs", func() bool {
			b, _ := os.ReadFile(ran)
			return strings.Contains(string(b), "flow\n")
		})
		s.untouched(t)
	})
}

// TestReloadWhileItStarts: a daemon that is told to read its configuration again
// before it has read it at all does so, and does not end.
func TestReloadWhileItStarts(t *testing.T) {
	t.Parallel()
	kernel(t, func(t *testing.T) {
		fifo, socket := temp(t, "fifo"), temp(t, "sock")
		if err := syscall.Mkfifo(fifo, 0o600); err != nil {
			t.Fatal(err)
		}
		d := netmond(t, "", "run", "-config", fifo, "-socket", socket)
		// give waits until the daemon reads, and lets it read on after meanwhile.
		give := func(text string, meanwhile func()) {
			t.Helper()
			timer := time.AfterFunc(patience, func() { _ = d.cmd.Process.Kill() })
			defer timer.Stop()
			opened := make(chan error, 1)
			var f *os.File
			go func() {
				var err error
				f, err = os.OpenFile(fifo, os.O_WRONLY, 0) // waits for who reads
				opened <- err
			}()
			select {
			case err := <-opened:
				if err != nil {
					t.Fatal(err)
				}
			case <-d.done:
				t.Fatalf("the daemon ended: %v\n%s", d.err, d.stderr)
			}
			defer f.Close()
			meanwhile()
			if _, err := f.WriteString(text); err != nil {
				t.Fatal(err)
			}
		}
		give("", func() {
			if err := d.cmd.Process.Signal(syscall.SIGHUP); err != nil {
				t.Fatal(err)
			}
		})
		eventually(t, "the daemon has read it once", func() bool { return exists(socket) })
		give("config netmond 'main'\noption close 'none'\n", func() {})
		eventually(t, "the daemon has read its configuration twice", func() bool {
			return strings.Contains(d.stderr.String(), "configuration read again")
		})
		if st := decode[statusView](t, command(t, 0, "status", "-json", "-socket="+socket)); st.Close.Mode != "none" {
			t.Errorf("close is %q, want the none of the second reading", st.Close.Mode)
		}
	})
}
