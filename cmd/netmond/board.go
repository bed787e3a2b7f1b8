package main

import (
	"context"
	"encoding/json"
	"os"

	"github.com/netmond/netmond/board"
	"github.com/netmond/netmond/cpd"
	"github.com/netmond/netmond/smd"

	"github.com/netmond/netmond/internal/daemon"
	"github.com/netmond/netmond/internal/minijson"
)

// startBoard starts what shows the daemon's state on the device, if it has not been
// started: hook scripts and an LED. Without either nobody subscribes, and no message is
// built for them.
func (p *parts) startBoard(start func(func(context.Context) error)) {
	if p.shows {
		return
	}
	led, err := openLED(p.options.led)
	if err != nil {
		p.log.Warn("board", "err", err)
	}
	if _, err := os.Stat(p.options.hooks); err != nil && led == nil {
		return
	}
	p.shows = true
	events := make(chan board.Event, 64)
	hooks := board.Hooks{Dir: p.options.hooks, Log: p.log}
	messages := p.daemon.Bus.Subscribe
	start(p.follower(func(ctx context.Context) error { hooks.Run(ctx, events); return nil }))
	start(func(ctx context.Context) error {
		defer close(events)
		defer led.Set(board.Offline)
		for m := range messages(ctx, smd.Network|smd.System) {
			if err := led.Set(shown(p.daemon.State())); err != nil {
				p.log.Warn("led", "err", err)
			}
			if m.Lost > 0 || !forHooks(m.Payload) {
				continue
			}
			select {
			case events <- board.Event{Class: m.Class.String(), Seq: m.Seq, Msg: m.Payload}:
			case <-ctx.Done():
			}
			if isLast(p.daemon, m) {
				return nil
			}
		}
		return ctx.Err()
	})
}

func openLED(name string) (*board.LED, error) {
	if name == "" {
		return nil, nil
	}
	return board.OpenLED("/sys/class/leds", name)
}

// shown is what the LED shows: the best uplink's state.
func shown(s *daemon.State) board.State {
	show := board.Offline
	for _, r := range s.Checks {
		switch r.State {
		case cpd.OK:
			return board.Online
		case cpd.Captive:
			show = board.Portal
		}
	}
	return show
}

// forHooks says whether a message is one that hooks are run for: the result of a
// check, a link, a flow, the daemon's state. Routes and triggers are too many.
func forHooks(payload json.RawMessage) bool {
	var m struct{ Type, State string }
	return minijson.Unmarshal(payload, &m) == nil && (m.Type != "" || m.State != "")
}
