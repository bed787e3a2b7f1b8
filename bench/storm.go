//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/netmond/netmond/rtable"
	"github.com/netmond/netmond/rtnl"

	"github.com/netmond/netmond/internal/fulltable"
)

// stormResult is what a follower of a storm saw.
type stormResult struct {
	Resyncs   uint64
	Routes    int
	Told      int           // route changes that a subscriber was told of
	Different int           // objects in which its table differs from a fresh dump
	Last      time.Duration // monotonic: when its table changed last
	Peak      uint64
}

// storm changes many routes as fast as the kernel takes them, under a watcher
// whose receive buffer holds some hundred.
func storm(c *config) ([]row, error) {
	if err := ipBatch(uplinkCommands...); err != nil {
		return nil, err
	}
	follower, err := start("follow")
	if err != nil {
		return nil, err
	}
	defer follower.stop()
	if _, err := follower.line(); err != nil {
		return nil, err
	}
	dst := fulltable.Prefixes(c.Changes)
	began := monotonic()
	if err := load(dst); err != nil {
		return nil, err
	}
	ended := monotonic()
	if err := follower.say("done"); err != nil {
		return nil, err
	}
	text, err := follower.line()
	if err != nil {
		return nil, err
	}
	var r stormResult
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return nil, err
	}
	what := fmt.Sprintf("storm, %s routes added in %s, receive buffer 32 KiB: ", count(c.Changes), ms(ended-began))
	return []row{
		goal(what+"final table against a fresh dump", r.Different == 0 && r.Routes >= c.Changes, "equal", "%s routes, %d differences", count(r.Routes), r.Different),
		goal(what+"route changes told", r.Told == c.Changes, "each once", "%s", count(r.Told)),
		info(what+"resyncs", "%d", r.Resyncs),
		info(what+"time to quiet after the last change", "%s", ms(max(0, r.Last-ended))),
		info(what+"peak memory", "%s", mib(r.Peak)),
	}, nil
}

// playFollow keeps a table, and compares it with a fresh one when it is told that
// the storm is over and nothing has come for three seconds, which is longer than it pauses.
func playFollow([]string) error {
	w := rtnl.Watcher{ReceiveBuffer: 32 << 10, Reuse: true}
	var (
		last  atomic.Int64 // monotonic time of the last batch
		table atomic.Pointer[rtable.Table]
		told  atomic.Int64
		busy  atomic.Bool
		ready = make(chan struct{})
		ended = make(chan error, 1)
	)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		var t *rtable.Table
		for b, err := range w.Watch(ctx) {
			if err != nil {
				ended <- err
				return
			}
			busy.Store(true)
			next, changes := t.Apply(b)
			if changes.First() {
				close(ready)
			}
			for x := range changes.All() {
				if r, ok := x.Message.(*rtnl.Route); ok && r.Protocol == protoBGP {
					told.Add(1)
				}
			}
			t = next
			table.Store(t)
			last.Store(int64(monotonic()))
			busy.Store(false)
		}
	}()
	select {
	case <-ready:
	case err := <-ended:
		return err
	}
	fmt.Println("ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	for busy.Load() || monotonic()-time.Duration(last.Load()) < 3*time.Second {
		time.Sleep(10 * time.Millisecond)
	}
	r := stormResult{Last: time.Duration(last.Load()), Resyncs: w.Resyncs(), Told: int(told.Load()), Peak: memory("self").Peak}
	fresh, err := snapshot(ctx)
	if err != nil {
		return err
	}
	t := table.Load()
	r.Routes = t.Len()
	r.Different = rtable.Diff(t, fresh).Len()
	return tell(r)
}

// snapshot is the state as a new dump tells it.
func snapshot(ctx context.Context) (*rtable.Table, error) {
	var t *rtable.Table
	for b, err := range rtnl.Watch(ctx) {
		if err != nil {
			return nil, err
		}
		if t, _ = t.Apply(b); t.Ready() {
			break
		}
	}
	return t, nil
}

// monotonic is CLOCK_MONOTONIC, which all processes share.
func monotonic() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic(err) // it has no way to fail
	}
	return time.Duration(ts.Nano())
}
