package smd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math/rand"
	"slices"
	"strings"
	"sync"
	"testing"
)

// pull ranges over a subscription from the test's own goroutine.
func pull(t *testing.T, b *Bus, set Class) (next func() Message) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	n, stop := iter.Pull(b.Subscribe(ctx, set))
	t.Cleanup(func() { cancel(); stop() })
	return func() Message {
		m, ok := n()
		if !ok {
			t.Fatal("subscription ended")
		}
		return m
	}
}

func publish(t testing.TB, b *Bus, c Class, v any) {
	t.Helper()
	if err := b.Publish(c, v); err != nil {
		t.Fatal(err)
	}
}

func raw(format string, args ...any) json.RawMessage {
	return json.RawMessage(fmt.Sprintf(format, args...))
}

func TestMessageLine(t *testing.T) {
	for _, tt := range []struct {
		m    Message
		want string
	}{
		{
			Message{Seq: 12, Time: 123456789, Class: Network, Payload: raw(`{"rt":"add"}`)},
			`{"seq":12,"ts":123456789,"class":"network","msg":{"rt":"add"}}`,
		},
		{Message{Seq: 1, Class: 1 << 31, Payload: raw(`1`)}, `{"seq":1,"ts":0,"class":"user31","msg":1}`},
		{Message{Seq: 18446744073709551615, Lost: 3}, `{"seq":18446744073709551615,"lost":3}`},
	} {
		if got := string(tt.m.AppendJSON([]byte("x"))); got != "x"+tt.want {
			t.Errorf("AppendJSON = %s, want x%s", got, tt.want)
		}
	}
}

func TestClassText(t *testing.T) {
	for _, tt := range []struct {
		text string
		c    Class
	}{
		{"interaction", 1}, {"system", 2}, {"network", 4}, {"metrics", 8},
		{"user24", 1 << 24}, {"user31", 1 << 31}, {"system,network", 6},
	} {
		if c, err := ParseClass(tt.text); c != tt.c || err != nil {
			t.Errorf("ParseClass(%q) = %v, %v, want %v", tt.text, c, err, tt.c)
		}
		if got := tt.c.String(); got != tt.text {
			t.Errorf("String(%#x) = %q, want %q", uint32(tt.c), got, tt.text)
		}
	}
	for bit := range 32 {
		c := Class(1<<bit) & All
		if c == 0 {
			continue
		}
		if got, err := ParseClass(c.String()); got != c || err != nil {
			t.Errorf("ParseClass(%q) = %v, %v", c.String(), got, err)
		}
	}
	if got, err := ParseClass(All.String()); got != All || err != nil {
		t.Errorf("ParseClass(%q) = %v, %v, want All", All.String(), got, err)
	}
	for _, bad := range []string{"", "net", "Network", "user23", "user32", "network,", "all,network", "none"} {
		if c, err := ParseClass(bad); err == nil {
			t.Errorf("ParseClass(%q) = %v, want an error", bad, c)
		}
	}
}

func TestSubscriberSeesItsClassesInOrder(t *testing.T) {
	b := NewBus(Options{})
	next := pull(t, b, Network|System)
	all := pull(t, b, All)
	publish(t, b, Network, raw(`1`))
	publish(t, b, Metrics, raw(`2`))
	publish(t, b, System, raw(`3`))
	for _, want := range []uint64{1, 3} {
		if m := next(); m.Seq != want || string(m.Payload) != fmt.Sprint(want) {
			t.Errorf("got %d %s, want %d", m.Seq, m.Payload, want)
		}
	}
	var last Message
	for want := uint64(1); want <= 3; want++ {
		m := all()
		if m.Seq != want || m.Time < last.Time || m.Time == 0 {
			t.Errorf("got %d at %d after %d, want %d", m.Seq, m.Time, last.Time, want)
		}
		last = m
	}
}

func TestPayloadForms(t *testing.T) {
	b := NewBus(Options{})
	next := pull(t, b, All)
	for _, tt := range []struct {
		v    any
		want string
	}{
		{json.RawMessage(`{"a":1}`), `{"a":1}`},
		{[]byte(`[2]`), `[2]`},
		{State{"OPERATIONAL"}, `{"state":"OPERATIONAL"}`},
		{&State{"RESYNC"}, `{"state":"RESYNC"}`},
		{map[string]string{"url": "http://a/?b&c"}, `{"url":"http://a/?b&c"}`},
		{Route{RT: "add", Dst: strings.Repeat("2001:db8:", 20)}, `{"rt":"add","dst":"` + strings.Repeat("2001:db8:", 20) + `","table":0,"metric":0}`},
	} {
		publish(t, b, User&(1<<30), tt.v)
		if got := next(); string(got.Payload) != tt.want {
			t.Errorf("Publish(%#v) gave %s, want %s", tt.v, got.Payload, tt.want)
		}
	}
}

func TestPublishRefuses(t *testing.T) {
	b := NewBus(Options{})
	pull(t, b, All)
	for name, f := range map[string]func() error{
		"no class":       func() error { return b.Publish(0, raw(`1`)) },
		"two classes":    func() error { return b.Publish(Network|System, raw(`1`)) },
		"unknown":        func() error { return b.Publish(1<<10, raw(`1`)) },
		"empty":          func() error { return b.Publish(Network, raw(``)) },
		"line break":     func() error { return b.Publish(Network, raw("{\n}")) },
		"unmarshallable": func() error { return b.Publish(Network, func() {}) },
		"too long":       func() error { return b.Publish(Network, raw(`"%s"`, strings.Repeat("x", MaxPayload-1))) },
	} {
		if f() == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if b.Seq() != 0 {
		t.Errorf("Seq = %d, want 0", b.Seq())
	}
	publish(t, b, Network, raw(`"%s"`, strings.Repeat("x", MaxPayload-2)))
	if b.Seq() != 1 {
		t.Errorf("a payload of MaxPayload bytes was not published")
	}
}

func TestNobodyListensNothingIsBuilt(t *testing.T) {
	b := NewBus(Options{})
	if b.Wanted(All) {
		t.Error("Wanted with no subscriber")
	}
	var r any = Route{}
	if n := testing.AllocsPerRun(100, func() { b.Publish(Network, r) }); n != 0 {
		t.Errorf("Publish to nobody: %v allocations, want 0", n)
	}
	ctx, cancel := context.WithCancel(context.Background())
	sub := b.Subscribe(ctx, Network)
	if !b.Wanted(Network) || !b.Wanted(Network|System) || b.Wanted(System) {
		t.Error("Wanted does not follow the subscription")
	}
	cancel()
	for range sub {
		t.Error("a message after the end")
	}
	if b.Wanted(All) || b.Seq() != 0 {
		t.Errorf("Wanted = %v, Seq = %d after the end", b.Wanted(All), b.Seq())
	}
}

func TestSubscriptionIsForOneRange(t *testing.T) {
	b := NewBus(Options{})
	sub := b.Subscribe(context.Background(), All)
	publish(t, b, Network, raw(`1`))
	publish(t, b, Network, raw(`2`))
	for range sub {
		break
	}
	for m := range sub {
		t.Errorf("second range yields %d", m.Seq)
	}
	if b.Wanted(All) {
		t.Error("still subscribed")
	}
}

func TestFullQueueKeepsTheNewest(t *testing.T) {
	b := NewBus(Options{Queue: 4})
	slow, fast := pull(t, b, Network), pull(t, b, Network)
	other := pull(t, b, System)
	publish(t, b, System, raw(`0`))
	for i := range 10 {
		publish(t, b, Network, raw(`%d`, i))
		if m := fast(); m.Lost != 0 || string(m.Payload) != fmt.Sprint(i) {
			t.Errorf("fast subscriber got %+v, want %d", m, i)
		}
	}
	if m := other(); m.Lost != 0 || m.Class != System {
		t.Errorf("subscriber of another class got %+v", m)
	}
	if m := slow(); m.Lost != 6 || m.Seq != 7 || m.Class != 0 {
		t.Errorf("slow subscriber got %+v, want a gap of 6 up to 7", m)
	}
	for i := 6; i < 10; i++ {
		if m := slow(); string(m.Payload) != fmt.Sprint(i) || m.Seq != uint64(i)+2 {
			t.Errorf("slow subscriber got %d %s, want %d", m.Seq, m.Payload, i)
		}
	}
	if b.Lost() != 6 {
		t.Errorf("Lost = %d, want 6", b.Lost())
	}
	publish(t, b, Network, raw(`10`))
	if m := slow(); m.Lost != 0 || string(m.Payload) != "10" {
		t.Errorf("after the gap got %+v", m)
	}
}

// Whatever publishers and subscribers do, what each subscriber gets and what it
// is told it lost add up, in order.
func TestGapsAccountForEveryMessage(t *testing.T) {
	const publishers, each = 4, 3000
	for seed := range int64(4) {
		b := NewBus(Options{Queue: 16})
		ctx, cancel := context.WithCancel(context.Background())
		var subs, pubs sync.WaitGroup
		for i := range 8 {
			rng := rand.New(rand.NewSource(seed<<8 + int64(i)))
			sub := b.Subscribe(ctx, Network)
			subs.Add(1)
			go func() {
				defer subs.Done()
				var got, lost, last uint64
				next := make([]int, publishers)
				for m := range sub {
					if m.Seq <= last {
						t.Errorf("%d after %d", m.Seq, last)
					}
					last = m.Seq
					if m.Lost > 0 {
						lost += m.Lost
					} else if string(m.Payload) == "-1" {
						break
					} else {
						got++
						var p, n int
						fmt.Sscanf(string(m.Payload), "[%d,%d]", &p, &n)
						if n < next[p] {
							t.Errorf("publisher %d: %d after %d", p, n, next[p]-1)
						}
						next[p] = n + 1
					}
					for range rng.Intn(2) * rng.Intn(2000) { // be slow
						_ = rng.Int()
					}
				}
				if got+lost != publishers*each {
					t.Errorf("got %d + lost %d = %d, want %d", got, lost, got+lost, publishers*each)
				}
			}()
		}
		for p := range publishers {
			pubs.Add(1)
			go func() {
				defer pubs.Done()
				for n := range each {
					publish(t, b, Network, raw("[%d,%d]", p, n))
				}
			}()
		}
		pubs.Wait()
		publish(t, b, Network, raw("-1"))
		subs.Wait()
		cancel()
	}
}

func TestQueueModel(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	for range 200 {
		q := queue{limit: 1 + rng.Intn(5)}
		var model []uint64
		var lost uint64
		var spare queue
		for seq := uint64(1); seq < 40; seq++ {
			if rng.Intn(8) == 0 {
				done := spare
				spare = q.swap(done)
				model, lost = nil, 0
				if slices.ContainsFunc(done.msgs, func(m *Message) bool { return m != nil }) {
					t.Fatal("messages are held after their use")
				}
			}
			q.push(&Message{Seq: seq})
			if model = append(model, seq); len(model) > q.limit {
				model, lost = model[1:], lost+1
			}
			var got []uint64
			for m := range q.all() {
				if m.Lost > 0 {
					if m.Lost != lost || m.Seq != model[0]-1 {
						t.Fatalf("gap %+v, want %d before %d", m, lost, model[0])
					}
					lost = m.Lost
					continue
				}
				got = append(got, m.Seq)
			}
			if !slices.Equal(got, model) || q.lost != lost {
				t.Fatalf("queue = %v lost %d, want %v lost %d", got, q.lost, model, lost)
			}
		}
	}
}

// seqs resumes and returns what is in the queue as text.
func resume(b *Bus, set Class, since mark) string {
	s, seq, resumed := b.watch(set, since)
	defer b.unwatch(s)
	var out []string
	for m := range s.queue.all() {
		if m.Lost > 0 {
			out = append(out, fmt.Sprintf("%d-%d lost", m.Seq-m.Lost+1, m.Seq))
		} else {
			out = append(out, fmt.Sprint(m.Seq))
		}
	}
	if !resumed {
		out = append(out, fmt.Sprintf("snapshot %d", seq))
	}
	return strings.Join(out, " ")
}

func TestRingReplays(t *testing.T) {
	var now int64
	b := NewBus(Options{Ring: 4, Clock: func() int64 { return now }})
	first, seq, resumed := b.watch(System, mark{})
	if seq != 1 || resumed { // 1 is what was before anyone listened
		t.Fatalf("first client starts after %d, resumed %v", seq, resumed)
	}
	for i := 2; i <= 9; i++ {
		publish(t, b, map[bool]Class{true: Network, false: System}[i%2 == 0], raw(`%d`, i))
	}
	at := func(seq uint64) mark { return mark{b.Epoch(), seq} }
	check := func(name string, set Class, since mark, want string) {
		t.Helper()
		if got := resume(b, set, since); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	check("all in the ring", All, at(6), "7 8 9")
	check("one class", Network, at(5), "6 8")
	check("nothing missed", All, at(9), "")
	check("ring moved on", All, at(2), "3-5 lost 6 7 8 9")
	check("ring moved on by one", System, at(4), "5-5 lost 7 9")
	check("from the future", All, at(10), "snapshot 9")
	check("another epoch", All, mark{"other", 7}, "snapshot 9")
	check("no mark", All, mark{}, "snapshot 9")

	b.unwatch(first)
	now += ringKeep
	if !b.Wanted(Metrics) {
		t.Error("ring off within its time")
	}
	publish(t, b, Network, raw(`10`))
	check("a minute later", All, at(8), "9 10")
	now += ringKeep + 1
	check("quiet since", All, at(8), "9 10")
	now += ringKeep + 1
	publish(t, b, Network, raw(`"nobody's"`))
	if b.Wanted(All) || b.Seq() != 10 {
		t.Errorf("Wanted = %v, Seq = %d after the ring's time, want false, 10", b.Wanted(All), b.Seq())
	}
	check("hole", All, at(8), "9-11 lost")
	check("hole from its edge", All, at(10), "11-11 lost")
	check("after the hole", All, at(11), "")
}

func TestRingGoesOnWhileAClientIsThere(t *testing.T) {
	var now int64
	b := NewBus(Options{Clock: func() int64 { return now }})
	s, _, _ := b.watch(System, mark{})
	defer b.unwatch(s)
	now += 10 * ringKeep
	publish(t, b, Network, raw(`1`))
	if !b.Wanted(Metrics) || b.Seq() != 2 {
		t.Errorf("Wanted = %v, Seq = %d, want true, 2", b.Wanted(Metrics), b.Seq())
	}
}

func TestReplayLongerThanTheQueue(t *testing.T) {
	b := NewBus(Options{Queue: 2, Ring: 10})
	first, _, _ := b.watch(All, mark{})
	defer b.unwatch(first)
	for i := range 5 {
		publish(t, b, Network, raw(`%d`, i))
	}
	s, _, _ := b.watch(All, mark{b.Epoch(), 1})
	defer b.unwatch(s)
	publish(t, b, Network, raw(`5`))
	var got []uint64
	for m := range s.queue.all() {
		got = append(got, m.Seq, m.Lost)
	}
	if want := []uint64{2, 1, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0}; !slices.Equal(got, want) {
		t.Errorf("seq, lost = %v, want %v", got, want)
	}
}

func TestEpochsDiffer(t *testing.T) {
	if a, b := NewBus(Options{}).Epoch(), NewBus(Options{}).Epoch(); a == b || a == "" || strings.Contains(a, ":") {
		t.Errorf("epochs %q and %q", a, b)
	}
}

func TestMark(t *testing.T) {
	want := mark{"2k1x", 42}
	if got, ok := parseMark(want.String()); got != want || !ok {
		t.Errorf("parseMark(%q) = %v, %v", want.String(), got, ok)
	}
	for _, bad := range []string{"", ":", ":1", "a", "a:", "a:-1", "a:b", "a:1:2", "a:18446744073709551616"} {
		if m, ok := parseMark(bad); ok {
			t.Errorf("parseMark(%q) = %v", bad, m)
		}
	}
}

func TestPublishErrorsAreTold(t *testing.T) {
	b := NewBus(Options{})
	pull(t, b, All)
	err := b.Publish(Network, bytes.Repeat([]byte("x"), 400))
	if err == nil || err.Error() != "smd: publish: network: payload of 400 bytes: at most 384" {
		t.Errorf("err = %v", err)
	}
	var unsupported *json.UnsupportedTypeError
	if err := b.Publish(Network, func() {}); !errors.As(err, &unsupported) {
		t.Errorf("err = %v, want a json.UnsupportedTypeError", err)
	}
}
