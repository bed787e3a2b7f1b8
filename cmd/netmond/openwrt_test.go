package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/netmond/netmond/smd"

	"github.com/netmond/netmond/internal/daemon"
	"github.com/netmond/netmond/internal/log"
	"github.com/netmond/netmond/internal/ubus"
)

// netifd answers as OpenWrt's does; calls of procd's hotplug are noted by their
// environment, without NETMOND_CLASS and NETMOND_SEQ.
type netifd struct {
	calls [][]string
	err   error // of the dump
}

func (n *netifd) call(_ context.Context, object, method string, args any) (json.RawMessage, error) {
	switch object + " " + method {
	case "network.interface dump":
		return json.RawMessage(`{"interface":[
			{"interface":"loopback","device":"lo","l3_device":"lo"},
			{"interface":"wan6","device":"eth1","l3_device":"eth1"},
			{"interface":"wan","device":"eth1","l3_device":"eth1"},
			{"interface":"dsl","device":"eth2","l3_device":"pppoe-dsl"},
			{"interface":"down","device":"eth3"}]}`), n.err
	case "hotplug.netmond call":
		n.calls = append(n.calls, slices.DeleteFunc(args.(map[string]any)["env"].([]string), func(v string) bool {
			return strings.HasPrefix(v, "NETMOND_CLASS=") || strings.HasPrefix(v, "NETMOND_SEQ=")
		}))
		return nil, nil
	}
	return nil, fmt.Errorf("%s %s was called", object, method)
}

func (n *netifd) hear(payloads ...string) {
	h := hotplug{call: n.call, log: log.Discard{}}
	h.run(context.Background(), func(yield func(smd.Message) bool) {
		for i, p := range payloads {
			if !yield(smd.Message{Seq: uint64(i), Class: smd.Network, Payload: json.RawMessage(p)}) {
				return
			}
		}
	})
}

// TestHotplugEnvironment: what the scripts of /etc/hotplug.d/netmond get.
func TestHotplugEnvironment(t *testing.T) {
	for _, tc := range []struct {
		msg  string
		want []string // variables it has to have; nil where no script is run
	}{
		{`{"type":"cpd","result":"No internet","dev":"eth1"}`, []string{"ACTION=cpd-no-internet", "DEVICE=eth1", "INTERFACE=wan", "NETMOND_RESULT=No internet"}},
		{`{"type":"cpd","result":"Captive","dev":"pppoe-dsl","url":"http://a/"}`, []string{"ACTION=cpd-captive", "INTERFACE=dsl", "NETMOND_URL=http://a/"}},
		{`{"type":"link","dev":"eth3","up":true,"carrier":false}`, []string{"ACTION=link", "DEVICE=eth3", "INTERFACE=down", "NETMOND_CARRIER=false"}},
		{`{"type":"link","dev":"eth2","up":true,"carrier":true}`, []string{"ACTION=link", "DEVICE=eth2"}}, // netifd's interface is on top of it
		{`{"type":"flow","act":"would-close","reason":"no-route"}`, []string{"ACTION=flow-would-close"}},
		{`{"state":"OPERATIONAL"}`, []string{"ACTION=operational"}},
		{`{"rt":"del","dst":"default"}`, nil},
		{`{"trigger":"cpdcheck"}`, nil},
	} {
		n := new(netifd)
		n.hear(tc.msg)
		if tc.want == nil {
			if len(n.calls) > 0 {
				t.Errorf("%s: called with %q", tc.msg, n.calls)
			}
			continue
		}
		if len(n.calls) != 1 {
			t.Errorf("%s: %d calls", tc.msg, len(n.calls))
			continue
		}
		for _, v := range tc.want {
			if !slices.Contains(n.calls[0], v) {
				t.Errorf("%s: %q lacks %s", tc.msg, n.calls[0], v)
			}
		}
		if got := slices.ContainsFunc(n.calls[0], func(v string) bool { return strings.HasPrefix(v, "INTERFACE=") }); got != strings.Contains(strings.Join(tc.want, " "), "INTERFACE=") {
			t.Errorf("%s: %q", tc.msg, n.calls[0])
		}
	}
	n := &netifd{err: errors.New("busy")}
	n.hear(`{"type":"link","dev":"eth1"}`)
	if len(n.calls) != 1 {
		t.Errorf("without netifd: %d calls", len(n.calls))
	}
}

// TestUbusMethods: a list and a text come under the verb's name, an object as it is,
// and what no message holds is refused before it is all in memory.
func TestUbusMethods(t *testing.T) {
	given := 0
	verb := func(answer any, items ...any) smd.Verb {
		return smd.Verb{Run: func(_ context.Context, _ json.RawMessage, item func(any) error) (any, error) {
			given = 0
			for _, v := range items {
				if err := item(v); err != nil {
					return nil, err
				}
				given++
			}
			return answer, nil
		}}
	}
	for _, tc := range []struct {
		name string
		verb smd.Verb
		want string
	}{
		{"status", verb(map[string]int{"routes": 7}), `{"routes":7}`},
		{"metrics", verb("text\n"), `{"metrics":"text\n"}`},
		{"check", verb([]int{1}), `{"check":[1]}`},
		{"routes", verb(2, "a", "b"), `{"routes":["a","b"]}`},
		{"flows", verb(0), `{"flows":[]}`},
	} {
		got, err := method(tc.name, tc.verb).Serve(context.Background(), nil)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
		}
		if text, err := json.Marshal(got); err != nil || string(text) != tc.want {
			t.Errorf("%s = %s, %v, want %s", tc.name, text, err, tc.want)
		}
	}
	many := make([]any, 100)
	for i := range many {
		many[i] = strings.Repeat("r", ubus.MaxMessage/10)
	}
	if _, err := method("routes", verb(100, many...)).Serve(context.Background(), nil); err == nil || given > 10 {
		t.Errorf("routes beyond a message: %v after %d items", err, given)
	}
}

// TestSignaturesNameVerbs that there are.
func TestSignaturesNameVerbs(t *testing.T) {
	verbs := daemon.New(daemon.Deps{}).Verbs()
	for name := range signatures {
		if _, ok := verbs[name]; !ok {
			t.Errorf("no verb %s", name)
		}
	}
}
