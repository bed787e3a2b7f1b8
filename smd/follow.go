package smd

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"time"
)

// How long a client that lost the daemon waits before it tries again: a restart
// takes a fraction of a second, and a daemon that stays away is asked for every
// ten.
const (
	firstWait = 100 * time.Millisecond
	lastWait  = 10 * time.Second
)

// Event is what a client of events gets: a message, a gap (Message.Lost), or the
// daemon's state, at the start and again whenever the timeline has begun anew.
type Event struct {
	Epoch    string          // the life of the daemon that Message.Seq belongs to
	Snapshot json.RawMessage // nil, or the state that what follows builds on; of Message, only Seq is set
	Message  Message
}

// Events follows the messages of the classes in set on the daemon's socket at
// path. It connects again whenever the connection is lost, and goes on from the
// last number it saw. When there is trouble it yields the error, each once until
// something comes again, and tries on, less and less often; so a consumer that
// does not want to wait for a daemon breaks the range at an error. It ends with
// ctx. For one goroutine.
func Events(ctx context.Context, path string, set Class) iter.Seq2[Event, error] {
	return follow(ctx, func() (*Client, error) { return Dial(ctx, path) }, set)
}

func follow(ctx context.Context, dial func() (*Client, error), set Class) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		var at mark
		told, delay := "", firstWait
		for ctx.Err() == nil {
			c, err := dial()
			if err == nil {
				more := true
				err = c.events(ctx, set, at, func(e Event) bool {
					told, delay = "", firstWait
					at = mark{e.Epoch, e.Message.Seq}
					more = yield(e, nil)
					return more
				})
				c.Close()
				if !more {
					return
				}
			}
			if ctx.Err() != nil {
				return
			}
			if text := err.Error(); text != told {
				told = text
				if !yield(Event{}, err) {
					return
				}
			}
			wait(ctx, delay)
			delay = min(2*delay, lastWait)
		}
	}
}

// events requests the messages after since, if it is set, and hands them on
// until take returns false or the connection fails.
func (c *Client) events(ctx context.Context, set Class, since mark, take func(Event) bool) error {
	request := struct {
		Do    string   `json:"do"`
		Class []string `json:"class"`
		Since string   `json:"since,omitempty"`
	}{"events", set.names(), ""}
	if since.epoch != "" {
		request.Since = since.String()
	}
	epoch := since.epoch
	var wrong error
	err := c.ask(ctx, request, func(l line) bool {
		m := Message{Seq: l.Seq, Lost: l.Lost, Time: l.Time, Payload: l.Payload}
		switch {
		case l.Snapshot != nil:
			epoch = l.Epoch
			return take(Event{epoch, l.Snapshot, Message{Seq: l.Seq}})
		case epoch == "" || l.Payload == nil && l.Lost == 0:
			wrong = errors.New("smd: client: events: neither snapshot nor message: is this netmond's socket?")
			return false
		}
		if l.Lost == 0 {
			m.Class = classNamed(l.Class) // 0 for one that a newer daemon knows
		}
		return take(Event{epoch, nil, m})
	})
	if wrong != nil {
		return wrong
	}
	return err
}
