package ubus

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const patience = 10 * time.Second

// A fakeBus is ubusd's side of the protocol, played step by step by the test.
type fakeBus struct {
	*testing.T
	path string
	l    *net.UnixListener
}

func newBus(t *testing.T) *fakeBus {
	t.Helper()
	b := &fakeBus{T: t, path: filepath.Join(t.TempDir(), "ubus.sock")}
	b.listen()
	t.Cleanup(func() { b.l.Close() })
	return b
}

func (b *fakeBus) listen() {
	b.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: b.path})
	if err != nil {
		b.Fatal(err)
	}
	b.l = l
}

// run starts a client of b, with what configure sets, and ends it with the test.
func (b *fakeBus) run(configure func(*Client)) *Client {
	b.Helper()
	c := New(b.path)
	c.minWait, c.maxWait = 2*time.Millisecond, 20*time.Millisecond
	if configure != nil {
		configure(c)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				b.Errorf("Run = %v", err)
			}
		case <-time.After(patience):
			b.Error("Run does not end")
		}
	})
	return c
}

// A fakeConn is ubusd's end of one connection.
type fakeConn struct {
	*testing.T
	net.Conn
	r *bufio.Reader
}

// accept waits for the client and greets it.
func (b *fakeBus) accept() *fakeConn {
	b.Helper()
	p := b.acceptSilently()
	p.send(msgHello, 0, 0xca06acac)
	return p
}

func (b *fakeBus) acceptSilently() *fakeConn {
	b.Helper()
	b.l.SetDeadline(time.Now().Add(patience))
	conn, err := b.l.Accept()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	return &fakeConn{b.T, conn, bufio.NewReader(conn)}
}

// An attribute of a message to send.
type sent func([]byte) []byte

func u32(id uint8, v uint32) sent {
	return func(b []byte) []byte { return appendUint32Attr(b, id, v) }
}

func str(id uint8, s string) sent {
	return func(b []byte) []byte { return appendStringAttr(b, id, s) }
}

func table(object string) sent {
	return func(b []byte) []byte {
		fields, err := Encode(json.RawMessage(object))
		if err != nil {
			panic(err)
		}
		return appendNestedAttr(b, attrData, fields)
	}
}

func raw(id uint8, payload string) sent {
	return func(b []byte) []byte { return appendNestedAttr(b, id, []byte(payload)) }
}

func (p *fakeConn) send(t messageType, seq uint16, peer uint32, attrs ...sent) {
	p.Helper()
	p.sendRaw(newMessage(t, seq, peer, func(b []byte) []byte {
		for _, a := range attrs {
			b = a(b)
		}
		return b
	}))
}

func (p *fakeConn) sendRaw(b []byte) {
	p.Helper()
	if _, err := p.Write(b); err != nil {
		p.Fatal(err)
	}
}

// receive returns the client's next message with its attributes by number.
func (p *fakeConn) receive(want messageType) (*message, map[uint8]string) {
	p.Helper()
	head, err := p.r.Peek(messageHeader + attrHeader)
	if err != nil {
		p.Fatalf("waiting for message %d: %v", want, err)
	}
	n := messageHeader + int(binary.BigEndian.Uint32(head[messageHeader:])&attrLength)
	whole, err := p.r.Peek(n)
	if err != nil {
		p.Fatal(err)
	}
	attrs := make(map[uint8]string)
	for rest := whole[messageHeader+attrHeader:]; len(rest) > 0; {
		var a attr
		if a, rest, err = cutAttr(rest); err != nil {
			p.Fatalf("client sent %x: %v", whole, err)
		}
		attrs[a.id] = string(a.payload)
	}
	m, err := readMessage(p.r)
	if err != nil {
		p.Fatal(err)
	}
	if m.typ != want {
		p.Fatalf("client sent message %d with %q, want %d", m.typ, attrs, want)
	}
	return m, attrs
}

// publish takes the client's object and calls it 77.
func (p *fakeConn) publish() {
	p.Helper()
	m, attrs := p.receive(msgAddObject)
	if got := attrs[attrObjPath]; got != "netmond\x00" {
		p.Errorf("client publishes %q, want netmond", got)
	}
	p.send(msgData, m.seq, m.peer, u32(attrObjID, 77), u32(5, 99))
	p.send(msgStatus, m.seq, m.peer, u32(attrStatus, 0))
}

// lookedUp answers the client's next lookup.
func (p *fakeConn) lookedUp(object string, id uint32) {
	p.Helper()
	m, attrs := p.receive(msgLookup)
	if got := attrs[attrObjPath]; got != object+"\x00" || m.peer != 0 {
		p.Errorf("client looks up %q of peer %d, want %s of 0", got, m.peer, object)
	}
	p.send(msgData, m.seq, 0, str(attrObjPath, object), u32(attrObjID, id))
	p.send(msgStatus, m.seq, 0, u32(attrStatus, 0))
}

// outcome is what a Call returned.
type outcome struct {
	data string
	err  error
}

func goCall(c *Client, object, method string, args any) <-chan outcome {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	done := make(chan outcome, 1)
	go func() {
		defer cancel()
		data, err := c.Call(ctx, object, method, args)
		done <- outcome{string(data), err}
	}()
	return done
}

func (o outcome) check(t *testing.T, data string, err error) {
	t.Helper()
	if o.data != data || !errors.Is(o.err, err) {
		t.Errorf("Call = %s, %v, want %s, %v", o.data, o.err, data, err)
	}
}

// logLines collects a log.
type logLines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logLines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logLines) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), text)
}

func (l *logLines) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }
