package smd

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"time"
)

const (
	// writeTimeout cuts a client that reads nothing for so long while there is
	// something to read. It frees what a dead consumer holds; a live one that
	// was stopped for longer reconnects from its last number.
	writeTimeout = 10 * time.Second

	// lastWords is the same once the server ends: the daemon has a second to
	// stop.
	lastWords = 250 * time.Millisecond

	// flushSize is how many bytes are collected for one write.
	flushSize = 4 << 10
)

// session is one client and its connection. For one goroutine, which is the one
// that runs it.
type session struct {
	*server
	ctx  context.Context // the server's
	conn *net.UnixConn
	peer peer
	in   *bufio.Reader
	out  []byte // lines not yet written
}

// session serves the client of conn until it leaves, is cut, or ctx ends.
func (s *server) session(ctx context.Context, conn *net.UnixConn, p peer) {
	defer conn.Close()
	conn.SetWriteBuffer(sendBuffer)
	c := &session{server: s, ctx: ctx, conn: conn, peer: p, in: bufio.NewReader(conn)}
	defer context.AfterFunc(ctx, func() {
		conn.CloseRead() // ends all waiting for input, for good
		conn.SetWriteDeadline(time.Now().Add(lastWords))
	})()
	for {
		line, err := readLine(c.in, maxRequest)
		if err == errTooLong {
			c.fail(nil, err)
			return
		}
		if err != nil || ctx.Err() != nil {
			return
		}
		if len(strings.TrimSpace(string(line))) == 0 {
			continue
		}
		r, err := parseRequest(line)
		if err != nil {
			if c.fail(r.ID, err) != nil || err == errNotJSON {
				return
			}
			continue
		}
		if c.answer(r, line) != nil {
			return
		}
	}
}

// answer answers one request. An error ends the session: the client is gone, or
// it had its events.
func (c *session) answer(r request, line []byte) error {
	switch verb, ok := c.Verbs[r.Do]; {
	case r.Do == "events":
		return c.events(r)
	case r.Do == "send":
		return c.send(r)
	case !ok:
		names := slices.Sorted(maps.Keys(c.Verbs))
		names = append(names, "events", "send")
		return c.fail(r.ID, fmt.Errorf("smd: do %.32q: want one of %s", r.Do, strings.Join(names, ", ")))
	default:
		return c.run(r, line, verb)
	}
}

// run answers a request with a verb.
func (c *session) run(r request, line []byte, verb Verb) error {
	if verb.Costly {
		if wait, ok := c.costs.take(c.peer.uid, time.Now()); !ok {
			return c.fail(r.ID, fmt.Errorf("smd: %s: too many requests of user %d: wait %v", r.Do, c.peer.uid, wait.Round(time.Millisecond)))
		}
	}
	ctx, stop := c.present()
	defer stop()
	item := func(v any) error {
		p, err := marshal(v)
		if err != nil {
			return fmt.Errorf("smd: %s: %w", r.Do, err)
		}
		c.out = appendAnswer(c.out, r.ID, "item", p)
		return c.flushFull()
	}
	v, err := verb.Run(ctx, json.RawMessage(line), item)
	if err != nil {
		return c.fail(r.ID, err)
	}
	p, err := marshal(v)
	if err != nil {
		return c.fail(r.ID, fmt.Errorf("smd: %s: %w", r.Do, err))
	}
	c.out = appendAnswer(c.out, r.ID, "ok", p)
	return c.flush()
}

// send publishes a client's message.
func (c *session) send(r request) error {
	if err := c.maySend(c.conn, c.peer); err != nil {
		return c.fail(r.ID, err)
	}
	p, err := parsePayload(r.Msg)
	if err == nil {
		err = c.Bus.Publish(Class(r.Class), p)
	}
	if err != nil {
		return c.fail(r.ID, err)
	}
	if c.Sent != nil {
		c.Sent(Class(r.Class), p)
	}
	c.out = appendAnswer(c.out, r.ID, "ok", []byte("true"))
	return c.flush()
}

// present returns a context that ends when the client closes its connection.
// stop must be called before anything is read again.
func (c *session) present() (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(c.ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		waitHangup(c.conn, func() bool { return ctx.Err() != nil })
		cancel()
	}()
	return ctx, func() {
		cancel()
		c.conn.SetReadDeadline(time.Unix(1, 0)) // wakes waitHangup
		<-done
		c.conn.SetReadDeadline(time.Time{})
	}
}

// fail writes an error as the answer to id.
func (c *session) fail(id json.RawMessage, err error) error {
	c.log.Debug("request refused", "uid", c.peer.uid, "err", err)
	c.out = appendAnswer(c.out, id, "error", appendString(nil, err.Error()))
	return c.flush()
}

// flushFull writes what is collected if it is enough.
func (c *session) flushFull() error {
	if len(c.out) < flushSize {
		return nil
	}
	return c.flush()
}

// flush writes what is collected.
func (c *session) flush() error {
	if len(c.out) == 0 {
		return nil
	}
	c.conn.SetWriteDeadline(time.Now().Add(c.stall))
	if c.ctx.Err() != nil { // in this order, or the deadline set at its end is lost
		c.conn.SetWriteDeadline(time.Now().Add(lastWords))
	}
	_, err := c.conn.Write(c.out)
	if c.out = c.out[:0]; cap(c.out) > 4*flushSize {
		c.out = nil
	}
	return err
}
