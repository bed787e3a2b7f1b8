package main

import (
	"context"
	"iter"
	"log/slog"

	"github.com/netmond/netmond/conn"
	"github.com/netmond/netmond/rtable"
)

// closers is what closes flows: the device's own, and, on a router, those it
// forwards.
type closers struct {
	sweepers  []*conn.Sweeper
	reloads   []chan func(*conn.Sweeper)
	rung, why string
	opened    []func() error
}

func (c *closers) shut() {
	for _, shut := range c.opened {
		_ = shut() // at the end of the process
	}
}

// openClosers opens the sources of flows and the means to close them. What is
// missing is told, and the daemon goes on without it.
func openClosers(ctx context.Context, o *options, log *slog.Logger) (*closers, error) {
	c := &closers{rung: conn.Advisory.String()}
	if err := c.openDevice(ctx, o, log); err != nil {
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

func (c *closers) openDevice(ctx context.Context, o *options, log *slog.Logger) error {
	kernel, err := conn.OpenKernel()
	if err != nil {
		return err
	}
	c.opened = append(c.opened, kernel.Close)
	s := c.add(o)
	s.Confirm = kernel.Confirm
	device, err := conn.OpenDevice(ctx)
	if err != nil {
		s.Source, c.why = none{}, err.Error()
		log.Warn("no connection will be closed: the device's cannot be listed", "err", err)
		return nil
	}
	c.opened = append(c.opened, device.Shut)
	s.Source = device
	rung, why := device.Rung()
	c.rung, c.why = rung.String(), why
	if o.gentle {
		if err := device.CanArm(); err != nil {
			c.rung, c.why = conn.Advisory.String(), "gentle: "+err.Error()
		} else {
			c.rung, c.why = conn.Pidfd.String(), ""
		}
	}
	switch {
	case o.dryRun:
		log.Info("dry run: flows are judged and told of, none is closed")
	case c.rung == conn.Advisory.String():
		log.Warn("no connection will be closed; the table, the bus and the checks work", "why", c.why)
	case c.why != "":
		log.Info("flows are closed by the second rung", "rung", c.rung, "why", c.why)
	}
	return nil
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
	for _, r := range c.reloads {
		select {
		case r <- configure(o):
		case <-ctx.Done():
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

// none is the source of no flows.
type none struct{}

func (none) Flows(context.Context, rtable.Changes) iter.Seq2[conn.Flow, error] {
	return func(func(conn.Flow, error) bool) {}
}

func (none) Close(context.Context, conn.Flow, conn.Cause) error { return conn.ErrAdvisory }

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

// mode says what is done to stranded flows.
func mode(o *options) string {
	switch {
	case o.dryRun:
		return "dry-run"
	case o.gentle:
		return "gentle"
	}
	return o.reasons.value
}
