package ubus

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestCall(t *testing.T) {
	bus := newBus(t)
	c := bus.run(nil)
	p := bus.accept()
	// netifd's answer to network.interface dump, and the watchdog's, which is none.
	for _, tt := range []struct{ object, method, args, answer string }{
		{"network.interface", "dump", `{}`, `{"interface":[{"interface":"wan","up":true,"l3_device":"eth1"}]}`},
		{"hotplug.netmond", "call", `{"env":["ACTION=portal","DEVICE=eth1","INTERFACE=wan"]}`, ``},
		{"service", "watchdog", `{"name":"netmond","instance":"main"}`, `{}`},
	} {
		done := goCall(c, tt.object, tt.method, json.RawMessage(tt.args))
		p.lookedUp(tt.object, 5000)
		m, attrs := p.receive(msgInvoke)
		args, err := Decode(m.data)
		if m.peer != 5000 || m.objID != 5000 || attrs[attrMethod] != tt.method+"\x00" || string(args) != tt.args {
			t.Errorf("client invokes %q of %d on peer %d with %s, %v, want %s of 5000 with %s", attrs[attrMethod], m.objID, m.peer, args, err, tt.method, tt.args)
		}
		if tt.answer != "" {
			p.send(msgData, m.seq, m.peer, u32(attrObjID, 5000), table(tt.answer))
		}
		p.send(msgStatus, m.seq, m.peer, u32(attrStatus, 0), u32(attrObjID, 5000))
		(<-done).check(t, tt.answer, nil)
	}
}

func TestCallRefused(t *testing.T) {
	bus := newBus(t)
	c := bus.run(nil)
	p := bus.accept()

	done := goCall(c, "nobody", "x", nil)
	m, _ := p.receive(msgLookup)
	p.send(msgStatus, m.seq, 0, u32(attrStatus, 4))
	o := <-done
	o.check(t, "", StatusNotFound)
	if got, want := o.err.Error(), "ubus: call nobody x: ubus: not found"; got != want {
		t.Errorf("error = %s, want %s", got, want)
	}

	done = goCall(c, "hidden", "x", nil)
	m, _ = p.receive(msgLookup)
	p.send(msgStatus, m.seq, 0, u32(attrStatus, 0))
	(<-done).check(t, "", StatusNotFound)

	for _, status := range []Status{StatusInvalidArgument, StatusMethodNotFound, StatusPermissionDenied, StatusTimeout, 99} {
		done = goCall(c, "service", "x", nil)
		p.lookedUp("service", 5000)
		m, _ = p.receive(msgInvoke)
		p.send(msgData, m.seq, m.peer, table(`{"a":1}`))
		p.send(msgStatus, m.seq, m.peer, u32(attrStatus, uint32(status)))
		(<-done).check(t, "", status)
	}

	done = goCall(c, "service", "x", nil)
	p.lookedUp("service", 5000)
	m, _ = p.receive(msgInvoke)
	p.send(msgData, m.seq, m.peer, raw(attrData, "\x85\x00\x00\x04"))
	p.send(msgStatus, m.seq, m.peer, u32(attrStatus, 0))
	(<-done).check(t, "", errMalformed)
}

func TestCallArguments(t *testing.T) {
	c := New("/nowhere")
	ctx := context.Background()
	for _, tt := range []struct {
		object, method string
		args           any
		want           string
	}{
		{"", "x", nil, `ubus: "" names no object and no method`},
		{"x", "", nil, `ubus: "" names no object and no method`},
		{"a\x00b", "x", nil, `ubus: "a\x00b" names no object`},
		{strings.Repeat("x", 256), "x", nil, `ubus: "xxx`},
		{"x", "x", []int{}, `ubus: encode: "[]" is not an object`},
	} {
		if _, err := c.Call(ctx, tt.object, tt.method, tt.args); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("Call(%.9q, %.9q) = %v, want %s...", tt.object, tt.method, err, tt.want)
		}
	}
}

// TestOthersCannotAnswer has another client of the bus send DATA and STATUS with every
// number there is; ubusd gives them the number of that client's object.
func TestOthersCannotAnswer(t *testing.T) {
	bus := newBus(t)
	c := bus.run(nil)
	p := bus.accept()
	done := goCall(c, "service", "x", nil)
	forge := func() {
		for seq := range uint16(8) {
			p.send(msgData, seq, 666, u32(attrObjID, 666), table(`{"forged":true}`))
			p.send(msgStatus, seq, 666, u32(attrStatus, 0), u32(attrObjID, 666))
		}
	}
	forge()
	p.lookedUp("service", 5000)
	m, _ := p.receive(msgInvoke)
	forge()
	p.send(msgStatus, m.seq, m.peer, u32(attrObjID, 5000)) // no status in it
	p.send(msgData, m.seq, m.peer, u32(attrObjID, 5000), table(`{"forged":false}`))
	p.send(msgStatus, m.seq, m.peer, u32(attrStatus, 0), u32(attrObjID, 5000))
	(<-done).check(t, `{"forged":false}`, nil)
}

func TestCallEndsWithItsContext(t *testing.T) {
	bus := newBus(t)
	c := bus.run(nil)
	p := bus.accept()
	// More than may be under way at once: those that were given up do not count.
	for range 2 * maxCalls {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() {
			_, err := c.Call(ctx, "service", "x", nil)
			done <- err
		}()
		p.receive(msgLookup)
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Fatalf("Call = %v, want %v", err, context.Canceled)
		}
	}
	done := goCall(c, "service", "x", nil)
	p.lookedUp("service", 5000)
	m, _ := p.receive(msgInvoke)
	p.send(msgStatus, m.seq, m.peer, u32(attrStatus, 0))
	(<-done).check(t, "", nil)
}

func TestTooManyCalls(t *testing.T) {
	bus := newBus(t)
	c := bus.run(nil)
	p := bus.accept()
	var under []<-chan outcome
	for range maxCalls + 1 {
		under = append(under, goCall(c, "service", "x", nil))
		p.receive(msgLookup)
	}
	if o := <-goCall(c, "service", "x", nil); o.err == nil || !strings.Contains(o.err.Error(), "too many calls") {
		t.Errorf("one call too many = %v", o.err)
	}
	p.Close()
	for _, done := range under {
		(<-done).check(t, "", ErrNotConnected)
	}
}

func TestRunError(t *testing.T) {
	serve := func(context.Context, json.RawMessage) (any, error) { return nil, nil }
	for _, tt := range []struct {
		object, method, arg, want string
	}{
		{"a\x00b", "m", "a", `ubus: "a\x00b" names no object`},
		{strings.Repeat("x", 256), "m", "a", `ubus: "xxx`},
		{"netmond", "m\x00", "a", `ubus: encode: "m\x00" cannot be a name`},
		{"netmond", "m", "a\x00", `ubus: encode: "a\x00" cannot be a name in method m`},
	} {
		c := New("/nowhere")
		c.Object, c.Methods = tt.object, map[string]Method{tt.method: {Args: []Arg{{tt.arg, String}}, Serve: serve}}
		if err := c.Run(context.Background()); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("Run = %v, want %s...", err, tt.want)
		}
	}
}

func TestStatusString(t *testing.T) {
	for s, want := range map[Status]string{StatusOK: "ok", StatusPermissionDenied: "permission denied", StatusSystemError: "system error", 14: "status 14", 1 << 31: "status 2147483648"} {
		if s.String() != want || s.Error() != "ubus: "+want {
			t.Errorf("Status(%d) = %v, %s, want %s", uint32(s), s, s.Error(), want)
		}
	}
}
