//go:build linux

package story

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// process is a netmond command that runs on.
type process struct {
	cmd   *exec.Cmd
	lines chan string   // its standard output
	done  chan struct{} // closed when it has ended and err is set
	err   error

	mu     sync.Mutex
	stderr strings.Builder
}

// Write takes what the process says on standard error.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stderr.Write(b)
}

// said returns it.
func (p *process) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stderr.String()
}

// run starts a netmond command.
func (s *stage) run(args ...string) *process {
	s.Helper()
	p := &process{
		cmd:   exec.Command(os.Getenv("NETMOND_BINARY"), args...),
		lines: make(chan string, 1<<14), // more than the story makes, so that nothing is lost
		done:  make(chan struct{}),
	}
	p.cmd.Env = append(os.Environ(), "SSL_CERT_FILE="+authorities)
	p.cmd.Stderr = p
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		s.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		s.Fatal(err)
	}
	go func() {
		defer close(p.done)
		for in := bufio.NewScanner(stdout); in.Scan(); {
			p.lines <- in.Text()
		}
		p.err = p.cmd.Wait()
	}()
	return p
}

// message is a line of the bus.
type message struct {
	Lost uint64
	Msg  struct{ Type, Act, Local, Remote, Reason, Result, Dev, URL, State string }
}

// follow follows the bus by `netmond events -json`, and waits until it does.
func (s *stage) follow() {
	s.Helper()
	s.events = s.run("events", "-json")
	s.next() // the snapshot
}

func (s *stage) next() (m message) {
	s.Helper()
	select {
	case text := <-s.events.lines:
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			s.Fatalf("the bus says %q: %v", text, err)
		}
	case <-s.events.done:
		s.Fatalf("netmond events ended: %v\n%s", s.events.err, s.events.said())
	case <-time.After(patience):
		s.Fatalf("no word from the bus within %v", patience)
	}
	return m
}

// await reads the bus up to a message as wanted.
func (s *stage) await(what string, wanted func(message) bool) message {
	s.Helper()
	for end := time.Now().Add(patience); ; {
		if m := s.next(); wanted(m) {
			return m
		}
		if time.Now().After(end) {
			s.Fatalf("waited %v in vain for the bus to say: %s", patience, what)
		}
	}
}

// results reads the bus until a check of each uplink has come to a result.
func (s *stage) results(result, url string) {
	s.Helper()
	left := map[string]bool{"wan0": true, "wan1": true}
	s.await(fmt.Sprintf("%s %s of both uplinks", result, url), func(m message) bool {
		if m.Msg.Type == "cpd" && m.Msg.Result == result && m.Msg.URL == url {
			delete(left, m.Msg.Dev)
		}
		return len(left) == 0
	})
}
