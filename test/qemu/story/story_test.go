//go:build linux

// Package story is what a device goes through in a day, as one test: uplinks, a
// route that goes, a link that is taken down, a cable that is pulled, a portal, and
// the end. It runs as a program of a guest (test/qemu), as root and with nobody
// else there; it needs ip, and of the environment
//
//	NETMOND_BINARY  the command under test
//	STORY_RUNG      the rung that status must name
//	STORY_NEAR      hardware address of the card that is the first uplink
//	STORY_FAR       of the card at the cable's other end
package story

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/netmond/netmond/test/qemu/console"
)

// TestStory is the story. Each part builds on those before, so the first that fails
// ends it.
func TestStory(t *testing.T) {
	if os.Getpid() == 1 || os.Getenv("STORY_RUNG") == "" {
		t.Skip("for a guest of test/qemu")
	}
	s := &stage{T: t}
	defer s.end()
	for _, part := range []struct {
		name string
		play func(*stage)
	}{
		{"start", (*stage).start},
		{"two uplinks", (*stage).uplinks},
		{"memory at idle", (*stage).idle},
		{"the default route goes", (*stage).failover},
		{"the only route goes", (*stage).stranding},
		{"a link is taken down", (*stage).linkDown},
		{"the cable is pulled", (*stage).unplugged},
		{"a portal is told", (*stage).portal},
		{"memory at work", (*stage).work},
		{"memory at rest", (*stage).rest},
		{"stop", (*stage).stop},
	} {
		ok := t.Run(part.name, func(t *testing.T) {
			s.T = t
			part.play(s)
		})
		if !ok {
			s.T = t
			return
		}
	}
}

const socketPath = "/var/run/netmond/netmond.sock"

const configPath = "/run/netmond.conf"

// configure writes the configuration, with these probes.
func (s *stage) configure(probes ...string) {
	s.Helper()
	text := "config netmond 'main'\n"
	for _, p := range probes {
		text += "\tlist probe '" + p + "'\n"
	}
	if err := os.WriteFile(configPath, []byte(text), 0o644); err != nil {
		s.Fatal(err)
	}
}

// start: the daemon serves, and knows what it runs on and how it will close.
func (s *stage) start() {
	s.topology()
	s.internet = newInternet(s.T)
	s.configure("http://" + host + "/generate_204")
	s.daemon = s.run("run", "-config", configPath, "-carrier-grace", "1s")
	s.eventually("the daemon serves its socket", func() bool {
		c, err := net.Dial("unix", socketPath)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	s.follow()
	s.eventually("the daemon is operational", func() bool { return s.status().State == "OPERATIONAL" })
	if got := s.status().Close.Rung; got != os.Getenv("STORY_RUNG") {
		s.Errorf("rung %q, want %q", got, os.Getenv("STORY_RUNG"))
	}
	if text := s.output("status"); !strings.Contains(text, os.Getenv("STORY_RUNG")) {
		s.Errorf("status does not name the rung %s:\n%s", os.Getenv("STORY_RUNG"), text)
	}
	if text := s.output("version", "-json"); !strings.Contains(text, `"`+runtime.GOARCH+`"`) {
		s.Errorf("version says %s, want it to name %s", text, runtime.GOARCH)
	}
}

// uplinks: both are seen with their gateways, and both reach the Internet.
func (s *stage) uplinks() {
	s.ip("route add default via "+wan0Gateway+" metric 10",
		"route add default via "+wan1Gateway+" metric 20",
		"route add 203.0.113.0/24 via "+wan1Gateway,
		"-6 route add default via "+wan0Gateway6+" metric 10")
	s.eventually("both uplinks are well", func() bool {
		well := make(map[string]bool)
		for _, u := range s.status().Uplinks {
			well[u.Dev+" "+u.Gateway+" "+u.CPD] = true
		}
		return well["wan0 "+wan0Gateway+" OK"] && well["wan1 "+wan1Gateway+" OK"]
	})
}

// failover: the better default route goes. The connection that took it is closed,
// for its address is the old uplink's; the one over the other uplink, by a
// route of its own, lives.
func (s *stage) failover() {
	old, other := s.dial(host), s.dial(otherHost)
	s.ip("route del default metric 10")
	s.closed(old, "gateway-gone")
	s.echoes(other)
	other.Close()
	s.ip("route add default via " + wan0Gateway + " metric 10")
}

// stranding: no route is left, IPv6.
func (s *stage) stranding() {
	c := s.dial(host6)
	s.ip("-6 route del default metric 10")
	s.closed(c, "no-route")
	s.ip("-6 route add default via " + wan0Gateway6 + " metric 10")
}

// linkDown: the operator takes a link down, which the routes of IPv4 leave without
// a word.
func (s *stage) linkDown() {
	other, stays := s.dial(otherHost), s.dial(host)
	s.ip("link set wan1 down")
	s.closed(other, "link-down")
	s.echoes(stays)
	stays.Close()
	s.ip("link set wan1 up", "route add default via "+wan1Gateway+" metric 20", "route add 203.0.113.0/24 via "+wan1Gateway)
	s.carrier("wan1", true)
}

// unplugged: the cable of the first uplink is pulled, and after the grace it counts.
func (s *stage) unplugged() {
	c, stays := s.dial(host), s.dial(otherHost)
	s.echoes(c)
	console.Say(console.Cable, "off")
	s.carrier("wan0", false)
	s.closed(c, "link-down")
	s.echoes(stays)
	stays.Close()
	console.Say(console.Cable, "on")
	s.carrier("wan0", true)
	s.eventually("the first uplink is well again", func() bool {
		for _, u := range s.status().Uplinks {
			if u.Dev == "wan0" && u.Carrier && u.CPD == "OK" {
				return true
			}
		}
		return false
	})
}

// portal: the Internet turns into a portal, and back.
func (s *stage) portal() {
	const page = "http://portal.example.net/login"
	s.internet.page.Store(page)
	s.output("send", "network", `{"trigger":"cpdcheck"}`)
	s.results("Captive", page)
	err := s.command("check")
	if code := exitCode(err); code != 1 {
		s.Errorf("check: exit code %d, want 1: %v", code, err)
	}
	if text := s.output("status"); !strings.Contains(text, page) {
		s.Errorf("status does not tell the page:\n%s", text)
	}
	s.internet.page.Store("")
	s.output("send", "network", `{"trigger":"cpdcheck"}`)
	s.results("OK", "")
}

// stop: the daemon ends by itself and leaves nothing.
func (s *stage) stop() {
	start := time.Now()
	if err := s.daemon.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.Fatal(err)
	}
	select {
	case <-s.daemon.done:
	case <-time.After(patience):
		s.Fatalf("still there %v after SIGTERM", patience)
	}
	if s.daemon.err != nil {
		s.Errorf("the daemon ended with %v after SIGTERM, want exit code 0", s.daemon.err)
	}
	s.Logf("ended %v after SIGTERM", time.Since(start).Round(time.Millisecond))
	if _, err := os.Lstat(socketPath); !errors.Is(err, fs.ErrNotExist) {
		s.Errorf("the socket is still there: %v", err)
	}
	s.await("its last word", func(m message) bool { return m.Msg.State == "STOPPING" })
}

// end ends what a story that failed has left.
func (s *stage) end() {
	for _, p := range []*process{s.daemon, s.events} {
		if p == nil {
			continue
		}
		_ = p.cmd.Process.Kill()
		<-p.done
		if s.Failed() {
			s.Logf("%s said\n%s", p.cmd.Args, p.said())
		}
	}
}

// figure is a number for the host's table.
func (s *stage) figure(name string, n int) {
	if s.mini() {
		name = "mini-" + name
	}
	console.Say(console.Figure, name, n)
	s.Log(fmt.Sprint(name, ": ", n))
}
