package smd

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func dial(t testing.TB, path string) *Client {
	t.Helper()
	c, err := Dial(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

type do map[string]any

func TestClientDo(t *testing.T) {
	path, _ := serve(t, &Server{Bus: NewBus(Options{}), Verbs: verbs()})
	c, ctx := dial(t, path), context.Background()
	if got, err := c.Do(ctx, do{"do": "status"}); string(got) != `{"links":3}` || err != nil {
		t.Errorf("status = %s, %v", got, err)
	}
	if got, err := c.Do(ctx, do{"do": "broken"}); got != nil || err == nil || err.Error() != `no "luck"` {
		t.Errorf("broken = %s, %v", got, err)
	}
	if got, err := c.Do(ctx, do{"do": "count", "n": 1000}); string(got) != `1000` || err != nil {
		t.Errorf("count after a refusal = %s, %v", got, err)
	}
	n := 0
	for item, err := range c.Stream(ctx, do{"do": "count", "n": 1000}) {
		var v struct{ I int }
		if err != nil || json.Unmarshal(item, &v) != nil || v.I != n {
			t.Fatalf("item %d = %s, %v", n, item, err)
		}
		n++
	}
	if n != 1000 {
		t.Errorf("%d items, want 1000", n)
	}
	for item, err := range c.Stream(ctx, do{"do": "broken"}) {
		if err == nil {
			t.Errorf("item %s of a refusal", item)
		}
	}
	for range c.Stream(ctx, do{"do": "count", "n": 1000}) {
		break
	}
	if _, err := c.Do(ctx, do{"do": "status"}); err == nil {
		t.Error("Do after an abandoned Stream = nil")
	}
}

func TestClientDoEndsWithItsContext(t *testing.T) {
	path, _ := serve(t, &Server{Bus: NewBus(Options{}), Verbs: map[string]Verb{
		"wait": {Run: func(ctx context.Context, _ json.RawMessage, _ func(any) error) (any, error) {
			<-ctx.Done()
			return nil, nil
		}},
	}})
	c := dial(t, path)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := c.Do(ctx, do{"do": "wait"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Do = %v, want the context's error", err)
	}
	if _, err := c.Do(context.Background(), do{"do": "wait"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("next Do = %v, want that the client is of no more use", err)
	}
}

func TestNoDaemon(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.sock")
	_, err := Dial(context.Background(), path)
	if !errors.Is(err, ErrNoDaemon) || !strings.Contains(err.Error(), path) {
		t.Errorf("Dial = %v, want ErrNoDaemon with the path", err)
	}
	for _, err := range Events(context.Background(), path, All) {
		if !errors.Is(err, ErrNoDaemon) {
			t.Errorf("Events = %v, want ErrNoDaemon", err)
		}
		break
	}
}

// A client goes through a cut of its connection without a loss, and through a
// restart of the daemon with a new snapshot.
func TestEventsReconnect(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.sock")
	b := NewBus(Options{})
	snapshot := func() any { return raw(`{}`) }
	stop := serveAt(t, &Server{Bus: b, Snapshot: snapshot}, path)

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	type got struct {
		Event
		err error
	}
	events := make(chan got)
	go func() {
		defer close(events)
		for e, err := range Events(ctx, path, Network) {
			events <- got{e, err}
		}
	}()
	// next skips the errors on the way, which are for people.
	next := func() (Event, int) {
		t.Helper()
		errs := 0
		for {
			select {
			case g, ok := <-events:
				if !ok {
					t.Fatal("Events ended")
				}
				if g.err == nil {
					return g.Event, errs
				}
				errs++
			case <-time.After(patience):
				t.Fatal("no event")
			}
		}
	}
	if e, _ := next(); string(e.Snapshot) != "{}" || e.Epoch != b.Epoch() || e.Message.Seq != 1 {
		t.Errorf("first event = %+v", e)
	}
	publish(t, b, Network, raw(`{"n":2}`))
	first, _ := next()
	m := first.Message
	if want := (Message{Seq: 2, Time: m.Time, Class: Network, Payload: raw(`{"n":2}`)}); !reflect.DeepEqual(m, want) || m.Time == 0 || first.Epoch != b.Epoch() {
		t.Errorf("message = %+v, want %+v", m, want)
	}

	stop() // the server ends, the bus lives
	publish(t, b, Network, raw(`{"n":3}`))
	publish(t, b, System, raw(`{"n":4}`))
	publish(t, b, Network, raw(`{"n":5}`))
	stop = serveAt(t, &Server{Bus: b, Snapshot: snapshot}, path)
	for _, want := range []uint64{3, 5} {
		if e, _ := next(); e.Snapshot != nil || e.Message.Seq != want || e.Message.Lost != 0 {
			t.Errorf("after the cut: %+v, want %d", e, want)
		}
	}

	stop()
	b2 := NewBus(Options{})
	stop = serveAt(t, &Server{Bus: b2, Snapshot: snapshot}, path)
	if e, errs := next(); e.Snapshot == nil || e.Epoch != b2.Epoch() || errs == 0 {
		t.Errorf("after a restart: %+v with %d errors told, want a snapshot and an error", e, errs)
	}
	publish(t, b2, Network, raw(`{"n":2}`))
	if e, _ := next(); e.Message.Seq != 2 || e.Epoch != b2.Epoch() {
		t.Errorf("after a restart: %+v", e)
	}
	cancel()
	for range events { // ends
	}
	stop()
}

func TestEventsOfAnotherServer(t *testing.T) {
	l, err := Listen(filepath.Join(t.TempDir(), "s.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Write([]byte("{\"hello\":1}\n"))
			c.Close()
		}
	}()
	for _, err := range Events(context.Background(), l.Addr().String(), All) {
		if err == nil || !strings.Contains(err.Error(), "is this netmond's socket?") {
			t.Errorf("err = %v", err)
		}
		break
	}
}
