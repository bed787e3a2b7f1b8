//go:build linux

package story

import (
	"fmt"
	"os"
	"strings"
	"syscall"
)

// budget is what may be resident, in KiB. Most of it is the program itself, which a
// file system in memory holds whole and the kernel maps 64 KiB at a time.
type budget struct{ idle, work int }

// allowed is the budget of this flavour: a tenth above what was measured on the
// processor that takes most.
func (s *stage) allowed() budget {
	if s.mini() {
		return budget{6800, 11700}
	}
	return budget{9000, 14800}
}

// idle: both uplinks have been checked, and nothing has happened since.
func (s *stage) idle() {
	s.resident("idle", s.allowed().idle)
}

// work: the configuration changes, routes in their hundreds come and go, connections
// are closed, and uplinks are checked again and again, over TLS too where there is
// TLS.
func (s *stage) work() {
	if !s.mini() {
		s.configure("http://"+host+"/generate_204", "https://"+host+"/generate_204")
		if err := s.daemon.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			s.Fatal(err)
		}
		s.eventually("the daemon has read it", func() bool { return strings.Contains(s.daemon.said(), "configuration read again") })
		s.output("send", "network", `{"trigger":"cpdcheck"}`)
		s.eventually("a probe over TLS", func() bool { return s.internet.secure.Load() > 0 })
	}
	const rounds, routes = 3, 500
	for range rounds {
		lines := make([]string, 0, 2*routes)
		for _, verb := range []string{"add", "del"} {
			for i := range routes {
				lines = append(lines, fmt.Sprintf("route %s 10.%d.%d.0/24 via %s", verb, i/256, i%256, wan0Gateway))
			}
		}
		s.ip(lines...)
		s.ip("-6 route add " + host6 + " via " + wan0Gateway6)
		s.ip("-6 route del default metric 10")
		c := s.dial(host6)
		s.ip("-6 route del " + host6)
		s.closed(c, "no-route")
		s.ip("-6 route add default via " + wan0Gateway6 + " metric 10")
		s.output("check")
	}
	s.resident("work", s.allowed().work)
}

// resident measures the daemon's memory. smaps_rollup walks the page tables; VmRSS
// may lag by pages of each thread where there may be several processors.
func (s *stage) resident(name string, limit int) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", s.daemon.cmd.Process.Pid))
	if err != nil {
		s.Fatal(err)
	}
	s.Logf("%s", text)
	rss := 0
	for line := range strings.Lines(string(text)) {
		if text, ok := strings.CutPrefix(line, "Rss:"); ok {
			if _, err := fmt.Sscanf(text, "%d kB", &rss); err != nil {
				s.Fatal(err)
			}
		}
	}
	if rss == 0 {
		s.Fatal("smaps_rollup has no Rss")
	}
	s.figure(name, rss)
	if rss > limit {
		s.Errorf("%d KiB are resident, %d are allowed", rss, limit)
	}
}
