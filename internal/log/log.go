// Package log writes what log/slog's two handlers write, to the byte, for those
// who only need lines: no groups, no attributes of a logger, no sources.
//
// log/slog sets up its default logger when it is imported, and with that come
// both handlers, package log and the whole encoder of encoding/json: on mips an
// eighth of the code that is not the runtime's. So what is part of the binary
// takes a Logger, which a *slog.Logger is too.
package log

import (
	"fmt"
	"io"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/netmond/netmond/internal/minijson"
)

// Logger takes messages with keys and values in turn, as a *slog.Logger does.
type Logger interface {
	Debug(msg string, args ...any)
	Info(msg string, args ...any)
	Warn(msg string, args ...any)
	Error(msg string, args ...any)
}

// Lines is a Logger that writes a line for each message. Safe for concurrent use.
type Lines struct {
	w     io.Writer
	turn  chan struct{} // who has put the one value there may write
	level *Level
	json  bool
	now   func() time.Time // nil for lines without a time
}

// New returns a Logger that writes to w what is of the level or above it, as JSON
// or as text; stamped says whether lines begin with their time.
func New(w io.Writer, level *Level, json, stamped bool) *Lines {
	l := &Lines{w: w, turn: make(chan struct{}, 1), level: level, json: json}
	if stamped {
		l.now = time.Now
	}
	return l
}

func (l *Lines) Debug(msg string, args ...any) { l.line(debug, msg, args) }
func (l *Lines) Info(msg string, args ...any)  { l.line(info, msg, args) }
func (l *Lines) Warn(msg string, args ...any)  { l.line(warn, msg, args) }
func (l *Lines) Error(msg string, args ...any) { l.line(failure, msg, args) }

func (l *Lines) line(level int32, msg string, args []any) {
	if level < l.level.v.Load() {
		return
	}
	member := appendText
	b := make([]byte, 0, 256)
	if l.json {
		member = appendJSON
	}
	if l.now != nil {
		b = member(b, "time", l.now())
	}
	b = member(b, "level", levelNames[level])
	b = member(b, "msg", msg)
	for ; len(args) > 1; args = args[2:] {
		key, _ := args[0].(string)
		b = member(b, key, args[1])
	}
	if l.json {
		b = append(b, '}')
	}
	b = append(b, '\n')
	l.turn <- struct{}{}
	_, _ = l.w.Write(b) // there is nobody to tell
	<-l.turn
}

// appendText appends key=value, with a blank before it where b is not empty.
func appendText(b []byte, key string, value any) []byte {
	if len(b) > 0 {
		b = append(b, ' ')
	}
	b = append(b, key...)
	b = append(b, '=')
	var s string
	switch v := value.(type) {
	case string:
		s = v
	case time.Time:
		return v.AppendFormat(b, "2006-01-02T15:04:05.000Z07:00")
	default:
		s = fmt.Sprint(v)
	}
	if needsQuotes(s) {
		return strconv.AppendQuote(b, s)
	}
	return append(b, s...)
}

// needsQuotes says whether s cannot stand bare between blanks.
func needsQuotes(s string) bool {
	for _, r := range s {
		switch {
		case r <= ' ', r == '"', r == '=', r == utf8.RuneError, unicode.IsSpace(r):
			return true
		case r > 0x7f && !strconv.IsPrint(r):
			return true
		}
	}
	return s == ""
}

// appendJSON appends a member to the object that b is, or is to be.
func appendJSON(b []byte, key string, value any) []byte {
	if len(b) == 0 {
		b = append(b, '{')
	} else {
		b = append(b, ',')
	}
	b, _ = minijson.Append(b, key)
	b = append(b, ':')
	if err, ok := value.(error); ok {
		value = err.Error()
	}
	if more, err := minijson.Append(b, value); err == nil {
		return more
	}
	b, _ = minijson.Append(b, fmt.Sprint(value))
	return b
}

// Discard is a Logger that drops everything.
type Discard struct{}

func (Discard) Debug(string, ...any) {}
func (Discard) Info(string, ...any)  {}
func (Discard) Warn(string, ...any)  {}
func (Discard) Error(string, ...any) {}
