package ubus

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/netmond/netmond/internal/log"
)

var (
	// ErrNotConnected is what Call returns while there is no ubusd.
	ErrNotConnected = errors.New("ubus: not connected")

	// ErrLost is what Send returns for an event that will not be sent.
	ErrLost = errors.New("ubus: event lost")
)

const (
	// maxEvents is how many events wait to be sent. More would arrive late.
	maxEvents = 256

	// maxCalls is how many calls of ours are under way at once; a daemon that has more
	// is calling something that does not answer.
	maxCalls = 32

	// maxServed is how many invocations are served at once; to the next, the answer
	// is StatusSystemError. It bounds what a caller in a loop can cost.
	maxServed = 8

	// serveTimeout is the ubus command's own limit: nobody waits longer.
	serveTimeout = 30 * time.Second

	// ioTimeout is how long ubusd may take to say hello and to take one message. It
	// answers from memory; one that takes longer hangs.
	ioTimeout = 5 * time.Second

	// A lost ubusd is tried again after minWait, doubling up to maxWait: it is
	// back within a second of its restart, or never. The same for a refused object.
	minWait = 500 * time.Millisecond
	maxWait = 30 * time.Second
)

// A Client is one connection to ubusd at a time, made again whenever it is lost. Run
// does the work; Send, Call and Lost are safe for concurrent use, before, during and after
// Run. The exported fields are not to be changed once Run was called. Use New.
type Client struct {
	Path    string            // of ubusd's socket
	Object  string            // name to publish; empty publishes nothing
	Methods map[string]Method // of Object
	Log     log.Logger        // nil discards

	minWait, maxWait time.Duration

	events chan []byte // fields of {"id":...,"data":{...}}
	calls  chan *call
	lost   atomic.Uint64
}

// New returns a Client of the ubusd that listens at path.
func New(path string) *Client {
	return &Client{
		Path:    path,
		minWait: minWait,
		maxWait: maxWait,
		events:  make(chan []byte, maxEvents),
		calls:   make(chan *call),
	}
}

// A call is one invocation of another's method, on its way.
type call struct {
	ctx    context.Context
	object string
	method string
	args   []byte // fields
	answer chan answer
}

// answer is what came of a call; of several DATA messages, the last.
type answer struct {
	data json.RawMessage
	err  error
}

// Send sends an event, data being a JSON object or nil for {}, and never blocks. It returns ErrLost,
// and counts it, where too many events are waiting; those that wait while there is no
// connection are lost and counted too, because who would have heard them is gone.
func (c *Client) Send(event string, data json.RawMessage) error {
	table, err := Encode(data)
	if err != nil {
		return err
	}
	fields, err := Encode(map[string]string{"id": event})
	if err != nil {
		return err
	}
	if fields, err = appendTable(fields, "data", table); err != nil {
		return err
	}
	if len(fields) > maxFields {
		return errTooLarge
	}
	select {
	case c.events <- fields:
		return nil
	default:
		c.lost.Add(1)
		return ErrLost
	}
}

// Lost counts the events that Send took, or refused with ErrLost, and that were not sent.
func (c *Client) Lost() uint64 { return c.lost.Load() }

// Call invokes a method of another's object and returns the JSON object that it answered,
// or nil where it answered a bare status. Args has to marshal to an object; nil is {}. The
// error may be a Status, ErrNotConnected, or that of ctx. Where Run does not
// run, it waits for it until ctx ends.
func (c *Client) Call(ctx context.Context, object, method string, args any) (json.RawMessage, error) {
	fields, err := Encode(args)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(checkPath(object), checkPath(method)); err != nil {
		return nil, err
	}
	q := &call{ctx, object, method, fields, make(chan answer, 1)}
	select {
	case c.calls <- q:
	case <-ctx.Done():
		return nil, fmt.Errorf("ubus: call %s %s: %w", object, method, ctx.Err())
	}
	var a answer
	select {
	case a = <-q.answer:
	case <-ctx.Done():
		a.err = ctx.Err()
	}
	if a.err != nil {
		return nil, fmt.Errorf("ubus: call %s %s: %w", object, method, a.err)
	}
	return a.data, nil
}

// Run keeps the client connected until ctx ends, and then returns nil. It returns an
// error at once where Object or Methods cannot be published.
func (c *Client) Run(ctx context.Context) error {
	signature, err := c.signature()
	if err != nil {
		return err
	}
	logger := cmp.Or[log.Logger](c.Log, log.Discard{})
	wait := c.minWait
	for told := false; ; {
		connected, err := c.connect(ctx, signature, logger)
		if ctx.Err() != nil {
			return nil
		}
		if connected {
			wait, told = c.minWait, false
		}
		if !told {
			logger.Warn("ubus lost", "err", err, "retry", wait)
			told = true
		}
		if !c.idle(ctx, wait) {
			return nil
		}
		wait = min(2*wait, c.maxWait)
	}
}

// idle refuses calls and drops events for as long as wait; it reports false when ctx ended.
func (c *Client) idle(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-timer.C:
			return true
		case <-c.events:
			c.lost.Add(1)
		case q := <-c.calls:
			q.answer <- answer{err: ErrNotConnected}
		}
	}
}

// connect makes one connection and stays with it until it is lost. It reports
// whether ubusd said hello.
func (c *Client) connect(ctx context.Context, signature []byte, logger log.Logger) (bool, error) {
	dialer := net.Dialer{Timeout: ioTimeout}
	conn, err := dialer.DialContext(ctx, "unix", c.Path)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })() // ends reads and writes
	conn.SetReadDeadline(time.Now().Add(ioTimeout))
	hello, err := readMessage(conn)
	if err != nil {
		return false, fmt.Errorf("hello: %w", err)
	}
	if hello.typ != msgHello {
		return false, fmt.Errorf("hello: %w", errMalformed)
	}
	conn.SetReadDeadline(time.Time{})
	s := &session{
		Client:    c,
		log:       logger,
		conn:      conn,
		signature: signature,
		pending:   make(map[key]*request),
		wait:      c.minWait,
		served:    make(chan reply),
	}
	return true, s.run(ctx)
}

// signature is the payload of attrSignature: a table for each method, an INT32 with
// the type for each argument. Methods are sorted by name.
func (c *Client) signature() ([]byte, error) {
	if c.Object == "" {
		return nil, nil
	}
	if err := checkPath(c.Object); err != nil {
		return nil, err
	}
	var b []byte
	for _, name := range slices.Sorted(maps.Keys(c.Methods)) {
		var args []byte
		for _, a := range c.Methods[name].Args {
			field, err := Encode(map[string]Type{a.Name: a.Type})
			if err != nil {
				return nil, fmt.Errorf("%w in method %s", err, name)
			}
			args = append(args, field...)
		}
		table, err := appendTable(b, name, args)
		if err != nil {
			return nil, err
		}
		b = table
	}
	if len(b) > maxFields {
		return nil, errTooLarge
	}
	return b, nil
}

// checkPath checks the name of an object or of a method that goes into a message.
func checkPath(name string) error {
	if name == "" || len(name) > maxName || strings.IndexByte(name, 0) >= 0 {
		return fmt.Errorf("ubus: %.32q names no object and no method", name)
	}
	return nil
}
