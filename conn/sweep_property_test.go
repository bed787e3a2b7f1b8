//go:build go1.25

package conn_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/netmond/netmond/conn"
	"github.com/netmond/netmond/rtable"
)

// moment is a change in the history of a stage, and the table since.
type moment struct {
	at      time.Duration
	old     *rtable.Table
	cur     *rtable.Table
	changes rtable.Changes
}

// stranded says whether the flow is, by the change of history[i], in every table
// from then until the time end.
func stranded(history []moment, i int, end time.Duration, f conn.Flow) bool {
	for j := i; j < len(history) && history[j].at <= end; j++ {
		if modelVerdict(history[i].old, history[j].cur, f) == conn.Keep {
			return false
		}
	}
	return true
}

// pending says whether the flow was stranded by an earlier change already, and
// still is: then that one's path is what it must get back.
func pending(history []moment, dialled time.Duration, f conn.Flow) bool {
	for j, m := range history {
		if m.at >= dialled && stranded(history, j, history[len(history)-1].at, f) {
			return true
		}
	}
	return false
}

// returned says whether the flow is now where it was at home before a change that has
// not settled, or goes where it went then: the path it has lost was a short one, and it
// may well be older. A change that leads it on is as fresh as the next one lets it be.
func returned(history []moment, settle time.Duration, f conn.Flow) bool {
	last := history[len(history)-1]
	now, _ := state{last.cur}.path(f)
	since := last.at - settle
	for _, m := range slices.Backward(history) {
		if m.at < since {
			break
		}
		before, ok := state{m.old}.path(f)
		after, _ := state{m.cur}.path(f)
		if !slices.Equal(before.Hops, after.Hops) {
			since = min(since, m.at-settle)
		}
		alive := slices.ContainsFunc(before.Hops, state{m.old}.leads)
		if ok && (slices.Equal(before.Hops, now.Hops) || alive && modelVerdict(m.old, last.cur, f) == conn.Keep) {
			return true
		}
	}
	return false
}

// TestSweepsAreRight plays random changes at random times to flows that come at
// random times, and holds what was closed, and when, against the rules: a flow is
// closed if and only if a change that found it has stranded it, and it has been
// so, without a break, for the settle time. The changes are far enough apart to be
// read one by one.
func TestSweepsAreRight(t *testing.T) {
	for _, settle := range []time.Duration{0, 150 * time.Millisecond} {
		t.Run(settle.String(), func(t *testing.T) {
			closed := 0
			for seed := range uint64(12) {
				synctest.Test(t, func(t *testing.T) { closed += sweepRandom(t, seed, settle) })
				if t.Failed() {
					t.Fatalf("seed %d", seed)
				}
			}
			if closed < 100 {
				t.Errorf("%d flows were closed, want 100 to make a point", closed)
			}
		})
	}
}

func sweepRandom(t *testing.T, seed uint64, settle time.Duration) (closed int) {
	r := newRandom(t, seed)
	s := newStage(t)
	s.world = r.world
	s.Settle, s.Grace = settle, 0
	dialled, ended := make(map[uint64]time.Duration), make(map[uint64]time.Duration)
	all := make(map[uint64]conn.Flow)
	rec := &recorder{stage: s, closed: ended}
	s.Source = rec
	if seed%2 == 1 {
		s.Source = &batched{recorder: rec}
	}

	var ctx context.Context
	ctx, s.end = context.WithCancel(context.Background())
	go func() { s.result <- s.Run(ctx, s.slot) }()
	conn.Post(s.slot, conn.Update{Cur: s.cur, Changes: []rtable.Changes{rtable.Diff(nil, s.cur)}})
	synctest.Wait()

	var history []moment
	for range 90 {
		s.sleep(time.Nanosecond) // past the last change
		for _, f := range r.flows() {
			if r.one(12) {
				s.mu.Lock()
				f = s.dial(f)
				s.mu.Unlock()
				dialled[f.Cookie], all[f.Cookie] = s.now(), f
			}
		}
		s.sleep(settle/7 + pick(r, time.Microsecond, time.Millisecond, 7*time.Millisecond, 40*time.Millisecond, 200*time.Millisecond))
		var old, cur *rtable.Table
		var changes rtable.Changes
		if r.one(3) {
			old = r.cur
			r.takeBack()
			changes, cur = r.flush(), r.cur
		} else {
			old, cur, changes = r.step(1)
		}
		r.told.WriteString("# at " + s.now().String() + "\n")
		if changes.Empty() {
			continue
		}
		history = append(history, moment{s.now(), old, cur, changes})
		conn.Post(s.slot, conn.Update{Old: old, Cur: cur, Changes: []rtable.Changes{changes}})
		synctest.Wait()
	}
	s.sleep(time.Minute)
	s.stop()

	for cookie, f := range all {
		at, gone := ended[cookie]
		if gone && !rightly(history, f, dialled[cookie], at, settle) {
			t.Errorf("%s was closed at %v, dialled at %v, with no change that has stranded it for %v", flowText(f, r.links.Name), at, dialled[cookie], settle)
		}
		if gone && ledBack(history, f, dialled[cookie], at, settle) {
			t.Errorf("%s was closed at %v, dialled at %v, by what took back a change that had not settled", flowText(f, r.links.Name), at, dialled[cookie])
		}
		for i, m := range history {
			end := m.at + settle
			if m.at < dialled[cookie] || gone && at <= end || !m.changes.TouchesFlow(f.Local.Addr(), f.Remote.Addr()) {
				continue
			}
			if stranded(history, i, end, f) && !pending(history[:i], dialled[cookie], f) && !returned(history[:i+1], settle, f) {
				t.Errorf("%s, dialled at %v, stranded at %v, was not closed by %v but at %v (%v)", flowText(f, r.links.Name), dialled[cookie], m.at, end, at, gone)
			}
		}
		if t.Failed() {
			t.Fatal(r.told.String())
		}
	}
	return len(ended)
}

// rightly says whether a flow was to be closed at the time it was.
func rightly(history []moment, f conn.Flow, dialled, closed, settle time.Duration) bool {
	for i, m := range history {
		if m.at == closed-settle && dialled < m.at && stranded(history, i, closed, f) {
			return true
		}
	}
	return false
}

// ledBack says whether a flow that was closed had only been home for a while: since it
// was dialled its packets left by a link without its address, until a change led them
// to the one that has it, for less than the settle time.
func ledBack(history []moment, f conn.Flow, dialled, closed, settle time.Duration) bool {
	for i, m := range history {
		before, had := state{m.old}.path(f)
		if m.at <= dialled || m.at > closed-settle {
			continue
		}
		_, owned := state{m.old}.usedBy(f, before)
		if !had || !slices.ContainsFunc(before.Hops, state{m.old}.leads) || neverJudged(state{m.old}, state{m.cur}, f) {
			return false // it has had no path: what has become of it does not matter here
		}
		if owned {
			return false
		}
		end := slices.IndexFunc(history, func(m moment) bool { return m.at == closed-settle })
		after, _ := state{m.cur}.path(f)
		_, owned = state{m.cur}.usedBy(f, after)
		if owned && !slices.Equal(before.Hops, after.Hops) && end > i && history[end].at-m.at < settle && modelVerdict(m.old, history[end].cur, f) == conn.Keep {
			return true
		}
	}
	return false
}

// recorder is a stage that notes when flows were closed.
type recorder struct {
	*stage
	closed map[uint64]time.Duration
}

func (r *recorder) Close(ctx context.Context, f conn.Flow, cause conn.Cause) error {
	r.closed[f.Cookie] = r.now()
	return r.stage.Close(ctx, f, cause)
}
