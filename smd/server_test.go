package smd

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long a test waits for what must happen.
const patience = 10 * time.Second

// serve runs s on a socket of its own. stop ends it and waits.
func serve(t testing.TB, s *Server) (path string, stop func()) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "run", "netmond.sock")
	return path, serveAt(t, s, path)
}

func serveAt(t testing.TB, s *Server, path string) (stop func()) {
	t.Helper()
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Serve = %v", err)
			}
		case <-time.After(patience):
			t.Error("Serve does not end")
		}
	})
	t.Cleanup(stop)
	return stop
}

// wire is a client that speaks bytes.
type wire struct {
	t testing.TB
	*net.UnixConn
	r *bufio.Reader
}

func connect(t testing.TB, path string) *wire {
	t.Helper()
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return &wire{t, c, bufio.NewReader(c)}
}

func (w *wire) say(text string) {
	w.t.Helper()
	if _, err := io.WriteString(w, text); err != nil {
		w.t.Fatal(err)
	}
}

// hear returns the next line.
func (w *wire) hear() string {
	w.t.Helper()
	s, err := w.r.ReadString('\n')
	if err != nil {
		w.t.Fatalf("read %q: %v", s, err)
	}
	return strings.TrimSuffix(s, "\n")
}

func (w *wire) expect(want string) {
	w.t.Helper()
	if got := w.hear(); got != want {
		w.t.Errorf("got  %s\nwant %s", got, want)
	}
}

// expectCut checks that the server has closed the connection. Where it left
// input unread the end is a reset.
func (w *wire) expectCut() {
	w.t.Helper()
	var timeout net.Error
	if b, err := w.r.ReadByte(); err == nil || errors.As(err, &timeout) && timeout.Timeout() {
		w.t.Errorf("read %q, %v, want the end", b, err)
	}
}

// verbs of the test servers.
func verbs() map[string]Verb {
	return map[string]Verb{
		"status": {Run: func(context.Context, json.RawMessage, func(any) error) (any, error) {
			return json.RawMessage("{\n \"links\": 3\n}"), nil
		}},
		"echo": {Run: func(_ context.Context, req json.RawMessage, _ func(any) error) (any, error) {
			return req, nil
		}},
		"count": {Run: func(_ context.Context, req json.RawMessage, item func(any) error) (any, error) {
			var r struct{ N int }
			if err := json.Unmarshal(req, &r); err != nil {
				return nil, err
			}
			for i := range r.N {
				if err := item(map[string]int{"i": i}); err != nil {
					return nil, err
				}
			}
			return r.N, nil
		}},
		"broken": {Run: func(context.Context, json.RawMessage, func(any) error) (any, error) {
			return nil, errors.New(`no "luck"`)
		}},
		"nonsense": {Run: func(context.Context, json.RawMessage, func(any) error) (any, error) {
			return func() {}, nil
		}},
		"check": {Costly: true, Run: func(context.Context, json.RawMessage, func(any) error) (any, error) {
			return "OK", nil
		}},
	}
}

func TestRequests(t *testing.T) {
	path, _ := serve(t, &Server{Bus: NewBus(Options{}), Verbs: verbs()})
	const names = `broken, check, count, echo, nonsense, status, events, send`
	for _, tt := range []struct{ name, in, out string }{
		{"plain", `{"do":"status"}`, `{"ok":{"links":3}}`},
		{"number", `{"id":1,"do":"status"}`, `{"id":1,"ok":{"links":3}}`},
		{"any id", `{"do":"status","id":{"a":[1,"\u00e4",null]}}`, `{"id":{"a":[1,"\u00e4",null]},"ok":{"links":3}}`},
		{"null id", `{"id":null,"do":"status"}`, `{"id":null,"ok":{"links":3}}`},
		{"request", `{"do":"echo","dst":"192.0.2.1"}`, `{"ok":{"do":"echo","dst":"192.0.2.1"}}`},
		{"space", " \t{ \"do\" : \"status\" } \r", `{"ok":{"links":3}}`},
		{"empty lines", "\n\r\n\n" + `{"do":"status"}`, `{"ok":{"links":3}}`},
		{"items", `{"id":"x","do":"count","n":2}`, `{"id":"x","item":{"i":0}}` + "\n" + `{"id":"x","item":{"i":1}}` + "\n" + `{"id":"x","ok":2}`},
		{"in order", `{"id":1,"do":"status"}` + "\n" + `{"id":2,"do":"count","n":1}` + "\n" + `{"id":3,"do":"status"}`,
			`{"id":1,"ok":{"links":3}}` + "\n" + `{"id":2,"item":{"i":0}}` + "\n" + `{"id":2,"ok":1}` + "\n" + `{"id":3,"ok":{"links":3}}`},
		{"verb fails", `{"id":1,"do":"broken"}`, `{"id":1,"error":"no \"luck\""}`},
		{"verb's value", `{"id":1,"do":"nonsense"}`, `{"id":1,"error":"smd: nonsense: json: unsupported type: func()"}`},
		{"unknown", `{"id":1,"do":"dance"}`, `{"id":1,"error":"smd: do \"dance\": want one of ` + names + `"}`},
		{"no do", `{"id":1}`, `{"id":1,"error":"smd: do \"\": want one of ` + names + `"}`},
		{"do of another type", `{"id":1,"do":7}`, `{"id":1,"error":"smd: request: do: want a string, not a number"}`},
		{"no object", `[1]`, `{"error":"smd: request: want an object, as in {\"do\":\"status\"}"}`},
		{"bad class", `{"id":1,"do":"events","class":["net"]}`, `{"id":1,"error":"smd: class \"net\": want interaction, system, network, metrics, user24 to user31, or all"}`},
		{"class of another type", `{"id":1,"do":"events","class":4}`, `{"id":1,"error":"smd: class: want a name or a list of names"}`},
		{"bad since", `{"id":1,"do":"events","since":"yesterday"}`, `{"id":1,"error":"smd: events: since \"yesterday\": want EPOCH:SEQ"}`},
		{"send", `{"id":1,"do":"send","class":"user24","msg": {"a": [1, 2]}}`, `{"id":1,"ok":true}`},
		{"send no class", `{"do":"send","msg":{}}`, `{"error":"smd: publish: none: want one class"}`},
		{"send two classes", `{"do":"send","class":["system","network"],"msg":{}}`, `{"error":"smd: publish: system,network: want one class"}`},
		{"send no object", `{"do":"send","class":"network","msg":[1]}`, `{"error":"smd: send: msg: want an object"}`},
		{"send nothing", `{"do":"send","class":"network"}`, `{"error":"smd: send: msg: want an object"}`},
		{"send too much", `{"do":"send","class":"network","msg":{"a":"` + strings.Repeat("x", 377) + `"}}`, `{"error":"smd: send: msg of 385 bytes: at most 384"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Run("lines", func(t *testing.T) {
				c := connect(t, path)
				c.say(tt.in + "\n")
				for _, want := range strings.Split(tt.out, "\n") {
					c.expect(want)
				}
				c.say(`{"id":"next","do":"status"}` + "\n") // still of use
				c.expect(`{"id":"next","ok":{"links":3}}`)
			})
			t.Run("piped", func(t *testing.T) { // as echo -n into socat: no line end, then shutdown
				c := connect(t, path)
				c.say(tt.in)
				c.CloseWrite()
				got, err := io.ReadAll(c.r)
				if string(got) != tt.out+"\n" || err != nil {
					t.Errorf("got  %s, %v\nwant %s", got, err, tt.out)
				}
			})
		})
	}
}

func TestBadInputGetsOneErrorAndIsCut(t *testing.T) {
	path, _ := serve(t, &Server{Bus: NewBus(Options{}), Verbs: verbs()})
	const noJSON = `{"error":"smd: request is no JSON in UTF-8: want one object a line, as in {\"do\":\"status\"}"}`
	const tooLong = `{"error":"smd: request longer than 65536 bytes"}`
	long := func(n int) string { return `{"do":"echo","x":"` + strings.Repeat("x", n-20) + `"}` }
	for _, tt := range []struct{ name, in, out string }{
		{"text", "hello\n", noJSON},
		{"http", "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n", noJSON},
		{"half an object", `{"do":"status"` + "\n", noJSON},
		{"two on a line", `{"do":"status"}{"do":"status"}` + "\n", noJSON},
		{"no UTF-8", `{"do":"` + "\xff" + `"}` + "\n", noJSON},
		{"one byte too long", long(maxRequest+1) + "\n", tooLong},
		{"endless", strings.Repeat("x", maxRequest+1), tooLong},
		{"nested too deep", strings.Repeat("[", 20000) + "\n", noJSON},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := connect(t, path)
			c.say(tt.in)
			c.expect(tt.out)
			c.expectCut()
		})
	}
	c := connect(t, path)
	c.say(long(maxRequest) + "\n")
	c.expect(`{"ok":` + long(maxRequest) + `}`)
}

func TestCostlyVerbsAreLimited(t *testing.T) {
	path, _ := serve(t, &Server{Bus: NewBus(Options{}), Verbs: verbs()})
	c, other := connect(t, path), connect(t, path)
	ok, refused := 0, 0
	for range 2 * costBurst {
		c.say(`{"do":"check"}` + "\n")
		switch s := c.hear(); {
		case s == `{"ok":"OK"}`:
			ok++
		case strings.HasPrefix(s, `{"error":"smd: check: too many requests of user `):
			refused++
		default:
			t.Errorf("got %s", s)
		}
	}
	if ok < costBurst || refused == 0 {
		t.Errorf("%d answered, %d refused, want at least %d and 1", ok, refused, costBurst)
	}
	other.say(`{"do":"check"}` + "\n")
	if s := other.hear(); !strings.Contains(s, "too many") {
		t.Errorf("another connection of the same user: %s", s)
	}
	c.say(`{"do":"status"}` + "\n")
	c.expect(`{"ok":{"links":3}}`)
}

func TestBucket(t *testing.T) {
	now := time.Unix(1000, 0)
	var b bucket
	for i := range costBurst {
		if _, ok := b.take(now); !ok {
			t.Fatalf("request %d refused", i)
		}
	}
	if wait, ok := b.take(now); ok || wait != costEvery {
		t.Errorf("after the burst: wait %v, %v, want %v", wait, ok, costEvery)
	}
	now = now.Add(costEvery - 1)
	if wait, ok := b.take(now); ok || wait != 1 {
		t.Errorf("just before a token: wait %v, %v", wait, ok)
	}
	now = now.Add(1)
	if _, ok := b.take(now); !ok {
		t.Error("no token after its time")
	}
	if _, ok := b.take(now); ok {
		t.Error("two tokens after the time of one")
	}
	l := newLimits()
	for uid := range uint32(1000) {
		l.take(uid, now.Add(time.Duration(uid)*time.Second))
	}
	if n := len(<-l); n > 65 {
		t.Errorf("%d users remembered", n)
	}
}

func TestEventsStartWithTheSnapshot(t *testing.T) {
	b := NewBus(Options{Clock: func() int64 { return 77 }})
	path, stop := serve(t, &Server{Bus: b, Snapshot: func() any { return map[string]int{"routes": 5} }})
	c := connect(t, path)
	c.say(`{"do":"events","class":["network","system"]}` + "\n")
	c.expect(`{"seq":1,"epoch":"` + b.Epoch() + `","snapshot":{"routes":5}}`)
	publish(t, b, Network, Route{RT: "add", Dst: "default", Gw: "192.0.2.1", Dev: "wan", Table: 254, Metric: 10})
	publish(t, b, Metrics, raw(`{}`))
	publish(t, b, System, State{"RESYNC"})
	c.expect(`{"seq":2,"ts":77,"class":"network","msg":{"rt":"add","dst":"default","gw":"192.0.2.1","dev":"wan","table":254,"metric":10}}`)
	c.expect(`{"seq":4,"ts":77,"class":"system","msg":{"state":"RESYNC"}}`)

	again := connect(t, path)
	again.say(`{"do":"events","since":"` + b.Epoch() + `:2"}` + "\n") // no class: all
	again.expect(`{"seq":3,"ts":77,"class":"metrics","msg":{}}`)
	again.expect(`{"seq":4,"ts":77,"class":"system","msg":{"state":"RESYNC"}}`)

	one := connect(t, path)
	one.say(`{"do":"events","class":"system","since":"old:2"}` + "\n")
	one.expect(`{"seq":4,"epoch":"` + b.Epoch() + `","snapshot":{"routes":5}}`)

	publish(t, b, System, State{"STOPPING"})
	stop()
	for _, c := range []*wire{c, again, one} { // the last message is not lost to the end
		c.expect(`{"seq":5,"ts":77,"class":"system","msg":{"state":"STOPPING"}}`)
		c.expectCut()
	}
}

func TestSendReachesAllAndTheDaemon(t *testing.T) {
	type sent struct {
		c Class
		p string
	}
	told := make(chan sent, 1)
	b := NewBus(Options{})
	path, _ := serve(t, &Server{Bus: b, Sent: func(c Class, p json.RawMessage) { told <- sent{c, string(p)} }})
	next := pull(t, b, All)
	c := connect(t, path)
	c.say(`{"do":"send","class":"network","msg":{ "trigger" : "cpdcheck" }}` + "\n")
	c.expect(`{"ok":true}`)
	if m := next(); m.Class != Network || string(m.Payload) != `{"trigger":"cpdcheck"}` {
		t.Errorf("got %v %s", m.Class, m.Payload)
	}
	if s := <-told; s != (sent{Network, `{"trigger":"cpdcheck"}`}) {
		t.Errorf("Sent got %v", s)
	}
}

func TestVerbEndsWithItsClient(t *testing.T) {
	began, ended := make(chan struct{}), make(chan error)
	path, _ := serve(t, &Server{Bus: NewBus(Options{}), Verbs: map[string]Verb{
		"wait": {Run: func(ctx context.Context, _ json.RawMessage, _ func(any) error) (any, error) {
			began <- struct{}{}
			<-ctx.Done()
			ended <- ctx.Err()
			return nil, ctx.Err()
		}},
		"look": {Run: func(ctx context.Context, _ json.RawMessage, _ func(any) error) (any, error) {
			return ctx.Err() == nil, nil
		}},
	}})
	for _, half := range []bool{false, true} {
		c := connect(t, path)
		c.say(`{"do":"look"}` + "\n" + `{"do":"wait"}` + "\n" + `{"do":"look"}` + "\n")
		c.expect(`{"ok":true}`)
		<-began
		if half { // the end of the requests is not the end of the client
			c.CloseWrite()
			select {
			case <-ended:
				t.Error("verb ended by the client's shutdown of its sending side")
			case <-time.After(20 * time.Millisecond):
			}
		}
		c.Close()
		select {
		case <-ended:
		case <-time.After(patience):
			t.Fatal("verb goes on after its client left")
		}
	}
}

func TestServerNoticesThatAnEventsClientLeft(t *testing.T) {
	b := NewBus(Options{})
	path, _ := serve(t, &Server{Bus: b})
	clients := func() int {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.ring.clients
	}
	for _, half := range []bool{false, true} {
		c := connect(t, path)
		c.say(`{"do":"events"}` + "\n")
		c.hear()
		c.say(`{"do":"status"}` + "\n") // is not read
		if half {
			c.CloseWrite()
		}
		publish(t, b, Network, raw(`{}`))
		c.hear()
		if n := clients(); n != 1 {
			t.Errorf("%d clients, want 1", n)
		}
		c.Close()
		waitFor(t, "client forgotten", func() bool { return clients() == 0 })
	}
}

// waitFor waits until cond holds.
func waitFor(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

// A counter is incremented and then published, while clients come and go: each
// must get from its snapshot to the end without a step missing.
func TestSnapshotThenEventsWithoutAHole(t *testing.T) {
	var mu sync.Mutex
	state := 0
	b := NewBus(Options{Queue: 1 << 16, Ring: 16})
	path, _ := serve(t, &Server{Bus: b, Snapshot: func() any {
		mu.Lock()
		defer mu.Unlock()
		return state
	}})
	const end = 20000
	pace := make(chan struct{}, 100) // as many steps as clients read
	go func() {
		for i := 1; i <= end; i++ {
			mu.Lock()
			state = i
			mu.Unlock()
			b.Publish(Network, raw(`{"n":%d}`, i))
			if i%100 == 0 {
				<-pace
			}
		}
	}()
	var clients sync.WaitGroup
	for range 4 {
		clients.Add(1)
		go func() {
			defer clients.Done()
			for n := 0; n < end; {
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				got := 0
				for e, err := range Events(ctx, path, Network) {
					if err != nil {
						t.Errorf("Events: %v", err)
						break
					}
					switch {
					case e.Snapshot != nil:
						fmt.Sscan(string(e.Snapshot), &n)
					case e.Message.Lost > 0:
						t.Errorf("lost %d", e.Message.Lost)
					default:
						var m struct{ N int }
						json.Unmarshal(e.Message.Payload, &m)
						if m.N > n+1 {
							t.Errorf("%d after %d", m.N, n)
						}
						n = max(n, m.N)
					}
					select {
					case pace <- struct{}{}:
					default:
					}
					if got++; got == 200 || n == end {
						break
					}
				}
				if ctx.Err() != nil {
					t.Errorf("nothing after %d of %d", n, end)
					n = end
				}
				cancel()
			}
		}()
	}
	clients.Wait()
}

func TestTooManyClients(t *testing.T) {
	if testing.Short() {
		t.Skip("many descriptors")
	}
	path, stop := serve(t, &Server{Bus: NewBus(Options{}), Verbs: verbs()})
	for range maxClients {
		c := connect(t, path)
		c.say(`{"do":"status"}` + "\n")
		c.hear()
	}
	c := connect(t, path)
	c.expect(`{"error":"smd: 1024 clients are connected, the most there may be: try again later"}`)
	c.expectCut()
	cl, err := Dial(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if _, err := cl.Do(context.Background(), map[string]string{"do": "status"}); err == nil || !strings.Contains(err.Error(), "try again later") {
		t.Errorf("Client.Do = %v, want the server's reason", err)
	}
	stop()
}

func TestAdmit(t *testing.T) {
	s := &server{}
	for _, tt := range []struct {
		uid           uint32
		total, ofUser int
		ok            bool
	}{
		{4242, 0, 0, true},
		{4242, 1000, maxClientsOfUser - 1, true},
		{4242, 1000, maxClientsOfUser, false},
		{0, 1000, 1000, true},
		{0, maxClients, 0, false},
	} {
		if err := s.admit(peer{uid: tt.uid}, tt.total, tt.ofUser); (err == nil) != tt.ok {
			t.Errorf("admit(%d, %d, %d) = %v", tt.uid, tt.total, tt.ofUser, err)
		}
	}
}
