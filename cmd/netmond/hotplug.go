package main

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/netmond/netmond/board"
	"github.com/netmond/netmond/smd"

	"github.com/netmond/netmond/internal/log"
	"github.com/netmond/netmond/internal/minijson"
	"github.com/netmond/netmond/internal/ubus"
)

// ubusCall invokes a method of an object on OpenWrt's bus (ubus.Client.Call).
type ubusCall func(ctx context.Context, object, method string, args any) (json.RawMessage, error)

// callTimeout bounds a call of another's method: a dead one must not hold up the
// messages behind it.
const callTimeout = 2 * time.Second

// hotplug has procd run the scripts of /etc/hotplug.d/netmond. For one goroutine.
//
// procd answers a call at once and starts a shell for each, all at the same time. An
// uplink that is lost with a thousand connections must not be a thousand shells,
// which is more than a router has memory for: of each type of message some are passed on
// at once, then one now and again, with NETMOND_LOST saying how many were not.
type hotplug struct {
	call ubusCall
	log  log.Logger
	due  map[string]*allowance // by type of message
}

// An allowance is full at first.
type allowance struct {
	spent int       // of hotplugBurst
	since time.Time // when one of them was last given back
	lost  uint64
}

const (
	// hotplugBurst is more than the uplinks of a router come to.
	hotplugBurst = 16

	// hotplugEvery is about what a shell takes on a slow one.
	hotplugEvery = 250 * time.Millisecond
)

// take reports whether one more may go now.
func (a *allowance) take(now time.Time) bool {
	if back := int(now.Sub(a.since) / hotplugEvery); back >= a.spent {
		a.spent, a.since = 0, now
	} else {
		a.spent -= back
		a.since = a.since.Add(time.Duration(back) * hotplugEvery)
	}
	if a.spent == hotplugBurst {
		a.lost++
		return false
	}
	a.spent++
	return true
}

// run tells procd of messages until there are no more.
func (h *hotplug) run(ctx context.Context, messages iter.Seq[smd.Message]) {
	h.due = make(map[string]*allowance)
	for m := range messages {
		if m.Lost == 0 && forHooks(m.Payload) {
			h.tell(ctx, m)
		}
	}
}

// tell makes the call for one message. procd makes the object when the directory
// appears, so its want is no error.
func (h *hotplug) tell(ctx context.Context, m smd.Message) {
	var f struct{ Type, Dev, State, Act, Result string }
	if minijson.Unmarshal(m.Payload, &f) != nil {
		return
	}
	a := h.due[f.Type]
	if a == nil {
		a = new(allowance)
		h.due[f.Type] = a
	}
	if !a.take(time.Now()) {
		return
	}
	env := board.Event{Class: m.Class.String(), Seq: m.Seq, Msg: m.Payload}.Env()
	if a.lost > 0 {
		env = append(env, "NETMOND_LOST="+strconv.FormatUint(a.lost, 10))
		a.lost = 0
	}
	words := slices.DeleteFunc([]string{f.Type, f.Act, f.Result, f.State}, func(s string) bool { return s == "" })
	env = append(env, "ACTION="+strings.ToLower(strings.ReplaceAll(strings.Join(words, "-"), " ", "-")))
	if f.Dev != "" {
		env = append(env, "DEVICE="+f.Dev)
		if name := h.logical(ctx, f.Dev); name != "" {
			env = append(env, "INTERFACE="+name)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := h.call(ctx, "hotplug.netmond", "call", map[string]any{"env": env})
	if err != nil && !errors.Is(err, ubus.StatusNotFound) && !errors.Is(err, ubus.ErrNotConnected) {
		h.log.Debug("hotplug", "err", err)
	}
}

// logical is netifd's name of the interface on a device, "wan" for "eth1"; of
// several the first by name.
func (h *hotplug) logical(ctx context.Context, dev string) string {
	raw, err := interfaces(h.call)(ctx)
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

// interfaces asks netifd what it knows of its interfaces.
func interfaces(call ubusCall) func(context.Context) (json.RawMessage, error) {
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
