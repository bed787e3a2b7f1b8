package log

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"log/slog"
	"net/netip"
	"regexp"
	"sync"
	"testing"
	"time"
)

// words are such values as need quotes and such as do not.
var words = []string{"", "plain", "two words", `"quoted"`, `back\slash`, "a=b", "tab\t", "line\nbreak", "é", "\u00a0", "\u200b", "\ufffd",
	"\xff", "\x7f", "<&>", "\u2028", "default via 192.0.2.1 dev wan", "日本"}

var messages = [][]any{
	nil,
	{"n", 7, "u", uint32(8), "u64", uint64(1 << 63), "neg", -1, "yes", true, "f", 1.5},
	{"err", errors.New("conn: no route"), "nested", error(&time.ParseError{Message: "x"}), "none", nil},
	{"took", 1500 * time.Millisecond, "addr", netip.MustParseAddr("192.0.2.1"), "list", []int{1, 2}},
}

func TestLinesAreThoseOfSlog(t *testing.T) {
	all := messages
	for _, w := range words {
		all = append(all, []any{"word", w, "err", errors.New(w)})
	}
	for _, json := range []bool{false, true} {
		var got, want bytes.Buffer
		var level Level
		ours, theirs := Logger(New(&got, &level, json, false)), slogger(&want, json)
		for _, args := range all {
			for _, log := range []Logger{ours, theirs} {
				log.Info("text", args...)
				log.Warn("two words", args...)
				log.Error("", args...)
				log.Debug("not said", args...)
			}
			if got.String() != want.String() {
				t.Errorf("json=%v: wrote %s, want %s", json, &got, &want)
			}
			got.Reset()
			want.Reset()
		}
	}
}

// slogger is slog's logger, without times.
func slogger(w io.Writer, json bool) *slog.Logger {
	opts := &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}
	if json {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}

func TestTimesAreThoseOfSlog(t *testing.T) {
	for _, json := range []bool{false, true} {
		for _, now := range []time.Time{
			time.Date(2026, 1, 2, 3, 4, 5, 678_900_000, time.UTC),
			time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", -2*3600)),
		} {
			var got, want bytes.Buffer
			l := New(&got, new(Level), json, true)
			l.now = func() time.Time { return now }
			l.Info("x")
			r := slog.NewRecord(now, slog.LevelInfo, "x", 0)
			var h slog.Handler = slog.NewTextHandler(&want, nil)
			if json {
				h = slog.NewJSONHandler(&want, nil)
			}
			if err := h.Handle(context.Background(), r); err != nil {
				t.Fatal(err)
			}
			if got.String() != want.String() {
				t.Errorf("wrote %s, want %s", &got, &want)
			}
		}
	}
}

func TestLevel(t *testing.T) {
	var l Level
	if l.String() != "info" {
		t.Errorf("the zero value is %s, want info", &l)
	}
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Var(&l, "log-level", "")
	for _, name := range []string{"debug", "INFO", "Warn", "error"} {
		if err := fs.Parse([]string{"-log-level", name}); err != nil {
			t.Error(err)
		}
		for level, log := range map[string]func(Logger){
			"debug": func(l Logger) { l.Debug("x") }, "info": func(l Logger) { l.Info("x") },
			"warn": func(l Logger) { l.Warn("x") }, "error": func(l Logger) { l.Error("x") },
		} {
			var b bytes.Buffer
			log(New(&b, &l, false, false))
			var at Level
			if err := at.Set(level); err != nil {
				t.Fatal(err)
			}
			if said := b.Len() > 0; said != (at.v.Load() >= l.v.Load()) {
				t.Errorf("at %s a message of %s is said: %v", &l, level, said)
			}
		}
	}
	var other Level
	if other.Adopt(&l); other.String() != "error" {
		t.Errorf("Adopt makes it %s, want error", &other)
	}
	if err := l.Set("loud"); err == nil || err.Error() != `"loud" is not one of debug, info, warn, error` {
		t.Errorf("Set(loud) = %v", err)
	}
}

func TestLinesStayWhole(t *testing.T) {
	var b bytes.Buffer
	l := New(&b, new(Level), false, true)
	var all sync.WaitGroup
	for range 8 {
		all.Add(1)
		go func() {
			defer all.Done()
			for range 100 {
				l.Info("a message", "k", "v")
			}
		}()
	}
	all.Wait()
	whole := regexp.MustCompile(`(?m)^time=\S+ level=INFO msg="a message" k=v$`)
	if n := len(whole.FindAll(b.Bytes(), -1)); n != 800 {
		t.Errorf("%d whole lines, want 800", n)
	}
}
