package main

import (
	"context"
	"iter"
	"sync/atomic"

	"github.com/netmond/netmond/conn"
	"github.com/netmond/netmond/rtable"

	"github.com/netmond/netmond/internal/log"
	"github.com/netmond/netmond/internal/view"
)

// closers is what closes flows: the device's own, and, on a router, those it
// forwards.
type closers struct {
	log      log.Logger
	device   prober
	gentle   bool
	sweepers []*conn.Sweeper // the device's first
	reloads  []chan func(*conn.Sweeper)
	opened   []func() error

	// changed is told when closing changes, from any goroutine. Not to be set while
	// the sweepers run.
	changed func(view.Close)

	state atomic.Pointer[view.Close] // written before the sweepers run, and then by the device's
}

// prober is what closers asks of conn.Device, in its sweeper's goroutine.
type prober interface {
	Probe(context.Context)
	CanArm() error
}

func (c *closers) shut() {
	for _, shut := range c.opened {
		_ = shut() // at the end of the process
	}
}

// openClosers opens the sources of flows and the means to close them. What is
// missing is told, and the daemon goes on without it.
func openClosers(ctx context.Context, o *options, log log.Logger) (*closers, error) {
	c := &closers{log: log, gentle: o.gentle, changed: func(view.Close) {}}
	if err := c.openDevice(ctx, o); err != nil {
		c.shut()
		return nil, err
	}
	if o.track.value == "off" {
		return c, nil
	}
	track, err := conn.OpenConntrack(ctx)
	if err != nil {
		log.Info("forwarded flows are left alone", "why", err)
		return c, nil
	}
	kernel, err := conn.OpenKernel()
	if err != nil {
		c.shut()
		return nil, err
	}
	c.opened = append(c.opened, track.Shut, kernel.Close)
	s := c.add(o)
	s.Source, s.Judge, s.Confirm = track, conn.AssessForwarded, kernel.ConfirmForwarded
	s.Gentle = false // there is no socket to arm
	return c, nil
}

func (c *closers) openDevice(ctx context.Context, o *options) error {
	kernel, err := conn.OpenKernel()
	if err != nil {
		return err
	}
	device := conn.OpenDevice(ctx)
	c.device = device
	c.opened = append(c.opened, kernel.Close, device.Shut)
	s := c.add(o)
	s.Source, s.Confirm = device, kernel.Confirm
	c.state.Store(&view.Close{Mode: mode(o, o.gentle)})
	c.found(device.Rung())
	device.Changed = c.found
	if o.dryRun {
		c.log.Info("dry run: flows are judged and told of, none is closed")
	}
	return nil
}

// found takes in the rung in use, and why it is not a better one.
func (c *closers) found(rung conn.Rung, why string) {
	if c.gentle {
		rung, why = conn.Pidfd, ""
		if err := c.device.CanArm(); err != nil {
			rung, why = conn.Advisory, "gentle: "+err.Error()
		}
	}
	next := *c.state.Load()
	before := next.Rung
	next.Rung, next.Why = rung.String(), why
	if !c.adopt(next) || next.Mode == dryRun {
		return
	}
	switch {
	case rung == conn.Advisory:
		c.log.Warn("no connection will be closed; the table, the bus and the checks work", "why", why)
	case before == conn.Destroy.String():
		c.log.Warn("flows are closed by the second rung from now on", "rung", next.Rung, "why", why)
	case why != "":
		c.log.Info("flows are closed by the second rung", "rung", next.Rung, "why", why)
	case before != "":
		c.log.Info("flows are closed by a better rung", "rung", next.Rung, "before", before)
	}
}

// adopt makes a state the one that others see, and says whether it is another.
func (c *closers) adopt(next view.Close) bool {
	if next == *c.state.Load() {
		return false
	}
	c.state.Store(&next)
	c.changed(next)
	return true
}

// closing says what is done to stranded flows, and how. Where the rung is not the
// best the device is asked once more, unless it is at work: then it asks by itself.
func (c *closers) closing(ctx context.Context) view.Close {
	if c.state.Load().Why != "" {
		asked := make(chan struct{})
		select {
		case c.reloads[0] <- func(*conn.Sweeper) { c.device.Probe(ctx); close(asked) }:
			<-asked
		default:
		}
	}
	return *c.state.Load()
}

// add makes a sweeper that follows the options.
func (c *closers) add(o *options) *conn.Sweeper {
	reload := make(chan func(*conn.Sweeper))
	s := &conn.Sweeper{Reload: reload}
	configure(o)(s)
	s.Gentle = o.gentle
	c.sweepers = append(c.sweepers, s)
	c.reloads = append(c.reloads, reload)
	return s
}

// set makes new options count for the sweepers that run.
func (c *closers) set(ctx context.Context, o *options) {
	configured := configure(o)
	told := func(s *conn.Sweeper) {
		configured(s)
		next := *c.state.Load()
		next.Mode = mode(o, c.gentle)
		c.adopt(next)
	}
	for i, r := range c.reloads {
		apply := configured
		if i == 0 {
			apply = told
		}
		select {
		case r <- apply:
		case <-ctx.Done():
			return
		}
	}
}

// configure applies to a sweeper the options that may change while it runs.
func configure(o *options) func(*conn.Sweeper) {
	reasons, _ := conn.ParseReasons(o.reasons.value) // checked as a flag
	var exclusions []conn.Exclusion
	for _, text := range o.exclude.values {
		if x, err := conn.ParseExclusion(text); err == nil { // likewise
			exclusions = append(exclusions, x)
		}
	}
	return func(s *conn.Sweeper) {
		s.Settle, s.Grace, s.Rate, s.Reasons, s.DryRun = o.settle, o.grace, o.rate, reasons, o.dryRun
		s.Exclude = func(t *rtable.Table, f conn.Flow, v conn.Verdict) bool {
			for _, x := range exclusions {
				if x.Excludes(t, f, v) {
					return true
				}
			}
			return false
		}
	}
}

// deviceFlows lists the device's connections on a socket of its own, for the API.
func deviceFlows(ctx context.Context) iter.Seq2[conn.Flow, error] {
	return func(yield func(conn.Flow, error) bool) {
		diag, err := conn.OpenDiag()
		if err != nil {
			yield(conn.Flow{}, err)
			return
		}
		defer diag.Shut()
		diag.All(ctx)(yield)
	}
}

const dryRun = "dry-run"

// mode says what is done to stranded flows. gentle counts at a start only.
func mode(o *options, gentle bool) string {
	switch {
	case o.dryRun:
		return dryRun
	case gentle:
		return "gentle"
	}
	return o.reasons.value
}
