//go:build go1.25

package daemon

import (
	"bufio"
	"context"
	"fmt"
	"iter"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/netmond/netmond/conn"
	"github.com/netmond/netmond/cpd"
	"github.com/netmond/netmond/rtable"
	"github.com/netmond/netmond/rtnl"
	"github.com/netmond/netmond/smd"

	"github.com/netmond/netmond/internal/iproute"
)

// TestScenarios runs the stories of testdata/*.scenario against a daemon with a
// fake kernel, in fake time. A line is a time and what happens then:
//
//	0s     full            the first state, or a new one: the indented lines below
//	1s     batch           changes that come together, likewise
//	1s     del default..   one change, in iproute2 text
//	1s     flow L R        the device has this connection from now on
//	1s     answer wan OK   what a check of the link says from now on
//	1s     takes wan 5s    how long it takes to say so
//	1s     trigger         a client asks for checks
//	1s     disagree        the kernel supports no verdict from now on; agree takes that back
//	9s     quit            the end
//	1.15s  > close ...     what the daemon does, to the millisecond
//
// and "settle 150ms", "grace 3s", "rate 1" without a time set the daemon up.
// Where no line tells that the daemon rests, it may do so at any time.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.scenario")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".scenario"), func(t *testing.T) {
			s := parseScenario(t, file)
			synctest.Test(t, s.run)
		})
	}
}

// step is what happens at a time.
type step struct {
	at     time.Duration
	verb   string
	args   []string
	events []rtnl.Event
}

type scenario struct {
	links   iproute.Links
	steps   []step
	want    []string
	sweeper conn.Sweeper
	end     time.Duration
}

func parseScenario(t *testing.T, file string) *scenario {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := &scenario{sweeper: conn.Sweeper{Settle: 150 * time.Millisecond, Grace: 3 * time.Second, Reasons: conn.AllReasons}}
	sc := bufio.NewScanner(strings.NewReader(string(text)))
	for n := 1; sc.Scan(); n++ {
		line, _, _ := strings.Cut(sc.Text(), "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if err := s.parseLine(line, words); err != nil {
			t.Fatalf("%s:%d: %v", file, n, err)
		}
	}
	return s
}

func (s *scenario) parseLine(line string, words []string) error {
	if line[0] == ' ' || line[0] == '\t' { // another event of the step above
		e, err := iproute.Parse(strings.TrimSpace(line), &s.links)
		if err == nil {
			last := &s.steps[len(s.steps)-1]
			last.events = append(last.events, e)
		}
		return err
	}
	switch words[0] {
	case "settle", "grace":
		d, err := time.ParseDuration(words[1])
		if words[0] == "settle" {
			s.sweeper.Settle = d
		} else {
			s.sweeper.Grace = d
		}
		return err
	case "rate":
		_, err := fmt.Sscan(words[1], &s.sweeper.Rate)
		return err
	}
	at, err := time.ParseDuration(words[0])
	if err != nil {
		return err
	}
	s.end = max(s.end, at)
	if words[1] == ">" {
		s.want = append(s.want, at.String()+" "+strings.Join(words[2:], " "))
		return nil
	}
	st := step{at: at, verb: words[1], args: words[2:]}
	switch st.verb {
	case "full", "batch", "flow", "answer", "takes", "trigger", "agree", "disagree", "quit":
	default:
		e, err := iproute.Parse(strings.TrimSpace(strings.TrimPrefix(line, words[0])), &s.links)
		if err != nil {
			return err
		}
		st.verb, st.events = "batch", []rtnl.Event{e}
	}
	s.steps = append(s.steps, st)
	return nil
}

// stage is the world around the daemon in a scenario: its kernel, its flows, its
// Internet. Safe for concurrent use.
type stage struct {
	start time.Time

	mu       sync.Mutex
	got      []string
	flows    []conn.Flow
	answers  map[string]cpd.State
	takes    map[string]time.Duration
	disagree bool
}

func (g *stage) note(format string, args ...any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.got = append(g.got, time.Since(g.start).Round(time.Millisecond).String()+" "+fmt.Sprintf(format, args...))
}

func (g *stage) Flows(_ context.Context, changes rtable.Changes) iter.Seq2[conn.Flow, error] {
	g.mu.Lock()
	defer g.mu.Unlock()
	flows := slices.Clone(g.flows)
	return func(yield func(conn.Flow, error) bool) {
		for _, f := range flows {
			if !yield(f, nil) {
				return
			}
		}
	}
}

func (g *stage) Close(_ context.Context, f conn.Flow, cause conn.Cause) error {
	g.note("close %s %s", f, cause.Reason)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.flows = slices.DeleteFunc(g.flows, func(x conn.Flow) bool { return x.Cookie == f.Cookie })
	return nil
}

func (g *stage) check(ctx context.Context, u Uplink, _ *rtable.Table) cpd.Result {
	g.note("check %s v%d", u.Dev, u.Family)
	g.mu.Lock()
	state, takes := g.answers[u.Dev], g.takes[u.Dev]
	g.mu.Unlock()
	select {
	case <-time.After(takes):
		return cpd.Result{State: state}
	case <-ctx.Done():
		return cpd.Result{Err: ctx.Err()}
	}
}

// heard notes the messages that tell of checks, triggers and the daemon's state.
func (g *stage) heard(m smd.Message) {
	if text := string(m.Payload); !strings.Contains(text, `"rt"`) && !strings.Contains(text, `"type":"link"`) && !strings.Contains(text, `"type":"flow"`) {
		g.note("say %s", text)
	}
}

func (s *scenario) run(t *testing.T) {
	g := &stage{start: time.Now(), answers: map[string]cpd.State{}, takes: map[string]time.Duration{}}
	kernel := make(chan rtnl.Batch)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s.sweeper.Source = g
	s.sweeper.Confirm = func(_ context.Context, _ *rtable.Table, claims []conn.Claim) {
		g.mu.Lock()
		defer g.mu.Unlock()
		for i := range claims {
			claims[i].Stands = !g.disagree
		}
	}
	bus := smd.NewBus(smd.Options{})
	d := New(Deps{
		Watch: func(ctx context.Context) iter.Seq2[rtnl.Batch, error] {
			return func(yield func(rtnl.Batch, error) bool) {
				for {
					select {
					case b := <-kernel:
						if !yield(b, nil) {
							return
						}
					case <-ctx.Done():
						yield(rtnl.Batch{}, ctx.Err())
						return
					}
				}
			}
		},
		Resync:   func() { g.note("resync") },
		Sweepers: []*conn.Sweeper{&s.sweeper},
		Settle:   s.sweeper.Settle,
		Check:    g.check,
		Rest:     s.rest(g),
		LinkLost: func(ifindex uint32) { g.note("lost %s", s.links.Name(ifindex)) },
		Bus:      bus,
		Log:      slog.New(slog.DiscardHandler),
	})
	messages := bus.Subscribe(ctx, smd.Network|smd.System)
	var wg sync.WaitGroup
	wg.Go(func() {
		for m := range messages {
			g.heard(m)
		}
	})
	wg.Go(func() {
		if err := d.Run(ctx); err != nil {
			g.note("end %v", err)
		}
	})
	for i, st := range s.steps {
		time.Sleep(st.at - time.Since(g.start))
		synctest.Wait()
		s.play(t, g, d, kernel, st, uint64(i+1))
		synctest.Wait()
	}
	time.Sleep(s.end - time.Since(g.start) + time.Millisecond)
	synctest.Wait()
	cancel()
	wg.Wait()
	want := inOrder(s.want)
	got := inOrder(slices.DeleteFunc(g.got, func(l string) bool { return strings.Contains(l, "STOPPING") }))
	if got != want {
		t.Errorf("the daemon did\n%s\nwant\n%s", got, want)
	}
}

// rest notes that the daemon rests, in a scenario that wants to know.
func (s *scenario) rest(g *stage) func() {
	if !slices.ContainsFunc(s.want, func(l string) bool { return strings.HasSuffix(l, " rest") }) {
		return nil
	}
	return func() { g.note("rest") }
}

// inOrder joins lines that are in order of their times. Those of one instant come
// from several goroutines and are sorted.
func inOrder(lines []string) string {
	for from := 0; from < len(lines); {
		at, _, _ := strings.Cut(lines[from], " ")
		to := from + 1
		for to < len(lines) && strings.HasPrefix(lines[to], at+" ") {
			to++
		}
		slices.Sort(lines[from:to])
		from = to
	}
	return strings.Join(lines, "\n")
}

func (s *scenario) play(t *testing.T, g *stage, d *Daemon, kernel chan<- rtnl.Batch, st step, cookie uint64) {
	switch st.verb {
	case "full":
		kernel <- rtnl.Batch{Full: true, More: true, Events: st.events}
		kernel <- rtnl.Batch{}
	case "batch":
		kernel <- rtnl.Batch{Events: st.events}
	case "trigger":
		d.Sent(smd.Network, []byte(`{"trigger":"cpdcheck"}`))
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch st.verb {
	case "flow":
		f := conn.Flow{Proto: conn.TCP, State: conn.Established, MarkKnown: true, Cookie: cookie,
			Local: netip.MustParseAddrPort(st.args[0]), Remote: netip.MustParseAddrPort(st.args[1])}
		g.flows = append(g.flows, f)
	case "answer":
		for state := cpd.Unknown; state <= cpd.NoInternet; state++ {
			if state.String() == strings.Join(st.args[1:], " ") {
				g.answers[st.args[0]] = state
				return
			}
		}
		t.Fatalf("answer %q: no such state", st.args)
	case "takes":
		takes, err := time.ParseDuration(st.args[1])
		if err != nil {
			t.Fatal(err)
		}
		g.takes[st.args[0]] = takes
	case "agree", "disagree":
		g.disagree = st.verb == "disagree"
	}
}
