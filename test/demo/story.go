//go:build linux

package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

const opening = `Two equal devices, each with two uplinks: wan0, and wan1 at a higher metric. On
each a program talks with a server over TCP: a line, and its echo, five times a
second. Then the default route by wan0 goes.

`

// story prints what happens, a column for each device.
type story struct {
	with, without *device
	events        chan event
	zero          time.Time     // when the route went; the zero Time before
	told, back    time.Duration // of the device with netmond: its error, and the first echo after it
	hung          bool          // the other one has had no error
}

func newStory(with, without *device) *story {
	return &story{with: with, without: without, events: make(chan event, 16), hung: true}
}

// open says what is to be seen.
func (s *story) open() {
	fmt.Print(opening)
	s.line("seconds", "with netmond", "without")
}

// line prints at most 80 columns.
func (s *story) line(at, left, right string) {
	fmt.Println(strings.TrimRight(fmt.Sprintf("%8s  %-34s %s", at, left, right), " "))
}

func (s *story) stamp(t time.Time) string {
	if s.zero.IsZero() {
		return ""
	}
	return fmt.Sprintf("%.3f", t.Sub(s.zero).Seconds())
}

// begin sets the clock to zero: the route goes.
func (s *story) begin() {
	s.count()
	s.zero = time.Now()
	s.line("0.000", "ip route del default dev wan0", "ip route del default dev wan0")
}

// pause tells what happens for so long.
func (s *story) pause(ctx context.Context, d time.Duration) error {
	end := time.NewTimer(d)
	defer end.Stop()
	for {
		select {
		case e := <-s.events:
			s.tell(e)
		case <-end.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *story) tell(e event) {
	if e.kind == answered && (s.zero.IsZero() || s.back > 0) {
		return
	}
	if !s.zero.IsZero() {
		switch since := e.at.Sub(s.zero); {
		case e.device == s.without:
			s.hung = false
		case e.kind == failed && s.told == 0:
			s.told = since
		case e.kind == answered:
			s.back = since
		}
	}
	if e.device == s.with {
		s.line(s.stamp(e.at), e.text, "")
	} else {
		s.line(s.stamp(e.at), "", e.text)
	}
}

// count tells how the programs stand.
func (s *story) count() {
	of := func(d *device) string { return fmt.Sprintf("%d sent, %d echoed", d.sent.Load(), d.echoed.Load()) }
	s.line(s.stamp(time.Now()), of(s.with), of(s.without))
}

// end sums up, and fails where the story went otherwise.
func (s *story) end(d *daemon) error {
	if s.told == 0 || s.back == 0 || !s.hung {
		return fmt.Errorf("not as it should be: error after %v, echo after %v, and without netmond hanging: %v", s.told, s.back, s.hung)
	}
	select {
	case r := <-d.closed:
		fmt.Printf("\nnetmond: %s, closed: %s\n         was %s\n", r.Flow, r.Reason, r.Was)
	default:
		return fmt.Errorf("netmond has not said that it closed a flow")
	}
	fmt.Printf(`
With netmond the program had its error after %d ms, and an answer by the other
uplink after %d ms. Without, it hangs: each send succeeds, nothing comes back,
and Linux gives up in some 15 minutes.
`, s.told.Milliseconds(), s.back.Milliseconds())
	return nil
}
