//go:build linux

package story

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
)

// budget is what may be resident, in KiB: when the first checks are through, at the
// height of work, and when that is over. Most of it is the program itself, which the
// kernel maps 64 KiB at a time.
type budget struct{ idle, work, rest int }

// allowed is the budget of this flavour, the design's at idle and, for the full one,
// at work. Without TLS 5 MiB at work are out of reach: the program alone is 4.5 MiB,
// and Go's collector has a mebibyte of tables and leaves one of garbage; the limit is
// a tenth above what was measured. So it is on processors of 64 bits, whose pointers
// are twice as long, and for what is held at rest.
func (s *stage) allowed() budget {
	if s.mini() {
		return budget{idle: 4096, work: 8832, rest: 5632}
	}
	b := budget{idle: 5632, work: 10240, rest: 8192}
	if runtime.GOARCH == "arm64" || runtime.GOARCH == "s390x" {
		b.work = 12800
	}
	return b
}

// idle: both uplinks have been checked, and nothing has happened since.
func (s *stage) idle() {
	s.settled("idle", s.allowed().idle)
}

// work: the configuration changes, routes in their hundreds come and go, connections
// are closed, and uplinks are checked again and again, over TLS too where there is
// TLS. What counts is the most that was seen, amid the work.
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
	most := s.memory()
	look := func() {
		if m := s.memory(); m.rss > most.rss {
			most = m
		}
	}
	const rounds, routes = 2, 500
	for range rounds {
		lines := make([]string, 0, 2*routes)
		for _, verb := range []string{"add", "del"} {
			for i := range routes {
				lines = append(lines, fmt.Sprintf("route %s 10.%d.%d.0/24 via %s", verb, i/256, i%256, wan0Gateway))
			}
		}
		s.ip(lines...)
		look()
		s.ip("-6 route add " + host6 + " via " + wan0Gateway6)
		s.ip("-6 route del default metric 10")
		c := s.dial(host6)
		s.ip("-6 route del " + host6)
		s.closed(c, "no-route")
		look()
		s.ip("-6 route add default via " + wan0Gateway6 + " metric 10")
		s.output("check")
		look()
	}
	s.resident("work", s.allowed().work, most)
}

// rest: what work took is given back.
func (s *stage) rest() {
	s.settled("rest", s.allowed().rest)
}

// settled waits until no more is resident than may be, as when the last check is
// through.
func (s *stage) settled(name string, limit int) {
	s.Helper()
	var m memory
	s.eventually(fmt.Sprintf("at most %d KiB are resident", limit), func() bool {
		m = s.memory()
		return m.rss <= limit
	})
	s.resident(name, limit, m)
}

// memory is what of the daemon is resident, in KiB.
type memory struct {
	rss, anonymous int
	text           string // the kernel's
}

// memory measures. smaps_rollup walks the page tables; VmRSS may lag by pages of each
// thread where there may be several processors.
func (s *stage) memory() (m memory) {
	s.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", s.daemon.cmd.Process.Pid))
	if err != nil {
		s.Fatal(err)
	}
	m.text = string(text)
	for line := range strings.Lines(m.text) {
		for name, n := range map[string]*int{"Rss:": &m.rss, "Anonymous:": &m.anonymous} {
			if text, ok := strings.CutPrefix(line, name); ok {
				if _, err := fmt.Sscanf(text, "%d kB", n); err != nil {
					s.Fatal(err)
				}
			}
		}
	}
	if m.rss == 0 || m.anonymous == 0 {
		s.Fatalf("smaps_rollup has no Rss or Anonymous:\n%s", m.text)
	}
	return m
}

// resident tells of the daemon's memory, and holds it to a limit.
func (s *stage) resident(name string, limit int, m memory) {
	s.Logf("%s%s", m.text, s.threads())
	s.figure(name, m.rss)
	if m.rss > limit {
		s.Errorf("%d KiB are resident, %d are allowed", m.rss, limit)
	}
}

// threads is how many there are, and the most that was ever resident.
func (s *stage) threads() string {
	s.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.daemon.cmd.Process.Pid))
	if err != nil {
		s.Fatal(err)
	}
	var out strings.Builder
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "Threads:") || strings.HasPrefix(line, "VmHWM:") {
			out.WriteString(line)
		}
	}
	return out.String()
}
