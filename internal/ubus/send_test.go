package ubus

import (
	"encoding/json"
	"errors"
	"testing"
)

func TestSend(t *testing.T) {
	bus := newBus(t)
	var log logLines
	c := bus.run(func(c *Client) { c.Log = log.logger() })
	p := bus.accept()
	for _, tt := range []struct{ data, want string }{
		{`{"rt":"add"}`, `{"id":"netmond.network","data":{"rt":"add"}}`},
		{``, `{"id":"netmond.network","data":{}}`},
	} {
		var data json.RawMessage
		if tt.data != "" {
			data = json.RawMessage(tt.data)
		}
		if err := c.Send("netmond.network", data); err != nil {
			t.Fatal(err)
		}
		m, attrs := p.receive(msgInvoke)
		got, err := Decode(m.data)
		if string(got) != tt.want || m.objID != 1 || m.peer != 1 || attrs[attrMethod] != "send\x00" {
			t.Errorf("client sends %s, %v to %d, want %s to 1", got, err, m.objID, tt.want)
		}
		// A user without ACL is refused every time, and the log says it once.
		p.send(msgStatus, m.seq, m.peer, u32(attrStatus, uint32(StatusPermissionDenied)))
	}
	for _, data := range []string{`[1]`, `{"a"`, `null`, `{"a":"\u0000"}`} {
		if err := c.Send("x", json.RawMessage(data)); err == nil || errors.Is(err, ErrLost) {
			t.Errorf("Send(%s) = %v, want an error of its own", data, err)
		}
	}
	(<-callNobody(c, p)).check(t, "", StatusNotFound) // all before has been read
	if n := log.count("ubus events refused"); n != 1 {
		t.Errorf("%d lines say that events are refused, want 1", n)
	}
	if c.Lost() != 0 {
		t.Errorf("Lost() = %d", c.Lost())
	}
}

func callNobody(c *Client, p *fakeConn) <-chan outcome {
	done := goCall(c, "nobody", "x", nil)
	m, _ := p.receive(msgLookup)
	p.send(msgStatus, m.seq, 0, u32(attrStatus, 4))
	return done
}

func TestSendNeverBlocks(t *testing.T) {
	c := New("/nowhere") // not running
	for i := range maxEvents + 3 {
		err := c.Send("x", nil)
		if lost := i >= maxEvents; errors.Is(err, ErrLost) != lost || err != nil && !lost {
			t.Fatalf("Send %d = %v", i, err)
		}
	}
	if c.Lost() != 3 {
		t.Errorf("Lost() = %d, want 3", c.Lost())
	}
}
