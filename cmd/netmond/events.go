package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/netmond/netmond/smd"

	"github.com/netmond/netmond/internal/view"
)

// runEvents follows the bus until it is interrupted.
func runEvents(ctx context.Context, c *invocation) error {
	fs := c.newFlags()
	var q queryFlags
	q.register(fs)
	class := checked{"all", func(s string) error { _, err := smd.ParseClass(s); return err }}
	fs.Var(&class, "class", "`class`es to follow, separated by commas: network, system, metrics, interaction, user24 to user31")
	if _, err := c.parse(fs, 0); err != nil {
		return err
	}
	set, err := smd.ParseClass(class.value)
	if err != nil {
		return usageError{err}
	}
	seen := false
	start, colours := busClock(), c.paint()
	for e, err := range smd.Events(ctx, q.socket, set) {
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !seen && errors.Is(err, smd.ErrNoDaemon):
			return needDaemon(false, nil)(q.socket)
		case err != nil:
			fmt.Fprintf(c.stderr, "netmond: %v\n", err)
			continue
		}
		seen = true
		line := view.Event(e, start, colours)
		if q.json {
			line = view.EventJSON(e)
		}
		if _, err := c.stdout.Write(append(line, '\n')); err != nil {
			return nil // the reader has gone
		}
	}
	return nil
}
