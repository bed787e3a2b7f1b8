//go:build linux

package packaging

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestSysvinit takes the daemon through its life by the init script, with Debian's and
// with BusyBox's start-stop-daemon, in a network namespace of its own.
func TestSysvinit(t *testing.T) {
	busybox := need(t, "busybox", "busybox-static")
	shells := map[string][]string{"busybox": {busybox, "sh"}}
	if _, err := exec.LookPath("start-stop-daemon"); err == nil {
		shells["debian"] = []string{need(t, "dash", "dash")}
	}
	for name, shell := range shells {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if name == "busybox" {
				for _, applet := range []string{"start-stop-daemon", "sleep", "rm", "mkfifo", "echo"} {
					if err := os.Symlink(busybox, filepath.Join(dir, applet)); err != nil {
						t.Fatal(err)
					}
				}
			}
			log := filepath.Join(dir, "log")
			write(t, filepath.Join(dir, "logger"), "#!/bin/sh\nexec cat >>"+log+"\n")
			if err := os.Chmod(filepath.Join(dir, "logger"), 0o755); err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(dir, "default"), "DAEMON_ARGS='-dry-run -socket "+dir+"/sock -config "+dir+"/conf'\n")
			write(t, filepath.Join(dir, "conf"), "config netmond 'main'\n")
			path := filepath.Join(dir, "netmond.init")
			write(t, path, strings.NewReplacer("/var/run", dir, "/usr/sbin/netmond", binary, "PATH=", "PATH="+dir+":",
				"/etc/default/netmond", dir+"/default").Replace(read(t, "packaging/sysvinit/netmond")))

			// An init of its own: what it leaves ends with it.
			story := `
s() { echo "$1:"; ` + strings.Join(shell, " ") + " " + path + ` "$1"; echo "= $?"; }
answers() { i=0; while ! ` + binary + ` version -socket ` + dir + `/sock >/dev/null || ! [ -S ` + dir + `/sock ]; do
	i=$((i + 1)); [ $i -lt 100 ] || { echo 'no daemon'; break; }; sleep 0.1; done; }
reloaded() { i=0; while ! grep -q 'configuration read again' ` + log + `; do
	i=$((i + 1)); [ $i -lt 100 ] || { echo 'not reloaded'; break; }; sleep 0.1; done; }
s status
s start; answers
s status; s start; s reload; reloaded; s restart; answers; s status; s stop; s status`
			cmd := exec.Command("sh", "-c", story)
			cmd.SysProcAttr = &syscall.SysProcAttr{
				Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
				UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
				GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
			}
			out, err := os.Create(filepath.Join(dir, "out"))
			if err != nil {
				t.Fatal(err)
			}
			defer out.Close()
			cmd.Stdout, cmd.Stderr = out, out
			if err := cmd.Start(); err != nil {
				skip(t, "no namespaces here: "+err.Error())
			}
			timer := time.AfterFunc(2*deadline, func() { _ = cmd.Process.Kill() })
			err = cmd.Wait()
			timer.Stop()
			text, rerr := os.ReadFile(out.Name())
			if rerr != nil {
				t.Fatal(rerr)
			}
			const want = `status:
netmond: not running
= 3
start:
= 0
status:
netmond: running
= 0
start:
netmond: runs already
= 0
reload:
= 0
restart:
= 0
status:
netmond: running
= 0
stop:
= 0
status:
netmond: not running
= 3
`
			if err != nil || string(text) != want {
				t.Errorf("%v\n%s\nwant\n%s", err, text, want)
			}
			said, err := os.ReadFile(log)
			if err != nil || !strings.Contains(string(said), "configuration read again") || !strings.Contains(string(said), "dry run") {
				t.Errorf("syslog got %q, %v", said, err)
			}
			if _, err := os.Stat(filepath.Join(dir, "netmond.pid")); err == nil {
				t.Error("the pid file is left")
			}
		})
	}
}
