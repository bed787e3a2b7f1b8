package smd

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"syscall"
	"time"

	"github.com/netmond/netmond/internal/minijson"
)

// ErrNoDaemon says that nobody serves the socket: it does not exist, or the
// daemon that made it is dead.
var ErrNoDaemon = errors.New("smd: no daemon")

// maxAnswer is the longest line a client takes, in bytes: more than any answer
// of the daemon, less than what harms.
const maxAnswer = 64 << 20

// gone reports whether err of connecting says that nobody listens.
func gone(err error) bool {
	return errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ECONNREFUSED)
}

// Client is a connection to the daemon. The zero value is not usable, call Dial.
// For one goroutine.
type Client struct {
	conn net.Conn
	in   *bufio.Reader
	err  error // why the connection is of no more use
}

// Dial connects to the daemon's socket at path. The error is ErrNoDaemon if no
// daemon is there.
func Dial(ctx context.Context, path string) (*Client, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	switch {
	case err == nil:
		return newClient(conn), nil
	case gone(err):
		return nil, fmt.Errorf("%w on %s: start it with \"netmond run\", or name its socket", ErrNoDaemon, path)
	default:
		return nil, fmt.Errorf("smd: %w", err)
	}
}

func newClient(conn net.Conn) *Client {
	return &Client{conn: conn, in: bufio.NewReader(conn)}
}

// Close closes the connection.
func (c *Client) Close() error {
	if c.err == nil {
		c.err = net.ErrClosed
	}
	return c.conn.Close()
}

// Do sends a request, anything that marshals to a JSON object with the key do,
// and returns the value of ok. Items before it are dropped. The daemon's refusal
// is an error with the daemon's text, and the client stays of use; after any
// other error, that of ctx included, it does not.
func (c *Client) Do(ctx context.Context, request any) (json.RawMessage, error) {
	var ok json.RawMessage
	err := c.ask(ctx, request, func(l line) bool {
		ok = l.OK
		return l.OK == nil
	})
	return ok, err
}

// Stream sends a request and yields the items of its answer, then an error if
// there was one. A range that ends early closes the client.
func (c *Client) Stream(ctx context.Context, request any) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		early := false
		err := c.ask(ctx, request, func(l line) bool {
			early = l.Item != nil && !yield(l.Item, nil)
			return l.OK == nil && !early
		})
		switch {
		case early:
			c.Close()
		case err != nil:
			yield(nil, err)
		}
	}
}

// line is any line of the server.
type line struct {
	OK    json.RawMessage `json:"ok"`
	Item  json.RawMessage `json:"item"`
	Error *string         `json:"error"`

	Seq      uint64          `json:"seq"`
	Time     int64           `json:"ts"`
	Class    string          `json:"class"`
	Payload  json.RawMessage `json:"msg"`
	Lost     uint64          `json:"lost"`
	Epoch    string          `json:"epoch"`
	Snapshot json.RawMessage `json:"snapshot"`
}

// ask sends a request and calls take for each line of the answer until it
// returns false.
func (c *Client) ask(ctx context.Context, request any, take func(line) bool) error {
	if c.err != nil {
		return fmt.Errorf("smd: client: no more of use: %w", c.err)
	}
	text, err := marshal(request)
	if err != nil {
		return fmt.Errorf("smd: client: request: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { c.conn.SetDeadline(time.Unix(1, 0)) })
	refused, err := c.exchange(append(text, '\n'), take)
	if !stop() { // the deadline has struck, or will
		c.err = ctx.Err()
		if err != nil {
			err = c.err
		}
	}
	switch {
	case err != nil:
		c.err = err
		return fmt.Errorf("smd: client: %w", err)
	case refused != "":
		return errors.New(refused)
	}
	return nil
}

// exchange is ask on the wire; refused is the daemon's error.
func (c *Client) exchange(text []byte, take func(line) bool) (refused string, err error) {
	// A daemon that turns the client away may have closed before it read, so
	// its word counts more than the failure to write.
	_, failed := c.conn.Write(text)
	for {
		l, err := c.read()
		switch {
		case err != nil && failed != nil:
			return "", failed
		case err != nil:
			return "", err
		case l.Error != nil:
			if failed != nil {
				return "", errors.New(*l.Error)
			}
			return *l.Error, nil
		case !take(l):
			return "", nil
		}
	}
}

// read returns the next line.
func (c *Client) read() (l line, err error) {
	text, err := readLine(c.in, maxAnswer)
	switch {
	case err == errTooLong:
		return l, fmt.Errorf("answer longer than %d bytes", maxAnswer)
	case err == io.EOF:
		return l, errors.New("the daemon closed the connection")
	case err != nil:
		return l, err
	}
	if err := minijson.Unmarshal(text, &l); err != nil {
		return l, fmt.Errorf("answer: %w", err)
	}
	return l, nil
}
