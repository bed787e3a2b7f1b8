package smd

import (
	"errors"
	"fmt"
	"strconv"
)

// errStreamed ends a session whose events have ended.
var errStreamed = errors.New("smd: events: end")

// events streams messages until the client leaves. What else it sends is not
// read. The error is of the session, never nil but for a refused request.
func (c *session) events(r request) error {
	set := Class(r.Class)
	if set == 0 {
		set = All
	}
	var since mark
	if r.Since != nil {
		var ok bool
		if since, ok = parseMark(*r.Since); !ok {
			return c.fail(r.ID, fmt.Errorf("smd: events: since %.32q: want EPOCH:SEQ", *r.Since))
		}
	}

	s, seq, resumed := c.Bus.watch(set, since)
	defer c.Bus.unwatch(s)
	ctx, stop := c.present()
	defer stop()
	if !resumed {
		if err := c.snapshot(seq); err != nil {
			return err
		}
	}
	var batch queue
	for c.Bus.next(ctx, s, &batch) {
		if err := c.write(&batch); err != nil {
			return err
		}
	}
	if c.ctx.Err() == nil {
		return errStreamed // the client left
	}
	c.Bus.drain(s, &batch)
	return c.write(&batch)
}

// write writes the messages of a batch.
func (c *session) write(batch *queue) error {
	for m := range batch.all() {
		c.out = append(m.AppendJSON(c.out), '\n')
		if err := c.flushFull(); err != nil {
			return err
		}
	}
	return c.flush()
}

// snapshot writes the first line of events.
func (c *session) snapshot(seq uint64) error {
	state := []byte("{}")
	if c.Snapshot != nil {
		var err error
		if state, err = marshal(c.Snapshot()); err != nil {
			c.fail(nil, fmt.Errorf("smd: events: snapshot: %w", err))
			return errStreamed
		}
	}
	c.out = append(c.out, `{"seq":`...)
	c.out = strconv.AppendUint(c.out, seq, 10)
	c.out = addString(c.out, "epoch", c.Bus.Epoch())
	c.out = append(c.out, `,"snapshot":`...)
	c.out = append(c.out, state...)
	c.out = append(c.out, '}', '\n')
	return c.flush()
}
