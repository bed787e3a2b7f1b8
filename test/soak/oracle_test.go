//go:build linux

package main

import (
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestLook(t *testing.T) {
	own, other := netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("192.0.2.66")
	device := func() links {
		return links{
			1: {name: "wan0", up: true, running: true, addrs: map[netip.Addr]bool{own: true}},
			2: {name: "wan1", up: true, running: true, addrs: map[netip.Addr]bool{other: true}},
		}
	}
	now := time.Unix(100, 0)
	at := span{after: now, before: now}
	ago := func(ms int) span {
		t := now.Add(-time.Duration(ms) * time.Millisecond)
		return span{after: t, before: t}
	}
	own1 := home{oif: 1, owned: true}
	for _, test := range []struct {
		name   string
		change func(links)
		home   home
		answer answer
		want   cause
		moved  home // where it lives after; the zero value for where it did
	}{
		{name: "as before", home: own1, answer: answer{oif: 1}},
		{name: "address gone", change: func(ls links) { delete(ls[1].addrs, own) }, home: own1, answer: answer{oif: 1}, want: noSource},
		{name: "refused", home: own1, answer: answer{refused: syscall.ENETUNREACH}, want: refused},
		{name: "another link", home: own1, answer: answer{oif: 2}, want: elsewhere},
		{name: "another link, and no carrier there", change: func(ls links) { ls[2].running = false }, home: own1, answer: answer{oif: 2}, want: elsewhere},
		{name: "another link, and the address with it", change: func(ls links) { ls[2].addrs[own] = true }, home: own1, answer: answer{oif: 2}, moved: home{oif: 2, owned: true}},
		{name: "the same link, the address moved", change: func(ls links) {
			delete(ls[1].addrs, own)
			ls[2].addrs[own] = true
		}, home: own1, answer: answer{oif: 1}, moved: home{oif: 1}},
		{name: "carrier just lost", change: func(ls links) { ls[1].running, ls[1].graced = false, true }, home: own1, answer: answer{oif: 1}, want: carrier},
		{name: "not at home, led home in the grace", change: func(ls links) { ls[1].running, ls[1].graced = false, true },
			home: home{oif: 2}, answer: answer{oif: 1}, want: carrier, moved: home{oif: 1, owned: true, led: true}},
		{name: "carrier lost", change: func(ls links) { ls[1].running = false }, home: own1, answer: answer{oif: 1}, want: lost},
		{name: "link down", change: func(ls links) { ls[1].up = false }, home: own1, answer: answer{oif: 1}, want: down},
		{name: "link gone", change: func(ls links) { ls[2].addrs[own] = true; delete(ls, 1) }, home: own1, answer: answer{oif: 1}, want: down},
		{name: "not at home, another link", home: home{oif: 1}, answer: answer{oif: 2}, moved: home{oif: 2}},
		{name: "led home", home: home{oif: 2}, answer: answer{oif: 1}, moved: home{oif: 1, owned: true, led: true}},
		{name: "led home and back at once", home: home{oif: 1, owned: true, led: true, since: ago(50)}, answer: answer{oif: 2}, moved: home{oif: 2}},
		{name: "led home and back in a while", home: home{oif: 1, owned: true, led: true, since: ago(140)}, answer: answer{oif: 2}, want: ledBack, moved: home{oif: 1, owned: true, led: true, since: ago(140), excused: true}},
		{name: "still back", home: home{oif: 1, owned: true, led: true, since: ago(3000), excused: true}, answer: answer{oif: 2}, want: ledBack},
		{name: "home again", home: home{oif: 1, owned: true, led: true, since: ago(3000), excused: true}, answer: answer{oif: 1}, moved: home{oif: 1, owned: true, led: true, since: at}},
		{name: "young", home: home{oif: 1, owned: true, young: true, since: ago(50)}, answer: answer{oif: 2}, want: ledBack, moved: home{oif: 1, owned: true, young: true, since: ago(50), excused: true}},
		{name: "no longer young", home: home{oif: 1, owned: true, young: true, since: ago(700)}, answer: answer{oif: 2}, want: elsewhere},
		{name: "led home and back long after", home: home{oif: 1, owned: true, led: true, since: ago(3000)}, answer: answer{oif: 2}, want: elsewhere},
	} {
		ls := device()
		if test.change != nil {
			test.change(ls)
		}
		want := test.moved
		if want == (home{}) {
			want = test.home
		}
		if test.name == "as before" {
			want = own1
		}
		got, h := look(ls, own, test.home, test.answer, at)
		if h.oif != test.home.oif || h.owned != test.home.owned { // it has moved, which is now
			want.since = at
		}
		if got != test.want || h != want {
			t.Errorf("%s: look = %q, %v, want %q, %v", test.name, got, h, test.want, want)
		}
	}
}

// TestDeserved tells lives in steps of 10 ms, and asks whether a close was right.
func TestDeserved(t *testing.T) {
	zero := time.Unix(0, 0)
	at := func(ms int) time.Time { return zero.Add(time.Duration(ms) * time.Millisecond) }
	type seen struct {
		ms int
		c  cause
	}
	for _, test := range []struct {
		name   string
		life   []seen
		closed int
		want   bool
	}{
		{"never dead", []seen{{0, ""}}, 1000, false},
		{"dead for the settle time", []seen{{0, ""}, {100, refused}}, 250, true},
		{"dead for less", []seen{{0, ""}, {100, refused}}, 230, false},
		{"a flap", []seen{{0, ""}, {100, refused}, {200, ""}}, 300, false},
		{"back just before", []seen{{0, ""}, {100, refused}, {300, ""}}, 310, true},
		{"back long before", []seen{{0, ""}, {100, refused}, {300, ""}}, 900, false},
		{"dead once more, but too short", []seen{{0, ""}, {100, refused}, {300, ""}, {1000, refused}}, 1100, false},
		{"carrier within the grace", []seen{{0, ""}, {100, carrier}}, 2000, false},
		{"carrier beyond the grace", []seen{{0, ""}, {100, carrier}, {3100, lost}}, 3110, true},
		{"carrier, and then the route", []seen{{0, ""}, {100, carrier}, {200, refused}}, 360, true},
		{"no carrier for long where it was sent", []seen{{0, ""}, {100, lost}}, 260, true},
	} {
		var l life
		for _, s := range test.life {
			l.see(s.c, home{}, span{after: at(s.ms - 10), before: at(s.ms)})
		}
		if got := l.deserved(at(test.closed)) != nil; got != test.want {
			t.Errorf("%s: deserved at %d ms is %v, want %v", test.name, test.closed, got, test.want)
		}
	}
}

func TestLimits(t *testing.T) {
	for _, test := range []struct {
		causes []cause
		want   time.Duration
	}{
		{[]cause{refused}, settle + margin},
		{[]cause{elsewhere, noSource}, settle + margin},
		{[]cause{carrier}, settle + grace + margin},
		{[]cause{refused, lost}, settle + grace + margin},
	} {
		var l life
		for _, c := range test.causes {
			l.see(c, home{}, span{})
		}
		if got := l.now().limit(); got != test.want {
			t.Errorf("%q: limit %v, want %v", test.causes, got, test.want)
		}
	}
	e := episode{known: span{before: time.Unix(10, 0), stalled: time.Second}}
	if got := e.age(time.Unix(15, 0), 3*time.Second); got != 3*time.Second {
		t.Errorf("dead for 5 s, of which the kernel stalled 2: age %v", got)
	}
}

// TestGrace follows a link through its carrier's ups and downs.
func TestGrace(t *testing.T) {
	type state struct {
		s           int // when
		up, running bool
		want        bool // graced
	}
	then := links{1: {up: true, running: true}}
	for _, s := range []state{
		{1, true, false, true}, {3, true, false, true}, {5, true, false, false},
		{6, true, true, false}, {7, true, false, true},
		{8, false, false, false}, {9, true, false, false},
	} {
		now := links{1: {up: s.up, running: s.running}}
		now.since(then, span{after: time.Unix(int64(s.s), 0), before: time.Unix(int64(s.s), 0)})
		if now[1].graced != s.want {
			t.Errorf("at %d s: in the grace is %v, want %v", s.s, now[1].graced, s.want)
		}
		then = now
	}
}

// TestWeather: the same seed brings the same changes, each of which is mended, and
// no more at a time than a connection can bear.
func TestWeather(t *testing.T) {
	type event struct {
		at   time.Duration
		name string
		mend bool
	}
	story := func(seed uint64) (all []event) {
		w := newWeather(seed)
		for range 5000 {
			at, c, mend := w.next()
			all = append(all, event{at, c.name, mend})
		}
		return all
	}
	first := story(7)
	if !reflect.DeepEqual(first, story(7)) {
		t.Error("the same seed brings other changes")
	}
	if reflect.DeepEqual(first, story(8)) {
		t.Error("another seed brings the same changes")
	}
	struck := make(map[string]bool)
	ever := make(map[string]bool)
	last := time.Duration(0)
	for _, e := range first {
		if e.at < last || struck[e.name] == !e.mend {
			t.Fatalf("%v after %v, with %v in force", e, last, struck)
		}
		last = e.at
		ever[e.name] = true
		if delete(struck, e.name); !e.mend {
			struck[e.name] = true
		}
		if len(struck) > most {
			t.Fatalf("%d changes at a time: %v", len(struck), struck)
		}
	}
	if all := changes(); len(ever) != len(all) {
		t.Errorf("%d of %d changes came up", len(ever), len(all))
	}
}

// TestChangesFit: what an object says takes it away is a change there is.
func TestChangesFit(t *testing.T) {
	names := make(map[string]bool)
	for _, c := range changes() {
		if names[c.name] || len(c.strike) == 0 {
			t.Errorf("the change %q is there twice, or does nothing", c.name)
		}
		names[c.name] = true
	}
	w := world{base: base()}
	whole := w.lines(nil)
	for _, o := range w.base {
		for _, part := range o.parts {
			if !names[part] {
				t.Errorf("%q is taken away by %q, which is no change", o.line, part)
			}
			left := w.lines([]struck{{change: change{name: part}}})
			if slices.Contains(left, o.line) || len(left) >= len(whole) {
				t.Errorf("%q stands although %q took it away", o.line, part)
			}
		}
	}
}

func TestLeaks(t *testing.T) {
	flat := make([]holding, 40)
	for i := range flat {
		flat[i].rss = 14000 + i%7*300
	}
	rising := slices.Clone(flat)
	for i := range rising {
		rising[i].rss += i * 500
	}
	for _, test := range []struct {
		name        string
		early, late holding
		samples     []holding
		want        string
	}{
		{"nothing", holding{descriptors: 20, goroutines: 40}, holding{descriptors: 22, goroutines: 38}, flat, ""},
		{"descriptors", holding{descriptors: 20}, holding{descriptors: 30}, flat, "descriptors"},
		{"goroutines", holding{goroutines: 20}, holding{goroutines: 30}, nil, "goroutines"},
		{"memory", holding{}, holding{}, rising, "memory"},
		{"too short to tell", holding{}, holding{}, rising[:10], ""},
	} {
		err := leaks(test.early, test.late, test.samples)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: leaks = %v, want %q", test.name, err, test.want)
		}
	}
}
