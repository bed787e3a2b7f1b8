package main

import (
	"bytes"
	"context"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/netmond/netmond/conn"

	"github.com/netmond/netmond/internal/view"
)

// TestClosingChanges: what changes is told once, logged once, and what status says.
func TestClosingChanges(t *testing.T) {
	var log bytes.Buffer
	var told []view.Close
	o := new(options)
	o.reasons.value = "all"
	c := &closers{log: slog.New(slog.NewTextHandler(&log, nil)), changed: func(s view.Close) { told = append(told, s) }}
	c.add(o)
	c.state.Store(&view.Close{Mode: mode(o, false)})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	apply := func(o *options) { // as the sweeper's goroutine would
		done := make(chan struct{})
		go func() { c.set(ctx, o); close(done) }()
		(<-c.reloads[0])(c.sweepers[0])
		<-done
	}
	for _, step := range []struct {
		do   func()
		want view.Close
		says string // at the level the operator sees
	}{
		{func() { c.found(conn.Destroy, "") }, view.Close{Mode: "all", Rung: "sock_destroy"}, ""},
		{func() { c.found(conn.Pidfd, "no destroy") }, view.Close{Mode: "all", Rung: "pidfd", Why: "no destroy"}, "level=WARN"},
		{func() { c.found(conn.Advisory, "nothing") }, view.Close{Mode: "all", Rung: "advisory", Why: "nothing"}, "level=WARN"},
		{func() { c.found(conn.Destroy, "") }, view.Close{Mode: "all", Rung: "sock_destroy"}, "before=advisory"},
		{func() { o.reasons.value = "none"; apply(o) }, view.Close{Mode: "none", Rung: "sock_destroy"}, ""},
		{func() { o.dryRun = true; apply(o) }, view.Close{Mode: "dry-run", Rung: "sock_destroy"}, ""},
		{func() { c.found(conn.Advisory, "nothing") }, view.Close{Mode: "dry-run", Rung: "advisory", Why: "nothing"}, ""},
	} {
		told = nil
		log.Reset()
		step.do()
		if got := c.closing(ctx); got != step.want || !slices.Equal(told, []view.Close{step.want}) {
			t.Errorf("closing %+v, told %+v, want %+v", got, told, step.want)
		}
		if says := log.String(); (says == "") != (step.says == "") || !strings.Contains(says, step.says) || strings.Count(says, "\n") > 1 {
			t.Errorf("for %+v the log says %q, want %q", step.want, says, step.says)
		}
		told = nil
		log.Reset()
		c.found(rungOf(step.want), step.want.Why) // no news
		if len(told)+log.Len() > 0 {
			t.Errorf("for the same again it told %+v and said %q", told, log.String())
		}
	}
	if c.sweepers[0].Reasons != 0 || !c.sweepers[0].DryRun {
		t.Errorf("the sweeper has %v, dry run %v, want none and true", c.sweepers[0].Reasons, c.sweepers[0].DryRun)
	}
}

func rungOf(c view.Close) conn.Rung {
	for r := conn.Advisory; ; r++ {
		if r.String() == c.Rung {
			return r
		}
	}
}

// better is a device whose kernel has learned to close since it was asked last.
type better struct{ c *closers }

func (b better) Probe(context.Context) { b.c.found(conn.Destroy, "") }
func (better) CanArm() error           { return nil }

// TestStatusAsksAgain: where the rung is not the best, who asks for the status has
// the device asked, if the sweeper has time; and does not wait if it has not.
func TestStatusAsksAgain(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	c := &closers{log: slog.New(slog.NewTextHandler(new(bytes.Buffer), nil)), changed: func(view.Close) {}}
	c.device = better{c}
	s := c.add(new(options))
	outdated := view.Close{Mode: "all", Rung: "pidfd", Why: "it is not loaded"}
	c.state.Store(&outdated)
	if got := c.closing(ctx); got != outdated {
		t.Errorf("with nobody to ask: %+v, want %+v", got, outdated)
	}
	done := make(chan error)
	go func() { done <- s.Run(ctx, nil) }()
	for want := (view.Close{Mode: "all", Rung: "sock_destroy"}); c.closing(ctx) != want; {
		runtime.Gosched() // until it runs
	}
	cancel()
	<-done
}
