package ubus

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

// TestSession plays testdata/session.hex, which was recorded with ubusd itself.
func TestSession(t *testing.T) {
	f, err := os.Open("testdata/session.hex")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	type step struct {
		what, direction string
		bytes           []byte
	}
	var steps []step
	var comment string
	for in := bufio.NewScanner(f); in.Scan(); {
		line := in.Text()
		switch {
		case line == "":
		case line[0] == '#':
			comment = line[2:]
		default:
			b, err := hex.DecodeString(line[2:])
			if err != nil {
				t.Fatal(err)
			}
			if line[0] != ' ' {
				steps = append(steps, step{comment, line[:1], nil})
			}
			last := &steps[len(steps)-1]
			last.bytes = append(last.bytes, b...)
		}
	}
	if len(steps) != 15 {
		t.Fatalf("%d steps, want 15", len(steps))
	}

	bus := newBus(t)
	c := bus.run(func(c *Client) {
		c.Object = "netmond"
		c.Methods = map[string]Method{
			"status": {Serve: func(_ context.Context, args json.RawMessage) (any, error) {
				return json.RawMessage(`{"args":` + string(args) + `,"big":1099511627776,"f":1.5,"l":[1,"x",null,true,{"a":[]}],"n":-5}`), nil
			}},
			"lookup": {
				Args:  []Arg{{"dst", String}, {"mark", Int32}},
				Serve: func(context.Context, json.RawMessage) (any, error) { return nil, StatusNoData },
			},
			"fail": {Serve: func(context.Context, json.RawMessage) (any, error) { return nil, errors.New("broken") }},
		}
	})
	p := bus.acceptSilently()
	for _, s := range steps {
		if s.direction == "<" {
			p.sendRaw(s.bytes)
			continue
		}
		if strings.HasPrefix(s.what, "event") {
			if err := c.Send("netmond.network", json.RawMessage(`{"rt":"add","dst":"default"}`)); err != nil {
				t.Fatal(err)
			}
		}
		got := make([]byte, len(s.bytes))
		if _, err := io.ReadFull(p.r, got); err != nil {
			t.Fatalf("%s: %v", s.what, err)
		}
		if string(got) != string(s.bytes) {
			t.Fatalf("%s\n got %x\nwant %x", s.what, got, s.bytes)
		}
	}
}

func TestRestart(t *testing.T) {
	bus := newBus(t)
	var log logLines
	c := bus.run(func(c *Client) { c.Object, c.Log = "netmond", log.logger() })
	for range 3 {
		p := bus.accept()
		p.publish()
		done := goCall(c, "service", "x", nil)
		p.receive(msgLookup)
		bus.l.Close()
		p.Close()
		(<-done).check(t, "", ErrNotConnected)
		// Without ubusd, calls fail at once and events are lost.
		(<-goCall(c, "service", "x", nil)).check(t, "", ErrNotConnected)
		before := c.Lost()
		if err := c.Send("netmond.network", nil); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(patience); c.Lost() == before; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("an event without ubusd is not counted as lost")
			}
		}
		bus.listen()
	}
	bus.accept().publish()
	if n := log.count("ubus lost"); n != 3 {
		t.Errorf("%d lines say that ubusd was lost, want 3, one for each time", n)
	}
}

func TestRefusedObjectIsOfferedAgain(t *testing.T) {
	bus := newBus(t)
	var log logLines
	served := make(chan struct{}, 1)
	bus.run(func(c *Client) {
		c.Object, c.Log = "netmond", log.logger()
		c.Methods = map[string]Method{"status": {Serve: func(context.Context, json.RawMessage) (any, error) {
			served <- struct{}{}
			return nil, nil
		}}}
	})
	p := bus.accept()
	for range 4 {
		m, _ := p.receive(msgAddObject)
		p.send(msgStatus, m.seq, m.peer, u32(attrStatus, uint32(StatusInvalidArgument)))
	}
	p.publish()
	p.send(msgInvoke, 1, 9, u32(attrObjID, 77), str(attrMethod, "status"), table(`{}`))
	if m, _ := p.receive(msgStatus); m.status != StatusOK {
		t.Errorf("status %v", m.status)
	}
	<-served
	if refused, published := log.count("ubus object refused"), log.count("ubus object published"); refused != 1 || published != 1 {
		t.Errorf("log: %d times refused, %d published, want 1 each", refused, published)
	}
}
