//go:build linux

package kernel

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// roles are what this test binary can be as a helper process. A role returns
// when its standard input ends: the test is over.
var roles = map[string]func(args []string) error{
	"owner":   playOwner,
	"talk":    playTalk,
	"demoted": playDemoted,
	"floor":   playFloor,
}

func play(role string, args []string) int {
	f, ok := roles[role]
	if !ok {
		fmt.Fprintln(os.Stderr, "kernel: no role", role)
		return 2
	}
	if err := f(args); err != nil {
		fmt.Fprintln(os.Stderr, "kernel:", role+":", err)
		return 1
	}
	return 0
}

// process is a helper process. It is ended with the test.
type process struct {
	PID    int
	stdin  io.WriteCloser
	lines  chan string // its standard output; closed at its end
	stderr *lockedBuffer
	cmd    *exec.Cmd
	done   chan struct{} // closed when it has ended and err is set
	err    error
}

// start runs this test binary in a role, in the network namespace ns.
func start(t testing.TB, ns, role string, args ...string) *process {
	t.Helper()
	return run(t, ns, []string{envRole + "=" + role}, self(t), append([]string{"-test.run=^$", "--"}, args...)...)
}

// run starts a program in the network namespace ns.
func run(t testing.TB, ns string, env []string, program string, args ...string) *process {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), env...)
	p := &process{cmd: cmd, lines: make(chan string, 1<<12), stderr: new(lockedBuffer), done: make(chan struct{})}
	cmd.Stderr = p.stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stdin = stdin
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in(t, ns, func() { err = cmd.Start() })
	if err != nil {
		t.Fatal(err)
	}
	p.PID = cmd.Process.Pid
	go func() {
		defer close(p.done)
		for s := bufio.NewScanner(stdout); s.Scan(); {
			p.lines <- s.Text()
		}
		close(p.lines)
		p.err = cmd.Wait()
	}()
	t.Cleanup(func() {
		p.stop()
		if t.Failed() && p.stderr.Len() > 0 {
			t.Logf("%s said:\n%s", filepath.Base(program), p.stderr)
		}
	})
	return p
}

// stop ends the process, by force if it does not end by itself within a second,
// and returns how it ended.
func (p *process) stop() error {
	p.stdin.Close()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	force := time.AfterFunc(time.Second, func() { _ = p.cmd.Process.Kill() })
	defer force.Stop()
	for range p.lines { // what nobody reads must not hold it up
	}
	<-p.done
	return p.err
}

// say writes a line to the process.
func (p *process) say(t testing.TB, line string) {
	t.Helper()
	if _, err := io.WriteString(p.stdin, line+"\n"); err != nil {
		t.Fatalf("%v\n%s", err, p.stderr)
	}
}

// line waits for the next line of the process.
func (p *process) line(t testing.TB) string {
	t.Helper()
	select {
	case l, ok := <-p.lines:
		if !ok {
			t.Fatalf("the process ended: %v\n%s", p.cmd.ProcessState, p.stderr)
		}
		return l
	case <-time.After(patience):
		t.Fatalf("no line from the process within %v\n%s", patience, p.stderr)
	}
	panic("not reached")
}

// lockedBuffer collects what a process writes while others read it.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func (b *lockedBuffer) Len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Len()
}

// netmond starts the command with args in the namespace ns. The binary is built
// once for all tests; NETMOND_BINARY names another one to test instead.
func netmond(t testing.TB, ns string, args ...string) *process {
	t.Helper()
	return run(t, ns, nil, binary(t), args...)
}

// binary is the path of the netmond command.
func binary(t testing.TB) string {
	t.Helper()
	if path := os.Getenv("NETMOND_BINARY"); path != "" {
		return path
	}
	path := filepath.Join(os.Getenv(envBuild), "netmond")
	if _, err := os.Stat(path); err == nil {
		return path
	}
	mine := fmt.Sprintf("%s.%d", path, os.Getpid()) // another test may build too
	out, err := exec.Command("go", "build", "-o", mine, "github.com/netmond/netmond/cmd/netmond").CombinedOutput()
	if err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	if err := os.Rename(mine, path); err != nil {
		t.Fatal(err)
	}
	return path
}
