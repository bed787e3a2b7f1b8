//go:build linux

package kernel

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/netmond/netmond/rtable"
	"github.com/netmond/netmond/rtnl"
)

// scene is the topology under three pairs of eyes: the raw messages, a watcher,
// and fresh dumps. Each act runs ip commands and compares the three.
type scene struct {
	*testing.T
	sniffer *sniffer
	watcher *watcher
	asker   *asker
	table   *rtable.Table // fresh, before the act

	heard    []string // what the kernel said in the last act
	told     []string // what Changes said of those messages alone, with nothing read again
	deferred bool     // the next act has effects that only reading again can show

	withhold func(rtnl.Event) bool // messages to leave out, as another kernel would; nil for none
}

// newScene builds the topology, runs prepare, and starts to look when the kernel has
// told what that did to carriers.
func newScene(t *testing.T, prepare ...string) *scene {
	t.Helper()
	topology(t)
	do(t, prepare...)
	quiesce(t)
	s := &scene{T: t, sniffer: sniff(t), asker: newAsker(t)}
	s.watcher = watch(t)
	s.table = fresh(t)
	return s
}

// act runs ip commands and waits until they have taken effect. It checks that
// the messages alone, applied to the table before, make what a fresh dump says,
// and that the watcher comes to the same.
func (s *scene) act(commands ...string) {
	s.Helper()
	do(s.T, commands...)
	s.see(strings.Join(commands, "; "))
}

// carrier is act for commands that change the carrier of a link of this
// namespace, which the kernel tells a moment later.
func (s *scene) carrier(link string, up bool, commands ...string) {
	s.Helper()
	do(s.T, commands...)
	var events []rtnl.Event
	eventually(s.T, fmt.Sprintf("%s has carrier: %v", link, up), func() bool {
		more := s.sniffer.take(s.T)
		events = append(events, more...)
		return slices.ContainsFunc(events, func(e rtnl.Event) bool {
			l, ok := e.Message.(*rtnl.Link)
			return ok && l.Name == link && l.Running() == up
		})
	})
	s.judge(strings.Join(commands, "; "), events)
}

func (s *scene) see(what string) {
	s.Helper()
	s.judge(what, s.sniffer.take(s.T))
}

func (s *scene) judge(what string, events []rtnl.Event) {
	s.Helper()
	now := fresh(s.T)
	for more := s.sniffer.take(s.T); len(more) > 0; more = s.sniffer.take(s.T) {
		events, now = append(events, more...), fresh(s.T) // something went on by itself
	}
	if s.withhold != nil {
		events = slices.DeleteFunc(events, s.withhold)
	}
	name := s.names(now)
	s.heard, s.told = nil, nil
	s.Logf("# ip %s", what)
	for _, e := range events {
		line := describe(e, name)
		s.heard = append(s.heard, line)
		s.Logf("  kernel: %s", line)
	}
	at, changes := s.table.Apply(rtnl.Batch{Events: events})
	for c := range changes.All() {
		line := change(c, name)
		s.told = append(s.told, line)
		s.Logf("  table:  %s", line)
	}
	if diff := difference(at, now); diff != "" && !s.deferred {
		s.Errorf("%s: the messages alone do not make the kernel's table:\n%s", what, diff)
	}
	s.deferred = false
	s.watcher.settle(s.T)
	s.table = now
}

// names names the links of before and now.
func (s *scene) names(now *rtable.Table) rtnl.Namer {
	return func(i uint32) string {
		if now.Link(i) == nil {
			return s.table.LinkName(i)
		}
		return now.LinkName(i)
	}
}

// change is a change in one line.
func change(c rtable.Change, name rtnl.Namer) string {
	line := c.Op.String()
	if c.Implied {
		line += " implied"
	}
	return line + " " + text(c.Message, name)
}

// pinned is the kernel whose messages the tests know. Another one that speaks
// otherwise is logged; only the table must be right on all.
const pinned = "6.18"

// kernelSaid checks what the kernel said of some kind ("route", "address",
// "link", "nexthop", "rule", "netconf") in the last act: lines that begin with
// those in want, in any order, and no others.
func (s *scene) kernelSaid(kind string, want ...string) {
	s.Helper()
	complain := s.Errorf
	if !strings.HasPrefix(release(), pinned+".") {
		complain = s.Logf
	}
	compare(complain, "the kernel said", of(kind, s.heard), want)
}

// changesSaid checks what Changes told of some kind in the last act.
func (s *scene) changesSaid(kind string, want ...string) {
	s.Helper()
	compare(s.Errorf, "Changes told", of(kind, s.told), want)
}

func compare(complain func(string, ...any), what string, got, want []string) {
	rest := slices.Clone(got)
	for _, w := range want {
		i := slices.IndexFunc(rest, func(line string) bool { return strings.HasPrefix(line, w) })
		if i < 0 {
			complain("%s %q, want also %q", what, got, w)
			continue
		}
		rest = slices.Delete(rest, i, i+1)
	}
	if len(rest) > 0 {
		complain("%s also %q, want only %q", what, rest, want)
	}
}

// of keeps the lines about a kind of object, which follows the verb and flags.
func of(kind string, lines []string) []string {
	var out []string
	for _, l := range lines {
		words := strings.Fields(l)
		i := slices.IndexFunc(words, func(w string) bool {
			return !slices.Contains([]string{"new", "del", "implied", "REPLACE", "EXCL", "CREATE", "APPEND"}, w)
		})
		if i >= 0 && words[i] == kind {
			out = append(out, l)
		}
	}
	return out
}

// routes checks that the lookup of dst agrees with the kernel, and answers which
// link it leaves by, or the errno in words.
func (s *scene) routes(dst string, opts ...func(*rtable.Query)) string {
	s.Helper()
	q := rtable.Query{Dst: netip.MustParseAddr(dst)}
	for _, o := range opts {
		o(&q)
	}
	kernel := s.asker.ask(s.T, q, q.Oif != 0 && q.Dst.Is4())
	if diff := disagree(s.table, q, kernel); diff != "" {
		s.Errorf("Lookup(%+v): %s", q, diff)
	}
	if kernel.Errno != 0 {
		return kernel.Errno.Error()
	}
	return s.table.LinkName(kernel.Oif)
}

// goes checks where packets to dst go, by the kernel and by Lookup.
func (s *scene) goes(dst, want string, opts ...func(*rtable.Query)) {
	s.Helper()
	if got := s.routes(dst, opts...); got != want {
		s.Errorf("a packet to %s goes by %s, want %s", dst, got, want)
	}
}

// sysctl sets a key of this namespace.
func (s *scene) sysctl(key, value string) {
	s.Helper()
	sysctl(s.T, key, value)
	s.Logf("# sysctl %s=%s", key, value)
}

func release() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}

// exists says whether the kernel has a feature that shows as a file.
func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// pid names this network namespace to ip.
func pid() string { return strconv.Itoa(os.Getpid()) }

// deletedRoutes finds the RTM_DELROUTE messages of IP version 4 or 6.
func deletedRoutes(version int) func(rtnl.Event) bool {
	return func(e rtnl.Event) bool {
		r, ok := e.Message.(*rtnl.Route)
		return ok && e.Op == rtnl.Del && r.Dst.Addr().Is4() == (version == 4)
	}
}

// usable says whether a is on a link and a socket can use it.
func usable(table *rtable.Table, a string) bool {
	for x := range table.Addrs() {
		if x.Local == addr(a) {
			return x.Usable()
		}
	}
	return false
}

// until waits for something that the kernel does by itself, and then looks.
func (s *scene) until(what string, f func() bool) {
	s.Helper()
	eventually(s.T, what, f)
	s.see(what)
}
