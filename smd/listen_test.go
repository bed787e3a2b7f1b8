//go:build linux

package smd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// TestMain lets the test binary be another process: see TestPermissions and
// TestDeadDaemonIsReplaced.
func TestMain(m *testing.M) {
	switch os.Getenv("SMD_TEST_CHILD") {
	case "send":
		childSend(os.Getenv("SMD_TEST_SOCKET"))
	case "listen":
		childListen(os.Getenv("SMD_TEST_SOCKET"))
	default:
		os.Exit(m.Run())
	}
}

// child returns the command that runs the test binary as what.
func child(t *testing.T, what, socket string) *exec.Cmd {
	t.Helper()
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { self.Close() })
	// By descriptor, for other users may not search the directory it is in.
	cmd := exec.Command("/proc/self/fd/3")
	cmd.ExtraFiles = []*os.File{self}
	cmd.Env = append(os.Environ(), "SMD_TEST_CHILD="+what, "SMD_TEST_SOCKET="+socket)
	cmd.Stderr = os.Stderr
	return cmd
}

func childSend(path string) {
	c, err := Dial(context.Background(), path)
	if err == nil {
		_, err = c.Do(context.Background(), map[string]any{"do": "send", "class": "network", "msg": map[string]string{"trigger": "cpdcheck"}})
	}
	fmt.Println(err)
}

func childListen(path string) {
	_, err := Listen(path)
	fmt.Println(err)
	select {} // until it is killed
}

func TestListen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b", "s.sock")
	old := syscall.Umask(0o077)
	l, err := Listen(path)
	syscall.Umask(old)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{
		path: fs.ModeSocket | 0o666, path + ".lock": 0o600, filepath.Dir(path): fs.ModeDir | 0o755,
	} {
		if info, err := os.Stat(name); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v, want mode %v", name, info.Mode(), err, want)
		}
	}
	if _, err := Listen(path); !errors.Is(err, ErrRunning) {
		t.Errorf("second Listen = %v, want ErrRunning", err)
	} else if want := fmt.Sprintf("smd: another daemon is running as process %d on %s: stop it first, or choose another socket", os.Getpid(), path); err.Error() != want {
		t.Errorf("second Listen = %v, want %s", err, want)
	}
	if c, err := net.Dial("unix", path); err != nil {
		t.Errorf("the living socket was harmed: %v", err)
	} else {
		c.Close()
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	second, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed twice: %v", err)
	}
	if _, err := os.Stat(path + ".lock"); err != nil {
		t.Errorf("the second close removed another's lock: %v", err)
	}
	second.Close()
}

func TestListenRefuses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("precious"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, filepath.Join(file, "s.sock"), filepath.Join(dir, strings.Repeat("x", 108))} {
		if l, err := Listen(path); err == nil {
			l.Close()
			t.Errorf("Listen(%s) succeeded", path)
		}
	}
	if text, _ := os.ReadFile(file); string(text) != "precious" {
		t.Error("Listen replaced a file")
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

// A daemon that lives is not replaced even where its lock file was deleted.
func TestLivingSocketWithoutLockIsNotReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := Listen(path); !errors.Is(err, ErrRunning) {
		t.Errorf("Listen = %v, want ErrRunning", err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

func TestDeadDaemonIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.sock")
	cmd := child(t, "listen", path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "<nil>\n" {
		t.Fatalf("child: %s, %v", line, err)
	}
	if _, err := Listen(path); !errors.Is(err, ErrRunning) || !strings.Contains(err.Error(), fmt.Sprint(cmd.Process.Pid)) {
		t.Errorf("Listen beside a living daemon = %v", err)
	}
	cmd.Process.Kill()
	cmd.Wait()
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("no stale socket to test with: %v", err)
	}
	if _, err := Dial(context.Background(), path); !errors.Is(err, ErrNoDaemon) {
		t.Errorf("Dial of a dead daemon = %v, want ErrNoDaemon", err)
	}
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}

func TestPermissions(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root to become others")
	}
	b := NewBus(Options{})
	path, stop := serve(t, &Server{Bus: b, Group: "4711"})
	defer stop()
	for dir := filepath.Dir(path); dir != "/"; dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err != nil {
			t.Fatal(err)
		} else if info.Mode()&0o001 != 0 {
			continue
		}
		if rel, err := filepath.Rel(os.TempDir(), dir); err != nil || rel == "." || strings.HasPrefix(rel, "..") {
			t.Skipf("%s is closed to others", dir)
		}
		if err := os.Chmod(dir, 0o755); err != nil { // the test's own
			t.Fatal(err)
		}
	}
	pull(t, b, Network) // or nothing is numbered
	many := make([]uint32, 100)
	for i := range many {
		many[i] = 5000 + uint32(i)
	}
	for _, tt := range []struct {
		name string
		cred syscall.Credential
		ok   bool
	}{
		{"root", syscall.Credential{}, true},
		{"stranger", syscall.Credential{Uid: 4242, Gid: 4242}, false},
		{"stranger-in-many-groups", syscall.Credential{Uid: 4242, Gid: 4242, Groups: many}, false},
		{"group", syscall.Credential{Uid: 4242, Gid: 4711}, true},
		{"supplementary-group", syscall.Credential{Uid: 4242, Gid: 4242, Groups: []uint32{100, 4711}}, true},
		{"last-of-many-groups", syscall.Credential{Uid: 4242, Gid: 4242, Groups: append(many, 4711)}, true},
		{"root's-group", syscall.Credential{Uid: 4242, Gid: 0}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := b.Seq()
			cmd := child(t, "send", path)
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &tt.cred}
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			want := "<nil>\n"
			if !tt.ok {
				want = "smd: send: not allowed for user 4242: only for root and members of group 4711\n"
			}
			if string(out) != want {
				t.Errorf("got %swant %s", out, want)
			}
			if published := b.Seq() > before; published != tt.ok {
				t.Errorf("published: %v, want %v", published, tt.ok)
			}
		})
	}
}

// Of many that start and stop at the same time, at most one listens at a time.
func TestOneListensAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.sock")
	var holders, turns atomic.Int32
	var racers sync.WaitGroup
	for range 4 {
		racers.Add(1)
		go func() {
			defer racers.Done()
			for range 200 {
				l, err := Listen(path)
				if err != nil {
					if !errors.Is(err, ErrRunning) {
						t.Error(err)
					}
					continue
				}
				turns.Add(1)
				if n := holders.Add(1); n != 1 {
					t.Errorf("%d listen at once", n)
				}
				runtime.Gosched()
				holders.Add(-1)
				l.Close()
			}
		}()
	}
	racers.Wait()
	if turns.Load() == 0 {
		t.Error("nobody ever listened")
	}
}

func TestUnknownGroup(t *testing.T) {
	l, err := Listen(filepath.Join(t.TempDir(), "s.sock"))
	if err != nil {
		t.Fatal(err)
	}
	s := Server{Bus: NewBus(Options{}), Group: "no such group"}
	if err := s.Serve(context.Background(), l); err == nil {
		t.Error("Serve with an unknown group = nil")
	}
}
