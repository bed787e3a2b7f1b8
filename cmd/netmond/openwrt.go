package main

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/netmond/netmond/board"
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
	go func() { done <- o.watchdog(ctx) }()
	for m := range o.daemon.Bus.Subscribe(ctx, smd.All) {
		if m.Lost > 0 {
			continue
		}
		_ = o.client.Send("netmond."+m.Class.String(), m.Payload) // counted where it is lost
		if forHooks(m.Payload) {
			o.hotplug(ctx, m)
		}
	}
	cancel()
	return errors.Join(<-done, <-done)
}

// hotplug has procd run the scripts of /etc/hotplug.d/netmond. procd makes the
// object when the directory appears, so its want is no error.
func (o *openwrt) hotplug(ctx context.Context, m smd.Message) {
	env := board.Event{Class: m.Class.String(), Seq: m.Seq, Msg: m.Payload}.Env()
	var f struct{ Type, Dev, State, Act, Result string }
	if minijson.Unmarshal(m.Payload, &f) != nil {
		return
	}
	action := strings.ToLower(strings.ReplaceAll(strings.Join(slices.DeleteFunc([]string{f.Type, f.Act, f.Result, f.State}, func(s string) bool { return s == "" }), "-"), " ", "-"))
	env = append(env, "ACTION="+action)
	if f.Dev != "" {
		env = append(env, "DEVICE="+f.Dev)
		if name := o.logical(ctx, f.Dev); name != "" {
			env = append(env, "INTERFACE="+name)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := o.client.Call(ctx, "hotplug.netmond", "call", map[string]any{"env": env})
	if err != nil && !errors.Is(err, ubus.StatusNotFound) && !errors.Is(err, ubus.ErrNotConnected) {
		o.log.Debug("hotplug", "err", err)
	}
}

// callTimeout bounds a call of another's method: a dead one must not hold up the
// messages behind it.
const callTimeout = 2 * time.Second

// interfaces asks netifd, by a way to call methods, what it knows of its
// interfaces.
func interfaces(call func(ctx context.Context, object, method string, args any) (json.RawMessage, error)) func(context.Context) (json.RawMessage, error) {
	return func(ctx context.Context) (json.RawMessage, error) {
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		return call(ctx, "network.interface", "dump", nil)
	}
}

// askNetifd is interfaces without a connection that lasts.
func askNetifd(ctx context.Context) (json.RawMessage, error) {
	return interfaces(func(ctx context.Context, object, method string, args any) (json.RawMessage, error) {
		return ubus.Ask(ctx, ubus.DefaultPath, object, method, args)
	})(ctx)
}

// logical is netifd's name of the interface on a device, "wan" for "eth1"; of
// several the first by name.
func (o *openwrt) logical(ctx context.Context, dev string) string {
	raw, err := interfaces(o.client.Call)(ctx)
	if err != nil {
		return ""
	}
	var dump struct {
		Interface []struct {
			Interface string
			L3Device  string `json:"l3_device"`
			Device    string
		}
	}
	if minijson.Unmarshal(raw, &dump) != nil {
		return ""
	}
	names := make(map[string]bool)
	for _, i := range dump.Interface {
		if i.L3Device == dev || i.L3Device == "" && i.Device == dev {
			names[i.Interface] = true
		}
	}
	for _, n := range slices.Sorted(maps.Keys(names)) {
		return n
	}
	return ""
}

// procdWatchdog is how often procd is told that the loop runs; the init script
// has it wait for three times as long.
const procdWatchdog = 10 * time.Second

// watchdog feeds procd's watchdog for this instance as long as the loop makes
// progress. Without procd nobody answers, which is no error.
func (o *openwrt) watchdog(ctx context.Context) error {
	if os.Getenv("NETMOND_PROCD") == "" { // set by the init script
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
		if o.daemon.Alive(cctx) {
			_, _ = o.client.Call(cctx, "service", "watchdog", map[string]any{"name": "netmond", "instance": "main"})
		}
		cancel()
	}
}
