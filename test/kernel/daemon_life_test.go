//go:build linux

package kernel

import (
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestLife starts and ends daemons in all ways.
func TestLife(t *testing.T) {
	t.Parallel()
	kernel(t, func(t *testing.T) {
		topology(t)
		state := func(t *testing.T) string { return status(t).State }
		// ended waits for the end of a process that was told to go, and takes the time.
		ended := func(t *testing.T, p *process, since time.Time) {
			t.Helper()
			select {
			case <-p.done:
				if took := time.Since(since); p.err != nil || took > time.Second {
					t.Errorf("the daemon ended after %v with %v, want no error within 1s\n%s", took, p.err, p.stderr)
				}
			case <-time.After(patience):
				t.Fatalf("the daemon does not end\n%s", p.stderr)
			}
		}
		refused := func(t *testing.T, about string, args ...string) {
			t.Helper()
			_, errs, code := commandCode(t, append([]string{"run"}, args...)...)
			if code != 1 || !strings.Contains(errs, about) {
				t.Errorf("netmond run exits %d and says %q, want 1 and a word of %q", code, errs, about)
			}
		}

		for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
			t.Run(sig.String(), func(t *testing.T) {
				// A check that never gets an answer and clients that stay must not hold it up.
				do(t, "route add default via "+wan0Gateway)
				defer do(t, "route del default")
				d, b := runDaemon(t, "-probe", "http://198.51.100.66/")
				idle, err := net.Dial("unix", socketPath)
				if err != nil {
					t.Fatal(err)
				}
				defer idle.Close()
				since := time.Now()
				if err := d.cmd.Process.Signal(sig); err != nil {
					t.Fatal(err)
				}
				ended(t, d, since)
				for _, path := range []string{socketPath, socketPath + ".lock"} {
					if exists(path) {
						t.Errorf("%s is left behind", path)
					}
				}
				b.stop()
			})
		}
		t.Run("second daemon", func(t *testing.T) {
			d, _ := runDaemon(t)
			refused(t, fmt.Sprintf("process %d", d.PID))
			if got := state(t); got != "OPERATIONAL" {
				t.Errorf("the first daemon says %q after a second one was started", got)
			}
			d.stop()
		})
		t.Run("socket left behind", func(t *testing.T) {
			d, _ := runDaemon(t)
			if err := d.cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			<-d.done
			if !exists(socketPath) {
				t.Fatal("a killed daemon leaves no socket behind: nothing is tested")
			}
			if got := state(t); got != "OFFLINE" {
				t.Errorf("status says %q over a dead daemon's socket", got)
			}
			d, _ = runDaemon(t)
			if got := state(t); got != "OPERATIONAL" {
				t.Errorf("the daemon that replaces a dead one says %q", got)
			}
			d.stop()
		})
		t.Run("living socket of another program", func(t *testing.T) {
			l, err := net.Listen("unix", "/run/other.sock")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			refused(t, "/run/other.sock", "-socket=/run/other.sock")
			if c, err := net.Dial("unix", "/run/other.sock"); err != nil {
				t.Errorf("the other program's socket is gone: %v", err)
			} else {
				c.Close()
			}
		})
		t.Run("a file that is no socket", func(t *testing.T) {
			if err := os.WriteFile("/run/file", []byte("mine"), 0o600); err != nil {
				t.Fatal(err)
			}
			refused(t, "/run/file", "-socket=/run/file")
			if b, _ := os.ReadFile("/run/file"); string(b) != "mine" {
				t.Errorf("the file now holds %q", b)
			}
		})
		t.Run("no routes at all", func(t *testing.T) {
			ip(t, "netns add empty")
			d := netmond(t, "empty", "run", "-socket=/run/empty.sock")
			eventually(t, "the daemon is ready without a route", func() bool {
				out, _, code := commandCode(t, "status", "-json", "-socket=/run/empty.sock")
				return code == 0 && strings.Contains(out, "OPERATIONAL")
			})
			d.stop()
		})
		t.Run("configuration", func(t *testing.T) {
			text := "config netmond 'main'\n\toption socket '/run/configured.sock'\n\toption close 'none'\n\tlist exclude 'tcp:22'\n"
			if err := os.WriteFile("/run/config", []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			d := netmond(t, "", "run", "-config=/run/config", "-close=no-route")
			eventually(t, "the configured socket", func() bool { return exists("/run/configured.sock") })
			st := decode[statusView](t, command(t, 0, "status", "-json", "-socket=/run/configured.sock"))
			if st.Close.Mode != "no-route" {
				t.Errorf("close is %q, want the flag's no-route to win over the file's none", st.Close.Mode)
			}
			d.stop()
		})
	})
}

// TestWithoutPrivilege runs the daemon as a user who may close nothing. It must
// say what is missing, and do all the rest.
func TestWithoutPrivilege(t *testing.T) {
	t.Parallel()
	kernel(t, func(t *testing.T) {
		if os.Getuid() != 0 || !mapped(user) {
			skip(t, "the namespace has no second user: run as root")
		}
		topology(t)
		if err := os.Mkdir("/run/user", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown("/run/user", user, user); err != nil {
			t.Fatal(err)
		}
		program, err := os.ReadFile(binary(t))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("/run/netmond-of-all", program, 0o755); err != nil { // the other one may be out of reach
			t.Fatal(err)
		}
		internet, device := talk(t, "peer"), talk(t, "")
		internet.listen(t, ":"+port)

		for _, flags := range [][]string{nil, {"-dry-run"}} {
			t.Run(strings.Join(append([]string{"run"}, flags...), " "), func(t *testing.T) {
				do(t, "route replace default via "+wan0Gateway)
				w := device.dial(t, to(host))
				d := start(t, "", "demoted", append([]string{"/run/netmond-of-all", "run"}, flags...)...)
				const at = "/run/user/netmond.sock"
				eventually(t, "the daemon serves its socket", func() bool { return exists(at) })
				b := &bus{process: netmond(t, "", "events", "-json", "-socket="+at)}
				if first := b.next(t); !strings.Contains(string(first.Snapshot), `"OPERATIONAL"`) {
					b.await(t, "OPERATIONAL", func(m payload) bool { return m.State == "OPERATIONAL" })
				}
				st := decode[statusView](t, command(t, 0, "status", "-json", "-socket="+at))
				if st.Close.Rung != "advisory" || !strings.Contains(st.Close.Why, "CAP_NET_ADMIN") {
					t.Errorf("status says %+v, want the advisory rung for want of CAP_NET_ADMIN", st.Close)
				}
				switch log := d.stderr.String(); {
				case flags == nil && !strings.Contains(log, "CAP_NET_ADMIN"):
					t.Errorf("the log does not name the capability:\n%s", log)
				case flags != nil && !strings.Contains(log, "dry run"):
					t.Errorf("the log does not speak of a dry run:\n%s", log)
				}
				do(t, "route del default")
				if m := b.flow(t, w); m.Act != "would-close" || m.Reason != "no-route" {
					t.Errorf("the bus says %+v, want would-close for no-route", m)
				}
				do(t, "route add default via "+wan0Gateway)
				w.echoes(t, "nobody had the right to close it")
				d.stop()
			})
		}
		t.Run("root's daemon", func(t *testing.T) {
			d, _ := runDaemon(t)
			asked := start(t, "", "demoted", "/run/netmond-of-all", "status", "-json")
			if st := decode[statusView](t, asked.line(t)); st.State != "OPERATIONAL" {
				t.Errorf("a user without a daemon who asks for the status is told %s", st.State)
			}
			d.stop()
		})
	})
}

// user is somebody without rights.
const user = 1000

// mapped says whether the user namespace has the user.
func mapped(uid int) bool {
	path := "/run/mapped"
	if os.WriteFile(path, nil, 0o600) != nil {
		return false
	}
	return os.Chown(path, uid, uid) == nil
}

// playDemoted becomes the user and then the program.
func playDemoted(args []string) error {
	env := append(os.Environ(), "XDG_RUNTIME_DIR=/run/user")
	if err := unix.Setgroups(nil); err != nil {
		return err
	}
	if err := syscall.Setgid(user); err != nil {
		return err
	}
	if err := syscall.Setuid(user); err != nil {
		return err
	}
	return syscall.Exec(args[0], args, env)
}
