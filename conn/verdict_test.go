package conn_test

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/netmond/netmond/conn"
	"github.com/netmond/netmond/internal/iproute"
	"github.com/netmond/netmond/rtable"
	"github.com/netmond/netmond/rtnl"
)

// TestVerdicts plays testdata/verdicts/*.story. What stands before the first
// story of a file is the state that each begins with, after the file's essay.
// A line is one of
//
//	== name          a new story
//	then             what follows is the change, or another one after it
//	without carrier L, ...   from here on, verdicts assume the carrier of those links (none: of no more)
//	tcp LOCAL REMOTE [mark N] [nomark] [uid N] [oif L] [mapped] [transparent] [state S] = VERDICT
//
// and anything else an event, as package iproute reads it. The verdict is that
// between the state before the first "then" and the one reached: a reason, and
// after "keep" in parentheses why the flow is not judged. What follows " by " is
// the link that it left by.
func TestVerdicts(t *testing.T) {
	files, err := filepath.Glob("testdata/verdicts/*.story")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		parts := strings.Split("\n"+string(text), "\n== ")
		for _, part := range parts[1:] {
			name, body, _ := strings.Cut(part, "\n")
			name, _, _ = strings.Cut(name, " ")
			t.Run(strings.TrimSuffix(filepath.Base(file), ".story")+"/"+name, func(t *testing.T) {
				if tellVerdicts(t, parts[0], body) == 0 {
					t.Error("a story without a verdict")
				}
			})
		}
	}
}

// tellVerdicts plays one story and counts its verdicts.
func tellVerdicts(t *testing.T, base, body string) (verdicts int) {
	w := newWorld(t)
	w.events(base)
	for _, line := range strings.Split(body, "\n") {
		line, _, _ = strings.Cut(line, "#")
		line = strings.Join(strings.Fields(line), " ")
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "":
		case "then":
			w.step()
		case "without":
			w.assume(strings.TrimPrefix(rest, "carrier"))
		case "tcp":
			verdicts++
			what, want, _ := strings.Cut(line, " = ")
			if got := w.verdict(w.flow(what), !strings.HasSuffix(want, ")") && strings.Contains(want, " by ")); got != want {
				t.Errorf("Assess(%s) = %s, want %s\nbefore:\n%s\nafter:\n%s", what, got, want, w.old, w.view())
			}
		default:
			w.event(line)
		}
	}
	return verdicts
}

// world is a table on its way, told in iproute2 text. For one goroutine.
type world struct {
	t       testing.TB
	links   iproute.Links
	old     *rtable.Table // before the first step; nil while there was none
	cur     *rtable.Table
	assumed []uint32
	pending rtnl.Batch
}

func newWorld(t testing.TB) *world { return &world{t: t, pending: rtnl.Batch{Full: true}} }

// events reads several lines, those of remarks and iproute2's two-line routes.
func (w *world) events(text string) {
	w.t.Helper()
	events, err := iproute.Events(text, &w.links)
	if err != nil {
		w.t.Fatal(err)
	}
	w.pending.Events = append(w.pending.Events, events...)
}

func (w *world) event(line string) {
	w.t.Helper()
	w.events(line)
}

// flush applies what has been told, and returns what that changed.
func (w *world) flush() (changes rtable.Changes) {
	if w.pending.Full || len(w.pending.Events) > 0 {
		w.cur, changes = w.cur.Apply(w.pending)
		w.pending = rtnl.Batch{}
	}
	return changes
}

func (w *world) step() {
	w.flush()
	if w.old == nil {
		w.old = w.cur
	}
}

func (w *world) assume(list string) {
	w.assumed = nil
	for _, name := range strings.Fields(list) {
		w.assumed = append(w.assumed, w.links.Index(name))
	}
}

// view is the table as verdicts see it.
func (w *world) view() *rtable.Table {
	w.flush()
	return w.cur.AssumeCarrier(w.assumed...)
}

func (w *world) verdict(f conn.Flow, link bool) string {
	old := w.old
	if old == nil {
		w.flush()
		old = w.cur
	}
	v := conn.Assess(old, w.view(), f)
	if r := conn.Judge(old, w.view(), f); r != v.Reason {
		w.t.Errorf("Judge(%s) = %s, Assess says %s", f, r, v.Reason)
	}
	s := v.Reason.String()
	if v.Exempt != "" {
		s += " (" + v.Exempt + ")"
	}
	if link {
		s += " by " + old.LinkName(v.Link)
	}
	return s
}

// stateNamed is the TCP state of that name, or 0.
func stateNamed(name string) conn.State {
	for s := conn.Established; s <= conn.Closing; s++ {
		if s.String() == name {
			return s
		}
	}
	return 0
}

// flow reads what stands before the = of a flow's line.
func (w *world) flow(text string) conn.Flow {
	w.t.Helper()
	words := strings.Fields(text)
	if len(words) < 3 {
		w.t.Fatalf("%q is no flow", text)
	}
	f := conn.Flow{Proto: conn.TCP, State: conn.Established, MarkKnown: true}
	f.Local, f.Remote = netip.MustParseAddrPort(words[1]), netip.MustParseAddrPort(words[2])
	for words = words[3:]; len(words) > 0; words = words[1:] {
		next := func() string {
			if words = words[1:]; len(words) == 0 {
				w.t.Fatalf("%q ends early", text)
			}
			return words[0]
		}
		number := func() uint32 {
			n, err := strconv.ParseUint(next(), 0, 32)
			if err != nil {
				w.t.Fatalf("%q: %v", text, err)
			}
			return uint32(n)
		}
		switch words[0] {
		case "mark":
			f.Mark = number()
		case "nomark":
			f.MarkKnown = false
		case "uid":
			f.UID = number()
		case "oif":
			f.Oif = w.links.Index(next())
		case "mapped":
			f.Mapped = true
		case "transparent":
			f.Transparent = true
		case "state":
			if f.State = stateNamed(next()); f.State == 0 {
				w.t.Fatalf("%q: no state %s", text, words[0])
			}
		default:
			w.t.Fatalf("%q: unexpected %q", text, words[0])
		}
	}
	return f
}

// flowText is a flow as world.flow reads it.
func flowText(f conn.Flow, name rtnl.Namer) string {
	s := fmt.Sprintf("tcp %v %v", f.Local, f.Remote)
	if f.Mark != 0 {
		s += fmt.Sprintf(" mark %d", f.Mark)
	}
	if !f.MarkKnown {
		s += " nomark"
	}
	if f.UID != 0 {
		s += fmt.Sprintf(" uid %d", f.UID)
	}
	if f.Oif != 0 {
		s += " oif " + name(f.Oif)
	}
	if f.Transparent {
		s += " transparent"
	}
	if f.State != conn.Established {
		s += " state " + f.State.String()
	}
	return s
}
