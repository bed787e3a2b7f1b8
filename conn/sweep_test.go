//go:build go1.25

package conn_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/netmond/netmond/conn"
	"github.com/netmond/netmond/rtable"
)

// TestSweeps plays testdata/sweep/*.scenario. What stands before the first story
// of a file is its essay and the state, at 0s, in which each begins. Then come
// the settings
//
//	settle D, grace D, rate N, close REASONS, dry-run, gentle, exclude PREFIX
//
// and what happens when: a time, and
//
//	tcp LOCAL REMOTE ...        a flow is dialled (see TestVerdicts)
//	again LOCAL REMOTE ...      ... and the same flow is listed with other properties from now on
//	gone LOCAL REMOTE           ... and closed by its owner
//	kernel agrees|disagrees|fails   what Confirm will answer
//	close works|fails|advisory  what Close will answer, and Arm and Disarm
//	listing D|fails             how long it takes to list the flows
//	churn D N ROUTE             N changes, one each D: ROUTE is added and deleted in turn
//	end                         of the sweeper
//	EVENT                       a change, as package iproute reads it; those of one time are one batch
//	> ACT LOCAL REMOTE REASON[, was ROUTE[, on EVENT]]   what the sweeper must decide then, and nothing else
//	> limit|lift LOCAL REMOTE   what it must do with a flow's time limit
//
// The clock is synctest's, so that times are exact. A day later all is over.
func TestSweeps(t *testing.T) {
	files, err := filepath.Glob("testdata/sweep/*.scenario")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		parts := strings.Split("\n"+string(body), "\n== ")
		for _, part := range parts[1:] {
			name, body, _ := strings.Cut(part, "\n")
			name, _, _ = strings.Cut(name, " ")
			t.Run(strings.TrimSuffix(filepath.Base(file), ".scenario")+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { playSweep(t, parts[0], body) })
			})
		}
	}
}

// act is something that happens at a time.
type act struct {
	at   time.Duration
	what string
}

func playSweep(t *testing.T, base, body string) {
	s := newStage(t)
	var acts []act
	var want []string
	for _, line := range strings.Split(base+"\n"+body, "\n") {
		line, _, _ = strings.Cut(line, "#")
		line = strings.Join(strings.Fields(line), " ")
		when, what, _ := strings.Cut(line, " ")
		at, err := time.ParseDuration(when)
		switch {
		case line == "":
		case err != nil:
			s.set(line)
		case strings.HasPrefix(what, "churn "):
			acts = append(acts, s.churn(at, strings.TrimPrefix(what, "churn "))...)
		case strings.HasPrefix(what, "> "):
			want = append(want, fmt.Sprintf("%v %s", at, what))
		default:
			acts = append(acts, act{at, what})
		}
	}
	slices.SortStableFunc(acts, func(a, b act) int { return cmp.Compare(a.at, b.at) })
	s.start()
	for i, a := range acts {
		s.sleep(a.at - s.now())
		s.do(a.what)
		if i+1 == len(acts) || acts[i+1].at != a.at {
			s.post()
			synctest.Wait()
		}
	}
	s.sleep(24 * time.Hour)
	s.stop()
	for _, f := range s.limited {
		t.Errorf("%s is under a time limit at the end", f)
	}
	slices.Sort(s.got) // what is decided at one time has no order
	slices.Sort(want)
	if !slices.EqualFunc(s.got, want, func(got, want string) bool { return got == want || strings.HasPrefix(got, want+", ") }) {
		t.Errorf("decided\n\t%s\nwant\n\t%s", strings.Join(s.got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// stage is a Sweeper with a table, flows and a kernel that the test makes up.
type stage struct {
	*world
	conn.Sweeper
	mu     sync.Mutex // of what the sweeper's goroutine uses too
	flows  map[uint64]conn.Flow
	last   uint64
	slot   chan conn.Update
	got    []string // decisions, with their times
	begun  time.Time
	end    context.CancelFunc
	result chan error

	limited map[uint64]conn.Flow // flows under a time limit
	ended   bool

	confirm struct {
		ok  bool
		err error
	}
	closing, listing error
	slow             time.Duration
}

func newStage(t *testing.T) *stage {
	s := &stage{
		world: newWorld(t), flows: make(map[uint64]conn.Flow), limited: make(map[uint64]conn.Flow),
		slot: make(chan conn.Update, 1), result: make(chan error, 1), begun: time.Now(),
	}
	s.Sweeper = conn.Sweeper{
		Source: s, Settle: 150 * time.Millisecond, Grace: 3 * time.Second, Reasons: conn.AllReasons,
		Report: func(d conn.Decision) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.got = append(s.got, s.decided(d))
		},
		Confirm: func(_ context.Context, _ *rtable.Table, claims []conn.Claim) {
			s.mu.Lock()
			defer s.mu.Unlock()
			for i := range claims {
				c := &claims[i]
				if c.Verdict.Reason == conn.Keep {
					s.t.Errorf("the kernel was asked about a flow to keep")
				}
				c.Stands, c.Err = s.confirm.ok, s.confirm.err
			}
		},
	}
	s.confirm.ok = true
	return s
}

// start runs the sweeper on the state told so far.
func (s *stage) start() {
	var ctx context.Context
	ctx, s.end = context.WithCancel(context.Background())
	go func() { s.result <- s.Run(ctx, s.slot) }()
	s.post()
	synctest.Wait()
}

func (s *stage) stop() {
	if s.ended {
		return
	}
	s.ended = true
	s.end()
	if err := <-s.result; !errors.Is(err, context.Canceled) {
		s.t.Errorf("Run = %v, want context.Canceled", err)
	}
}

// sleep lets time pass, and the sweeper do what is due.
func (s *stage) sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (s *stage) now() time.Duration { return time.Since(s.begun) }

// post tells the sweeper what has been told since.
func (s *stage) post() (changes rtable.Changes) {
	old := s.cur
	if changes = s.flush(); !changes.Empty() {
		conn.Post(s.slot, conn.Update{Old: old, Cur: s.cur, Changes: []rtable.Changes{changes}})
	}
	return changes
}

// set reads a setting.
func (s *stage) set(line string) {
	word, arg, _ := strings.Cut(line, " ")
	var err error
	switch word {
	case "settle":
		s.Settle, err = time.ParseDuration(arg)
	case "grace":
		s.Grace, err = time.ParseDuration(arg)
	case "rate":
		s.Rate, err = strconv.Atoi(arg)
	case "close":
		s.Reasons, err = conn.ParseReasons(arg)
	case "dry-run":
		s.DryRun = true
	case "gentle":
		s.Gentle = true
	case "exclude":
		var x conn.Exclusion
		x, err = conn.ParseExclusion(arg)
		s.Exclude = x.Excludes
	default:
		s.do(line)
	}
	if err != nil {
		s.t.Fatalf("%q: %v", line, err)
	}
}

func (s *stage) churn(at time.Duration, args string) (acts []act) {
	words := strings.SplitN(args, " ", 3)
	step, err := time.ParseDuration(words[0])
	n, nerr := strconv.Atoi(words[1])
	if err = errors.Join(err, nerr); err != nil {
		s.t.Fatal(err)
	}
	for i := range n {
		acts = append(acts, act{at + time.Duration(i)*step, [2]string{"add ", "del "}[i%2] + words[2]})
	}
	return acts
}

// errFake is what a call fails with that is told to.
var errFake = errors.New("as the scenario says")

func (s *stage) do(what string) {
	if what == "end" {
		s.stop()
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	word, arg, _ := strings.Cut(what, " ")
	failing := map[string]error{"fails": errFake, "advisory": conn.ErrAdvisory}
	switch word {
	case "tcp":
		s.dial(s.flow(what))
	case "again":
		next := s.flow("tcp " + arg)
		for cookie, f := range s.flows {
			if f.Local == next.Local && f.Remote == next.Remote {
				next.Cookie = cookie
				s.flows[cookie] = next
			}
		}
	case "gone":
		gone := s.flow("tcp " + arg)
		maps.DeleteFunc(s.flows, func(_ uint64, f conn.Flow) bool { return f.Local == gone.Local && f.Remote == gone.Remote })
	case "kernel":
		s.confirm.ok, s.confirm.err = arg == "agrees", failing[arg]
	case "close":
		s.closing = failing[arg]
	case "listing":
		s.slow, _ = time.ParseDuration(arg)
		s.listing = failing[arg]
	default:
		s.event(what)
	}
}

func (s *stage) dial(f conn.Flow) conn.Flow {
	s.last++ // the caller holds mu
	f.Cookie = s.last
	s.flows[f.Cookie] = f
	return f
}

var actNames = map[conn.Act]string{
	conn.DidClose: "close", conn.DidArm: "arm", conn.DidDisarm: "disarm", conn.WouldClose: "would-close", conn.Disagreed: "disagreed", conn.Failed: "failed", conn.Unread: "unread",
}

func (s *stage) decided(d conn.Decision) string {
	failed := d.Act == conn.Failed || d.Act == conn.Unread
	if (failed || d.Act == conn.Disagreed && s.confirm.err != nil) != (d.Err != nil) || failed && !errors.Is(d.Err, errFake) {
		s.t.Errorf("%s with error %v", actNames[d.Act], d.Err)
	}
	if d.Act == conn.Unread {
		return fmt.Sprintf("%v > unread", s.now())
	}
	return fmt.Sprintf("%v > %s %v %v %s", s.now(), actNames[d.Act], d.Flow.Local, d.Flow.Remote, d.Cause)
}

// Flows yields all there are: it is the sweeper that must tell those apart which
// the changes touch.
func (s *stage) Flows(context.Context, rtable.Changes) iter.Seq2[conn.Flow, error] {
	return func(yield func(conn.Flow, error) bool) {
		s.mu.Lock()
		flows, slow, listing := maps.Clone(s.flows), s.slow, s.listing
		s.mu.Unlock()
		time.Sleep(slow)
		for _, cookie := range slices.Sorted(maps.Keys(flows)) {
			if !yield(flows[cookie], nil) {
				return
			}
		}
		if listing != nil {
			yield(conn.Flow{}, listing)
		}
	}
}

// Arm puts a flow under a time limit.
func (s *stage) Arm(_ context.Context, f conn.Flow, _ conn.Cause) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing == nil {
		s.limited[f.Cookie] = f
		s.got = append(s.got, fmt.Sprintf("%v > limit %v %v", s.now(), f.Local, f.Remote))
	}
	return s.closing
}

// Disarm lifts it. What was not limited must not be asked for.
func (s *stage) Disarm(ctx context.Context, f conn.Flow) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, limited := s.limited[f.Cookie]; !limited || ctx.Err() != nil {
		s.t.Errorf("%s is disarmed, which was armed: %v, with %v", f, limited, ctx.Err())
	}
	delete(s.limited, f.Cookie)
	s.got = append(s.got, fmt.Sprintf("%v > lift %v %v", s.now(), f.Local, f.Remote))
	return s.closing
}

// Close closes a flow. One that its owner has closed is no error.
func (s *stage) Close(_ context.Context, f conn.Flow, _ conn.Cause) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing == nil {
		delete(s.flows, f.Cookie)
	}
	return s.closing
}
