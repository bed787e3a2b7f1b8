//go:build go1.25

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/netmond/netmond/smd"

	"github.com/netmond/netmond/internal/log"
)

// TestHotplugInAStorm: a thousand closed connections are few shells, and hide
// nothing else.
func TestHotplugInAStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := new(netifd)
		h := hotplug{call: n.call, log: log.Discard{}}
		h.run(t.Context(), func(yield func(smd.Message) bool) {
			say := func(payload string) { yield(smd.Message{Class: smd.Network, Payload: json.RawMessage(payload)}) }
			for range 1000 {
				say(`{"type":"flow","act":"closed"}`)
			}
			say(`{"type":"cpd","result":"Captive","dev":"eth1"}`)
			time.Sleep(hotplugEvery)
			say(`{"type":"flow","act":"closed"}`)
			say(`{"type":"flow","act":"closed"}`)
			time.Sleep(time.Hour)
			for range hotplugBurst + 1 {
				say(`{"type":"flow","act":"closed"}`)
			}
		})
		if want := hotplugBurst + 1 + 1 + hotplugBurst; len(n.calls) != want {
			t.Fatalf("%d shells, want %d", len(n.calls), want)
		}
		for i, want := range map[int]string{
			hotplugBurst:     "ACTION=cpd-captive",
			hotplugBurst + 1: fmt.Sprint("NETMOND_LOST=", 1000-hotplugBurst),
			hotplugBurst + 2: "NETMOND_LOST=1",
		} {
			if !slices.Contains(n.calls[i], want) {
				t.Errorf("call %d is %q, want %s", i, n.calls[i], want)
			}
		}
	})
}

// TestProcdIsFed while the loop makes progress, and no longer.
func TestProcdIsFed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fed []time.Duration
		start, alive := time.Now(), true
		ctx, cancel := context.WithTimeout(t.Context(), 5*procdWatchdog+time.Second)
		defer cancel()
		err := feed(ctx, func(string) string { return "1" }, func(ctx context.Context) bool {
			if alive = time.Since(start) < 3*procdWatchdog; !alive {
				<-ctx.Done() // as a loop that hangs
			}
			return alive
		}, func(_ context.Context, object, method string, args any) (json.RawMessage, error) {
			if a := args.(map[string]any); object != "service" || method != "watchdog" || a["name"] != "netmond" || a["instance"] != "main" {
				t.Errorf("call %s %s %v", object, method, args)
			}
			fed = append(fed, time.Since(start))
			return nil, nil
		})
		if want := []time.Duration{procdWatchdog, 2 * procdWatchdog}; err != nil || !slices.Equal(fed, want) {
			t.Errorf("fed at %v, %v; want %v", fed, err, want)
		}
		ctx, cancel = context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		err = feed(ctx, func(string) string { return "" }, func(context.Context) bool { return true }, func(context.Context, string, string, any) (json.RawMessage, error) {
			t.Error("fed without procd")
			return nil, nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}
