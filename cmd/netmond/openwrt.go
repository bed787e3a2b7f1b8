package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"time"

	"github.com/netmond/netmond/smd"

	"github.com/netmond/netmond/internal/daemon"
	"github.com/netmond/netmond/internal/log"
	"github.com/netmond/netmond/internal/minijson"
	"github.com/netmond/netmond/internal/ubus"
)

// On OpenWrt the verbs of the local API are methods of the ubus object netmond,
// the messages of the bus are ubus events netmond.CLASS, hotplug scripts in
// /etc/hotplug.d/netmond are run through procd, and procd's watchdog is fed.

// openwrt is netmond's side of ubus.
type openwrt struct {
	client *ubus.Client
	daemon *daemon.Daemon
	log    log.Logger
}

// signatures are the arguments of the verbs, for `ubus -v list`.
var signatures = map[string][]ubus.Arg{
	"lookup": {{Name: "dst", Type: ubus.String}, {Name: "from", Type: ubus.String}, {Name: "oif", Type: ubus.String},
		{Name: "mark", Type: ubus.Int32}, {Name: "uid", Type: ubus.Int32}},
	"why":    {{Name: "local", Type: ubus.String}, {Name: "remote", Type: ubus.String}},
	"check":  {{Name: "dev", Type: ubus.String}},
	"routes": {{Name: "table", Type: ubus.String}},
}

// newOpenWrt returns nil where no ubusd listens at path.
func newOpenWrt(path string, d *daemon.Daemon, log log.Logger) *openwrt {
	if _, err := os.Stat(path); err != nil {
		return nil
	}
	c := ubus.New(path)
	c.Object, c.Log, c.Methods = "netmond", log, make(map[string]ubus.Method)
	for name, verb := range d.Verbs() {
		c.Methods[name] = method(name, verb)
	}
	return &openwrt{client: c, daemon: d, log: log}
}

// method serves a verb. ubus wants an object: a list or a text comes under the
// verb's name.
func method(name string, verb smd.Verb) ubus.Method {
	return ubus.Method{Args: signatures[name], Serve: func(ctx context.Context, args json.RawMessage) (any, error) {
		items, size := []json.RawMessage{}, 0
		v, err := verb.Run(ctx, args, func(item any) error {
			raw, err := minijson.Marshal(item)
			if size += len(raw); err == nil && size > ubus.MaxMessage {
				err = errors.New("more than a message of ubus holds; the local socket has all of it")
			}
			items = append(items, raw)
			return err
		})
		if err != nil {
			return nil, err
		}
		if name == "routes" || name == "flows" {
			v = items
		}
		raw, err := minijson.Marshal(v)
		if err != nil || len(raw) > 0 && raw[0] == '{' {
			return json.RawMessage(raw), err
		}
		return map[string]json.RawMessage{name: raw}, nil
	}}
}

// run serves until ctx ends.
func (o *openwrt) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 2)
	go func() { done <- o.client.Run(ctx) }()
	go func() { done <- feed(ctx, os.Getenv, o.daemon.Alive, o.client.Call) }()
	for m := range o.daemon.Bus.Subscribe(ctx, smd.All) {
		if m.Lost == 0 {
			_ = o.client.Send("netmond."+m.Class.String(), m.Payload) // counted where it is lost
		}
	}
	cancel()
	return errors.Join(<-done, <-done)
}

// hotplug tells procd of messages until the last. It goes beside run, since a call
// waits for others to answer.
func (o *openwrt) hotplug(ctx context.Context) error {
	h := hotplug{call: o.client.Call, log: o.log}
	h.run(ctx, func(yield func(smd.Message) bool) {
		for m := range o.daemon.Bus.Subscribe(ctx, smd.Network|smd.System) {
			if !yield(m) || isLast(o.daemon, m) {
				return
			}
		}
	})
	return nil
}

// procdWatchdog is how often procd is told that the loop runs; the init script
// has it wait for three times as long.
const procdWatchdog = 10 * time.Second

// feed feeds procd's watchdog for this instance as long as alive says that the daemon
// makes progress. Without procd nobody answers, which is no error.
func feed(ctx context.Context, getenv func(string) string, alive func(context.Context) bool, call ubusCall) error {
	if getenv("NETMOND_PROCD") == "" { // set by the init script
		<-ctx.Done()
		return nil
	}
	ticker := time.NewTicker(procdWatchdog)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		cctx, cancel := context.WithTimeout(ctx, callTimeout)
		if alive(cctx) {
			_, _ = call(cctx, "service", "watchdog", map[string]any{"name": "netmond", "instance": "main"})
		}
		cancel()
	}
}
