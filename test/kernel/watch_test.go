//go:build linux

package kernel

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/netmond/netmond/internal/netlink"
	"github.com/netmond/netmond/rtable"
	"github.com/netmond/netmond/rtnl"
)

// step is one batch and what it made of the table.
type step struct {
	batch   rtnl.Batch
	table   *rtable.Table
	changes rtable.Changes
}

// watcher follows the kernel: rtnl.Watch into rtable.Apply. The steps wait until
// the test takes them, so that it sees each; meanwhile the kernel queues.
type watcher struct {
	table   *rtable.Table // after the step taken last
	steps   chan step
	log     []rtable.Change // all changes taken since the last forget
	rtnl    *rtnl.Watcher
	stopped context.Context
}

// watch follows this namespace until the test ends, and takes the first state.
func watch(t testing.TB) *watcher {
	t.Helper()
	return watchWith(t, new(rtnl.Watcher))
}

func watchWith(t testing.TB, rw *rtnl.Watcher) *watcher {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := &watcher{steps: make(chan step), rtnl: rw, stopped: ctx}
	done := make(chan error, 1)
	go func() {
		var table *rtable.Table
		var last error
		for b, err := range rw.Watch(ctx) {
			if last = err; err != nil {
				break
			}
			s := step{batch: b}
			s.table, s.changes = table.Apply(b)
			table = s.table
			select {
			case w.steps <- s:
			case <-ctx.Done():
			}
		}
		close(w.steps)
		done <- last
	}()
	t.Cleanup(func() {
		cancel()
		for range w.steps {
		}
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Watch ended with %v, want context.Canceled", err)
		}
	})
	w.until(t, "the first state", (*rtable.Table).Ready)
	w.forget()
	return w
}

// forget empties the log of changes.
func (w *watcher) forget() { w.log = nil }

// next takes the next step, which must come.
func (w *watcher) next(t testing.TB) step {
	t.Helper()
	s, ok := w.poll(t, patience)
	if !ok {
		t.Fatalf("no batch within %v", patience)
	}
	return s
}

// poll takes the next step if it comes within d.
func (w *watcher) poll(t testing.TB, d time.Duration) (step, bool) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case s, ok := <-w.steps:
		if !ok {
			t.Fatal("Watch ended")
		}
		w.table = s.table
		for c := range s.changes.All() {
			w.log = append(w.log, c)
		}
		return s, true
	case <-timer.C:
		return step{}, false
	}
}

// drain takes steps until none has come for d.
func (w *watcher) drain(t testing.TB, d time.Duration) {
	t.Helper()
	for _, ok := w.poll(t, d); ok; _, ok = w.poll(t, d) {
	}
}

// until takes steps until the table is as wanted. It fails after patience.
func (w *watcher) until(t testing.TB, what string, ok func(*rtable.Table) bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(w.table); {
		if _, got := w.poll(t, time.Until(end)); !got {
			t.Fatalf("waited %v in vain: %s\nthe table is\n%s", patience, what, state(w.table))
		}
	}
}

// settle takes steps until the table equals a fresh dump, and fails with the
// difference where it does not come to that within patience.
func (w *watcher) settle(t testing.TB) {
	t.Helper()
	w.settleWithin(t, patience)
}

func (w *watcher) settleWithin(t testing.TB, patience time.Duration) {
	t.Helper()
	for end := time.Now().Add(patience); ; {
		want := fresh(t)
		if difference(w.table, want) == "" {
			return
		}
		// What is queued counts first; where nothing is, the kernel may yet speak.
		if _, ok := w.poll(t, 100*time.Millisecond); !ok && time.Now().After(end) {
			t.Fatalf("the table never came to equal a fresh dump:\n%s", difference(w.table, fresh(t)))
		}
	}
}

// fresh is the table of a new dump: a Watch that is left after the first state.
func fresh(t testing.TB) *rtable.Table {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var table *rtable.Table
	for b, err := range rtnl.Watch(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		if table, _ = table.Apply(b); !b.More {
			break
		}
	}
	return table
}

// difference describes what tells two tables apart, or is "".
func difference(got, want *rtable.Table) string {
	g, w := state(got), state(want)
	if g == w {
		return ""
	}
	have := make(map[string]int)
	for _, l := range strings.Split(g, "\n") {
		have[l]++
	}
	var b strings.Builder
	for _, l := range strings.Split(w, "\n") {
		if have[l]--; have[l] < 0 {
			fmt.Fprintf(&b, "kernel only: %s\n", l)
		}
	}
	skipped := false
	for r := range got.Routes() {
		if l := string(r.Append(nil, got.LinkName)); have[l] > 0 && skips(want, r) {
			have[l]--
			skipped = true
		}
	}
	for _, l := range strings.Split(g, "\n") {
		if have[l] > 0 {
			have[l]--
			fmt.Fprintf(&b, "table only:  %s\n", l)
		}
	}
	if b.Len() == 0 && !skipped {
		fmt.Fprintf(&b, "the order differs; table:\n%s\nkernel:\n%s", g, w)
	}
	return b.String()
}

// skips says whether a dump may pass over r: an IPv6 route that stands between
// the legs of a multipath one of its metric, from the first of which the kernel
// goes on behind the last (fib6_dump_node).
func skips(dump *rtable.Table, r *rtnl.Route) bool {
	for x := range dump.TableRoutes(r.Table) {
		if x.Dst == r.Dst && x.Src == r.Src && x.Priority == r.Priority && x.NHID == 0 && len(x.NextHops) > 1 {
			return r.Family() == rtnl.IPv6
		}
	}
	return false
}

// state is everything a table holds, as text.
func state(t *rtable.Table) string {
	var b strings.Builder
	for l := range t.Links() {
		group := l.Group
		if !l.Up() { // of a link that is down it changes unannounced, and is told when that goes up
			group = 0
		}
		fmt.Fprintf(&b, "link %d %s flags %#x group %d master %d parent %d carrier %v kind %q operstate %d\n",
			l.Index, l.Name, l.Flags, group, l.Master, l.Parent, l.Carrier, l.Kind, l.OperState)
	}
	for a := range t.Addrs() {
		fmt.Fprintf(&b, "address %v of %v dev %s flags %#x scope %d label %q\n", a.Local, a.Net, t.LinkName(a.Link), a.Flags, a.Scope, a.Label)
	}
	for _, fam := range []uint8{rtnl.IPv4, rtnl.IPv6} {
		for r := range t.Rules(fam) {
			fmt.Fprintf(&b, "rule family %d %v\n", fam, r)
		}
	}
	for n := range t.NextHopObjects() {
		fmt.Fprintf(&b, "nexthop %+v\n", *n)
	}
	b.WriteString(t.String())
	return b.String()
}

// sniffer records the raw messages of the groups that Watch joins. It reads only
// when it is asked, so it needs no goroutine: what an ip command causes is queued
// when that returns, but for carrier, which takes the kernel a moment.
type sniffer struct{ socket *netlink.Socket }

// sniff starts to record in this namespace.
func sniff(t testing.TB) *sniffer {
	t.Helper()
	s, err := netlink.Open(syscall.NETLINK_ROUTE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if err := s.SetReceiveBuffer(16 << 20); err != nil {
		t.Fatal(err)
	}
	const (
		link, addr4, route4, rule4, addr6, route6, rule6 = 1, 5, 7, 8, 9, 11, 19 // enum rtnetlink_groups
		netconf4, netconf6, nexthop                      = 24, 25, 32
	)
	for _, g := range []int{link, addr4, route4, rule4, addr6, route6, rule6, netconf4, netconf6, nexthop} {
		if err := s.Join(g); err != nil {
			t.Fatal(err)
		}
	}
	return &sniffer{s}
}

// take returns the events that came since the last take.
func (s *sniffer) take(t testing.TB) []rtnl.Event {
	t.Helper()
	var events []rtnl.Event
	for {
		datagram, err := s.socket.TryRecv()
		if err != nil {
			t.Fatal(err)
		}
		if datagram == nil {
			return events
		}
		for e, err := range rtnl.Events(datagram) {
			if err != nil {
				t.Errorf("a message from the kernel does not parse: %v", err)
				continue
			}
			events = append(events, e)
		}
	}
}

// describe is an event in one line: verb, kind, flags, text.
func describe(e rtnl.Event, name rtnl.Namer) string {
	var flags string
	for _, f := range []struct {
		bit  uint16
		text string
	}{{rtnl.FlagReplace, " REPLACE"}, {rtnl.FlagExcl, " EXCL"}, {rtnl.FlagCreate, " CREATE"}, {rtnl.FlagAppend, " APPEND"}} {
		if e.Flags&f.bit != 0 {
			flags += f.text
		}
	}
	return e.Op.String() + flags + " " + text(e.Message, name)
}

// text is an object in one line, its kind first.
func text(m rtnl.Message, name rtnl.Namer) string {
	switch m := m.(type) {
	case *rtnl.Route:
		return "route " + string(m.Append(nil, name))
	case *rtnl.Link:
		up := map[bool]string{true: "up", false: "down"}
		carrier := map[bool]string{true: "running", false: "no carrier"}
		return fmt.Sprintf("link %s %s, %s", m.Name, up[m.Up()], carrier[m.Running()])
	case *rtnl.Addr:
		return fmt.Sprintf("address %v of %v dev %s flags %#x", m.Local, m.Net, name(m.Link), m.Flags)
	case *rtnl.Rule:
		return "rule " + m.String()
	case *rtnl.NextHopObject:
		return fmt.Sprintf("nexthop %d", m.ID)
	case *rtnl.Netconf:
		return fmt.Sprintf("netconf family %d link %d ignore_linkdown %v", m.Family, m.Link, m.IgnoreLinkdown)
	}
	return fmt.Sprintf("%T", m)
}
