//go:build linux

package kernel

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

// bus is a client that follows the bus by `netmond events -json`.
type bus struct {
	*process
	log   []message // all that was read since the last forget
	lossy bool      // gaps are no failure of the test
}

// message is a line of the bus.
type message struct {
	Seq      uint64
	TS       uint64
	Class    string
	Msg      json.RawMessage
	Lost     uint64
	Epoch    string
	Snapshot json.RawMessage

	payload
}

// payload holds the keys of all messages.
type payload struct {
	RT      string
	Dst     string
	Gw      string
	Dev     string
	Table   uint32
	Metric  uint32
	Implied bool

	Trigger, Src string

	Type                             string
	Up, Carrier                      bool
	Act, Proto, Local, Remote        string
	Reason, Was, Result, URL, Detail string
	Family                           string
	State                            string
}

// next reads the next message.
func (b *bus) next(t testing.TB) message {
	t.Helper()
	var m message
	text := b.line(t)
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatalf("the bus said %q: %v", text, err)
	}
	if m.Lost > 0 && !b.lossy {
		t.Fatalf("the bus lost %d messages for a reader that keeps up", m.Lost)
	}
	if m.Snapshot == nil && m.Lost == 0 {
		if err := json.Unmarshal(m.Msg, &m.payload); err != nil {
			t.Fatalf("the bus said %q: %v", text, err)
		}
	}
	b.log = append(b.log, m)
	return m
}

// await returns the first message since the last forget that is as wanted, and
// waits for it where it has not come yet.
func (b *bus) await(t testing.TB, what string, wanted func(payload) bool) message {
	t.Helper()
	for i := 0; ; i++ {
		if i == len(b.log) {
			select {
			case <-b.done:
				t.Fatalf("the bus ended before %s: %v", what, b.err)
			default:
			}
			b.next(t)
		}
		if wanted(b.log[i].payload) {
			return b.log[i]
		}
	}
}

// forget drops what was read.
func (b *bus) forget() { b.log = nil }

// mark publishes a message of a class that the daemon does not, and waits until it
// comes back: everything that was published before has been read then.
func (b *bus) mark(t testing.TB) {
	t.Helper()
	name := fmt.Sprintf("mark-%d", time.Now().UnixNano())
	command(t, 0, "send", "user24", `{"state":"`+name+`"}`)
	b.await(t, name, func(m payload) bool { return m.State == name })
}

// all returns the messages that were read since the last forget and are as
// wanted, their payloads in words.
func (b *bus) all(wanted func(payload) bool) []string {
	var out []string
	for _, m := range b.log {
		if wanted(m.payload) {
			out = append(out, string(m.Msg))
		}
	}
	return out
}

// flow waits for the message that w was closed, or would be.
func (b *bus) flow(t testing.TB, w *wire) payload {
	t.Helper()
	return b.await(t, "a message about "+w.local.String(), func(m payload) bool {
		return m.Type == "flow" && m.Local == w.local.String() && m.Remote == w.remote.String()
	}).payload
}
