package ubus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestServe(t *testing.T) {
	bus := newBus(t)
	bus.run(func(c *Client) {
		c.Object = "netmond"
		c.Methods = map[string]Method{
			"echo": {Serve: func(_ context.Context, args json.RawMessage) (any, error) { return args, nil }},
			"none": {Serve: func(context.Context, json.RawMessage) (any, error) { return nil, nil }},
			"code": {Serve: func(context.Context, json.RawMessage) (any, error) {
				return nil, fmt.Errorf("why: %w", StatusPermissionDenied)
			}},
			"fail": {Serve: func(context.Context, json.RawMessage) (any, error) { return nil, errors.New("broken") }},
			"list": {Serve: func(context.Context, json.RawMessage) (any, error) { return []int{1}, nil }},
			"large": {Serve: func(context.Context, json.RawMessage) (any, error) {
				return map[string]string{"a": strings.Repeat("x", MaxMessage)}, nil
			}},
		}
	})
	p := bus.accept()
	p.publish()
	for i, tt := range []struct {
		name  string
		attrs []sent
		data  string // of DATA; empty expects none
		want  Status
	}{
		{"echo", []sent{u32(attrObjID, 77), str(attrMethod, "echo"), table(`{"a":[1,null]}`)}, `{"a":[1,null]}`, StatusOK},
		{"echo-nothing", []sent{u32(attrObjID, 77), str(attrMethod, "echo"), table(`{}`)}, `{}`, StatusOK},
		{"with-user", []sent{u32(attrObjID, 77), str(attrMethod, "echo"), str(12, "root"), str(13, "root"), table(`{}`)}, `{}`, StatusOK},
		{"unknown-attribute", []sent{raw(99, "x"), u32(attrObjID, 77), str(attrMethod, "echo"), table(`{}`)}, `{}`, StatusOK},
		{"bare-status", []sent{u32(attrObjID, 77), str(attrMethod, "none"), table(`{}`)}, ``, StatusOK},
		{"status-as-error", []sent{u32(attrObjID, 77), str(attrMethod, "code"), table(`{}`)}, ``, StatusPermissionDenied},
		{"error", []sent{u32(attrObjID, 77), str(attrMethod, "fail"), table(`{}`)}, ``, StatusUnknownError},
		{"result-not-an-object", []sent{u32(attrObjID, 77), str(attrMethod, "list"), table(`{}`)}, ``, StatusUnknownError},
		{"result-too-large", []sent{u32(attrObjID, 77), str(attrMethod, "large"), table(`{}`)}, ``, StatusUnknownError},
		{"unknown-method", []sent{u32(attrObjID, 77), str(attrMethod, "reboot"), table(`{}`)}, ``, StatusMethodNotFound},
		{"no-method", []sent{u32(attrObjID, 77), table(`{}`)}, ``, StatusInvalidArgument},
		{"method-without-nul", []sent{u32(attrObjID, 77), raw(attrMethod, "echo"), table(`{}`)}, ``, StatusInvalidArgument},
		{"no-data", []sent{u32(attrObjID, 77), str(attrMethod, "echo")}, ``, StatusInvalidArgument},
		{"malformed-data", []sent{u32(attrObjID, 77), str(attrMethod, "echo"), raw(attrData, "\x85\x00\x00\xff")}, ``, StatusInvalidArgument},
		{"another-object", []sent{u32(attrObjID, 78), str(attrMethod, "echo"), table(`{}`)}, ``, StatusNotFound},
	} {
		t.Run(tt.name, func(t *testing.T) {
			seq, peer := uint16(1000+i), uint32(42+i)
			p.send(msgInvoke, seq, peer, tt.attrs...)
			if tt.data != "" {
				m, attrs := p.receive(msgData)
				data, err := Decode(m.data)
				if m.seq != seq || m.peer != peer || m.objID != 77 || string(data) != tt.data {
					t.Errorf("DATA %s, %v of %q to %d/%d, want %s to %d/%d", data, err, attrs, m.peer, m.seq, tt.data, peer, seq)
				}
			}
			m, attrs := p.receive(msgStatus)
			if m.seq != seq || m.peer != peer || attrs[attrObjID] == "" || m.status != tt.want {
				t.Errorf("STATUS %v with %q to %d/%d, want %v to %d/%d", m.status, attrs, m.peer, m.seq, tt.want, peer, seq)
			}
		})
	}

	// What there is no answer to: no object, no reply wanted, messages for subscribers.
	p.send(msgInvoke, 1, 2, str(attrMethod, "echo"), table(`{}`))
	p.send(msgInvoke, 1, 2, u32(attrObjID, 77), str(attrMethod, "echo"), table(`{}`), raw(attrNoReply, "\x01"))
	p.send(10, 1, 2, u32(attrObjID, 77), raw(8, "\x01"))
	p.send(msgInvoke, 3, 2, u32(attrObjID, 77), str(attrMethod, "none"), table(`{}`))
	if m, _ := p.receive(msgStatus); m.seq != 3 {
		t.Errorf("answer to %d, want 3", m.seq)
	}
}

func TestServeIsBounded(t *testing.T) {
	bus := newBus(t)
	release := make(chan struct{})
	ended := make(chan error, 2*maxServed)
	bus.run(func(c *Client) {
		c.Object = "netmond"
		c.Methods = map[string]Method{"wait": {Serve: func(ctx context.Context, _ json.RawMessage) (any, error) {
			select {
			case <-release:
			case <-ctx.Done():
				ended <- ctx.Err()
			}
			return nil, nil
		}}}
	})
	p := bus.accept()
	p.publish()
	invoke := func(seq uint16) {
		p.send(msgInvoke, seq, 9, u32(attrObjID, 77), str(attrMethod, "wait"), table(`{}`))
	}
	for seq := range uint16(maxServed + 1) {
		invoke(seq)
	}
	if m, _ := p.receive(msgStatus); m.seq != maxServed || m.status != StatusSystemError {
		t.Errorf("invocation %d: %v, want %d: %v", m.seq, m.status, maxServed, StatusSystemError)
	}
	close(release)
	answered := make(map[uint16]bool)
	for range maxServed {
		m, _ := p.receive(msgStatus)
		answered[m.seq] = m.status == StatusOK
	}
	if len(answered) != maxServed {
		t.Errorf("%d invocations answered, want %d", len(answered), maxServed)
	}
	invoke(100)
	if m, _ := p.receive(msgStatus); m.seq != 100 || m.status != StatusOK {
		t.Errorf("invocation %d: %v, want 100: ok", m.seq, m.status)
	}
	if len(ended) != 0 {
		t.Errorf("a method's context ended: %v", <-ended)
	}
}

func TestServeEndsWithTheConnection(t *testing.T) {
	bus := newBus(t)
	begun, ended := make(chan struct{}), make(chan error)
	bus.run(func(c *Client) {
		c.Object = "netmond"
		c.Methods = map[string]Method{"wait": {Serve: func(ctx context.Context, _ json.RawMessage) (any, error) {
			begun <- struct{}{}
			<-ctx.Done()
			ended <- ctx.Err()
			return nil, nil
		}}}
	})
	p := bus.accept()
	p.publish()
	p.send(msgInvoke, 1, 9, u32(attrObjID, 77), str(attrMethod, "wait"), table(`{}`))
	<-begun
	p.Close()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("context of the method: %v, want %v", err, context.Canceled)
	}
	bus.accept().publish()
}
