package conn

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/netmond/netmond/rtable"
	"github.com/netmond/netmond/rtnl"
)

const (
	defaultSettle = 150 * time.Millisecond
	defaultGrace  = 3 * time.Second
)

// Follow has the tracked connections closed that the kernel's routing state
// strands, until ctx ends, whose error it returns, or no netlink socket can be had.
//
// Where a daemon runs in this network namespace that closes stranded connections,
// these are among them: Follow then keeps no table, but listens to it for the
// reasons. Without one, and from when it ends, Follow keeps a table of its own. So a
// thousand programs need not hold a table of a million routes each.
func (r *Registry) Follow(ctx context.Context) error {
	return r.follow(ctx, func(ctx context.Context, back func() bool) error {
		k, err := OpenKernel()
		if err != nil {
			return err
		}
		defer k.Close()
		return r.alone(ctx, rtnl.Watch, k.Confirm, back)
	})
}

// follow is Follow with what it does without a daemon, which ends with
// errDaemonIsBack where back says so.
func (r *Registry) follow(ctx context.Context, alone func(ctx context.Context, back func() bool) error) error {
	for {
		if d := r.findDaemon(ctx); d != nil {
			r.listen(ctx, d)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		l := lookout{looked: time.Now(), every: max(lookEvery, 2*(r.Settle+r.Grace))}
		err := alone(ctx, func() bool {
			return l.back(time.Now(), func() (epoch string) {
				if d := r.findDaemon(ctx); d != nil {
					d.close()
					epoch = d.epoch
				}
				return epoch
			})
		})
		if !errors.Is(err, errDaemonIsBack) {
			return err
		}
	}
}

var errDaemonIsBack = errors.New("conn: a daemon is there")

// lookEvery is how long Follow, alone, does without looking for a daemon. Shorter
// than the grace, and what is pending here is given up for one that was too young
// to see it; longer, and a table is kept in vain.
const lookEvery = 30 * time.Second

// lookout says when a daemon is back for good. It looks when the routing state
// changes and at no other time, and has to find the same one twice: all that it was
// too young to see has been decided here by then.
type lookout struct {
	every  time.Duration
	looked time.Time
	seen   string // the epoch of the daemon found last; empty for none
}

// back is to be called at each change.
func (l *lookout) back(now time.Time, find func() (epoch string)) bool {
	if now.Sub(l.looked) < l.every {
		return false
	}
	before := l.seen
	l.looked, l.seen = now, find()
	return l.seen != "" && l.seen == before
}

// alone keeps a table and closes what it strands. After each batch it asks back
// whether to leave that to a daemon.
func (r *Registry) alone(ctx context.Context, watch func(context.Context) iter.Seq2[rtnl.Batch, error],
	confirm func(context.Context, *rtable.Table, []Claim), back func() bool) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	own := ownFlows{Registry: r}
	defer own.marks.shut()
	s := Sweeper{Source: &own, Confirm: confirm, Settle: r.Settle, Grace: r.Grace, Reasons: AllReasons}
	switch {
	case s.Settle == 0:
		s.Settle = defaultSettle
	case s.Settle < 0:
		s.Settle = 0
	}
	if s.Grace == 0 {
		s.Grace = defaultGrace
	}
	slot := make(chan Update, 1)
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, slot) }()
	var t *rtable.Table
	for b, err := range watch(ctx) {
		if err != nil {
			cancel(err)
			break
		}
		for step := range b.Steps() {
			old := t
			var changes rtable.Changes
			if t, changes = t.Apply(step); !changes.Empty() {
				Post(slot, Update{Old: old, Cur: t, Changes: []rtable.Changes{changes}})
			}
		}
		if back() {
			cancel(errDaemonIsBack)
			break
		}
	}
	<-done
	return context.Cause(ctx)
}

// ownFlows is a Registry as a source of flows that have the mark of their connection,
// where the program may read it.
type ownFlows struct {
	*Registry
	marks connMarks
}

func (o *ownFlows) View(t *rtable.Table) { o.marks.view(t) }

func (o *ownFlows) Flows(ctx context.Context, changes rtable.Changes) iter.Seq2[Flow, error] {
	return func(yield func(Flow, error) bool) {
		marked := o.marks.read(ctx)
		for f, err := range o.Registry.Flows(ctx, changes) {
			if !yield(marked(f), err) {
				return
			}
		}
	}
}
