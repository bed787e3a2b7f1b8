//go:build linux

package story

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/netmond/netmond/internal/netns"
)

// The device has two uplinks into an Internet of its own, the namespace "peer",
// where every address of the ranges behind is local:
//
//	wan0  a network card    192.0.2.2/25    192.0.2.1     198.51.100.0/24
//	                        2001:db8::2     2001:db8::1   203.0.113.0/24
//	wan1  a veth            192.0.2.130/25  192.0.2.129   2001:db8:ff::/48
const (
	wan0Gateway, wan1Gateway, wan0Gateway6 = "192.0.2.1", "192.0.2.129", "2001:db8::1"

	host, otherHost, host6 = "198.51.100.7", "203.0.113.7", "2001:db8:ff::7"
)

// patience bounds every wait; an emulated processor is slow.
const patience = 30 * time.Second

// stage is the device of the story. For one goroutine.
type stage struct {
	*testing.T
	daemon, events *process
	internet       *internet
}

// mini says whether the flavour under test is that without TLS.
func (s *stage) mini() bool { return strings.HasSuffix(os.Getenv("NETMOND_BINARY"), "-mini") }

// topology builds the picture above; the cards come from what an earlier story
// left, if there was one.
func (s *stage) topology() {
	s.Helper()
	_ = exec.Command("ip", "netns", "del", "peer").Run() // its card comes back, its veth goes
	s.eventually("nothing is left of an earlier story", func() bool { return exec.Command("ip", "link", "show", "wan1").Run() != nil })
	s.ip("netns add peer", "link set lo up")
	near, far := s.card("STORY_NEAR"), s.card("STORY_FAR")
	s.ip("link set "+near+" name wan0", "link set "+far+" name peer0 netns peer",
		"link add wan1 type veth peer name peer1 netns peer",
		"-n peer link set lo up",
		"-n peer address add 192.0.2.1/25 dev peer0",
		"-n peer address add 2001:db8::1/64 dev peer0 nodad",
		"-n peer address add 192.0.2.129/25 dev peer1",
		"-n peer link set peer0 up",
		"-n peer link set peer1 up",
		"-n peer route add local 198.51.100.0/24 dev lo",
		"-n peer route add local 203.0.113.0/24 dev lo",
		"-n peer route add local 2001:db8:ff::/48 dev lo",
		"address add 192.0.2.2/25 dev wan0",
		"address add 2001:db8::2/64 dev wan0 nodad",
		"address add 192.0.2.130/25 dev wan1",
		"link set wan0 up",
		"link set wan1 up")
	s.carrier("wan0", true)
	s.carrier("wan1", true)
}

// card waits for the network card with the hardware address that the environment
// names, and returns its name.
func (s *stage) card(env string) string {
	s.Helper()
	name := ""
	s.eventually("card "+os.Getenv(env), func() bool {
		links, err := net.Interfaces()
		if err != nil {
			s.Fatal(err)
		}
		for _, l := range links {
			if l.HardwareAddr.String() == os.Getenv(env) {
				name = l.Name
			}
		}
		return name != ""
	})
	s.ip("link set "+name+" down", "address flush dev "+name) // for its new name
	return name
}

// ip runs commands of iproute2; lines of a batch together, where they have no
// options.
func (s *stage) ip(lines ...string) {
	s.Helper()
	for len(lines) > 0 {
		n, args := 1, strings.Fields(lines[0])
		for ; n < len(lines) && !strings.HasPrefix(lines[0], "-") && !strings.HasPrefix(lines[n], "-"); n++ {
			args = []string{"-batch", "-"}
		}
		cmd := exec.Command("ip", args...)
		cmd.Stdin = strings.NewReader(strings.Join(lines[:n], "\n") + "\n")
		if out, err := cmd.CombinedOutput(); err != nil {
			s.Fatalf("ip: %v: %s\nof\n%s", err, out, strings.Join(lines[:n], "\n"))
		}
		lines = lines[n:]
	}
}

// carrier waits until a link has carrier, or has none.
func (s *stage) carrier(link string, want bool) {
	s.Helper()
	s.eventually(fmt.Sprintf("carrier of %s: %v", link, want), func() bool {
		text, err := os.ReadFile("/sys/class/net/" + link + "/carrier")
		return err == nil && (strings.TrimSpace(string(text)) == "1") == want
	})
}

// within runs f on a thread in a network namespace.
func within(t *testing.T, ns string, f func()) {
	t.Helper()
	if err := netns.Do(ns, func() error { f(); return nil }); err != nil {
		t.Fatal(err)
	}
}

// eventually polls f until it answers true.
func (s *stage) eventually(what string, f func() bool) {
	s.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !f(); <-tick.C {
		if time.Now().After(end) {
			s.Fatalf("waited %v in vain: %s", patience, what)
		}
	}
}

// command runs a command of netmond.
func (s *stage) command(args ...string) error {
	out, err := exec.Command(os.Getenv("NETMOND_BINARY"), args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("netmond %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// output runs one that must succeed, and returns what it prints.
func (s *stage) output(args ...string) string {
	s.Helper()
	cmd := exec.Command(os.Getenv("NETMOND_BINARY"), args...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		s.Fatalf("netmond %s: %v\n%s%s", strings.Join(args, " "), err, out, &errs)
	}
	return string(out)
}

func exitCode(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return 0
}

// status is what `netmond status -json` says.
type status struct {
	State   string
	Close   struct{ Rung string }
	Uplinks []struct {
		Dev, Gateway, CPD string
		Carrier           bool
	}
}

func (s *stage) status() (st status) {
	s.Helper()
	if err := json.Unmarshal([]byte(s.output("status", "-json")), &st); err != nil {
		s.Fatal(err)
	}
	return st
}

// wire is a connection of the device to the echo of a host.
type wire struct {
	net.Conn
	local, remote netip.AddrPort
}

// dial connects to a host.
func (s *stage) dial(to string) *wire {
	s.Helper()
	d := net.Dialer{Timeout: patience, KeepAlive: -1}
	c, err := d.Dial("tcp", net.JoinHostPort(to, "7"))
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { c.Close() })
	w := &wire{c, netip.MustParseAddrPort(c.LocalAddr().String()), netip.MustParseAddrPort(c.RemoteAddr().String())}
	s.echoes(w)
	return w
}

// echoes shows that a connection lives.
func (s *stage) echoes(w *wire) {
	s.Helper()
	if err := w.SetDeadline(time.Now().Add(patience)); err != nil {
		s.Fatal(err)
	}
	if _, err := w.Write([]byte("hello")); err != nil {
		s.Fatalf("%v > %v: %v, want it to live", w.local, w.remote, err)
	}
	b := make([]byte, 5)
	if n, err := w.Read(b); err != nil || string(b[:n]) != "hello" {
		s.Fatalf("%v > %v: %q, %v, want the echo", w.local, w.remote, b[:n], err)
	}
}

// closed waits until the owner of a connection is told that it is over, and until
// the bus says why.
func (s *stage) closed(w *wire, reason string) {
	s.Helper()
	want := syscall.ECONNABORTED // tcp_abort
	if os.Getenv("STORY_RUNG") == "pidfd" {
		want = syscall.ECONNRESET // tcp_disconnect
	}
	if err := w.SetDeadline(time.Now().Add(patience)); err != nil {
		s.Fatal(err)
	}
	if _, err := w.Read(make([]byte, 1)); !errors.Is(err, want) {
		s.Errorf("%v > %v ended with %v, want %v", w.local, w.remote, err, want)
	}
	m := s.await("the end of "+w.local.String(), func(m message) bool {
		return m.Msg.Type == "flow" && m.Msg.Local == w.local.String() && m.Msg.Remote == w.remote.String()
	})
	if m.Msg.Act != "closed" || m.Msg.Reason != reason {
		s.Errorf("the bus says %+v, want it closed for %s", m.Msg, reason)
	}
}
