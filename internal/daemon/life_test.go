//go:build go1.25

package daemon

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
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

// manager is an init system, and notes what it is told and when.
type manager struct {
	start time.Time
	mu    sync.Mutex
	heard []string
}

func (m *manager) note(text string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.heard = append(m.heard, fmt.Sprint(time.Since(m.start).Round(time.Second), " ", text))
	return nil
}

func (m *manager) Ready() error             { return m.note("ready") }
func (m *manager) Status(line string) error { return m.note(line) }
func (m *manager) Watchdog() error          { return m.note("watchdog") }
func (m *manager) Interval() time.Duration  { return 15 * time.Second }
func (m *manager) about(not string) (l []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(m.heard), func(l string) bool { return strings.Contains(l, not) })
}

// device is a source whose listing takes what it takes.
type device func(ctx context.Context, yield func(conn.Flow, error) bool)

func (d device) Flows(ctx context.Context, _ rtable.Changes) iter.Seq2[conn.Flow, error] {
	return func(yield func(conn.Flow, error) bool) { d(ctx, yield) }
}

func (d device) Close(context.Context, conn.Flow, conn.Cause) error { return nil }

// live runs a daemon that is told of batches until the time is over, with what is
// done at last.
func live(t *testing.T, source device, check func(context.Context, Uplink, *rtable.Table) cpd.Result, script func(d *Daemon, say func(...string))) *manager {
	m := &manager{start: time.Now()}
	var links iproute.Links
	kernel := make(chan rtnl.Batch)
	ctx, cancel := context.WithCancel(t.Context())
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
						return
					}
				}
			}
		},
		Sweepers: []*conn.Sweeper{{Source: source, Reasons: conn.AllReasons}},
		Check:    check,
		Interval: time.Hour,
		Bus:      smd.NewBus(smd.Options{}),
		Notify:   m,
		Log:      slog.New(slog.DiscardHandler),
	})
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := d.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	full := true
	script(d, func(lines ...string) {
		b := rtnl.Batch{Full: full, More: full}
		for _, l := range lines {
			e, err := iproute.Parse(l, &links)
			if err != nil {
				t.Fatal(err)
			}
			b.Events = append(b.Events, e)
		}
		kernel <- b
		if full {
			kernel <- rtnl.Batch{}
		}
		full = false
		synctest.Wait()
	})
	cancel()
	wg.Wait()
	return m
}

var device0 = []string{"link wan up", "addr 192.0.2.2/24 dev wan", "192.0.2.0/24 dev wan scope link src 192.0.2.2", "default via 192.0.2.1 dev wan"}

// TestWatchdogSeesStuckSweepers: the init system hears from a daemon that gets on with
// its work, however long that takes, and no more from one whose sweeper hangs.
func TestWatchdogSeesStuckSweepers(t *testing.T) {
	for _, tc := range []struct {
		name   string
		source device
		want   []string
		alive  bool
	}{
		{"slow", func(_ context.Context, yield func(conn.Flow, error) bool) {
			for range 60 {
				time.Sleep(time.Second)
				yield(conn.Flow{}, nil)
			}
		}, []string{"15s watchdog", "30s watchdog", "45s watchdog", "1m0s watchdog", "1m15s watchdog"}, true},
		{"stuck", func(ctx context.Context, _ func(conn.Flow, error) bool) { <-ctx.Done() }, []string{"15s watchdog"}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := live(t, tc.source, nil, func(d *Daemon, say func(...string)) {
					say(device0...)
					time.Sleep(10 * time.Second)
					say("del default via 192.0.2.1 dev wan")
					time.Sleep(66 * time.Second)
					if got := d.Alive(t.Context()); got != tc.alive {
						t.Errorf("Alive = %v, want %v", got, tc.alive)
					}
				})
				if got := slices.DeleteFunc(m.about("ready"), func(l string) bool { return !strings.HasSuffix(l, "watchdog") }); !slices.Equal(got, tc.want) {
					t.Errorf("the init system heard %q, want %q", got, tc.want)
				}
			})
		})
	}
}

// TestInitSystemShowsUplinks when they change, and says nothing when they do not.
func TestInitSystemShowsUplinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer := cpd.OK
		m := live(t, func(context.Context, func(conn.Flow, error) bool) {}, func(context.Context, Uplink, *rtable.Table) cpd.Result {
			return cpd.Result{State: answer}
		}, func(d *Daemon, say func(...string)) {
			say(device0...)
			time.Sleep(2 * time.Second)
			say("198.51.100.0/24 via 192.0.2.1 dev wan")
			time.Sleep(2 * time.Second)
			answer = cpd.Captive
			d.CheckSoon()
			time.Sleep(2 * time.Second)
			say("del default via 192.0.2.1 dev wan")
			time.Sleep(2 * time.Second)
		})
		want := []string{"0s ready", "0s wan Unknown", "0s wan OK", "4s wan Captive", "6s no uplink"}
		if got := m.about("watchdog"); !slices.Equal(got, want) {
			t.Errorf("the init system heard %q, want %q", got, want)
		}
	})
}
