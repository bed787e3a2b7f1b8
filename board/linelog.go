package board

import "bytes"

const (
	maxLine  = 512 // bytes of a line of a hook's output; the rest of the line is dropped
	maxLines = 32  // lines of one run; the rest is dropped, and the log says so
)

// A lineLog is an io.Writer that logs each line it is given. It always takes all, so
// that a script never waits for it. For one goroutine.
type lineLog struct {
	log   Logger
	hook  string // its name
	line  []byte // what has come of the current line, up to maxLine
	lines int
}

func (l *lineLog) Write(b []byte) (int, error) {
	n := len(b)
	for l.lines <= maxLines {
		end := bytes.IndexByte(b, '\n')
		part := b
		if end >= 0 {
			part = b[:end]
		}
		l.line = append(l.line, part[:min(len(part), maxLine-len(l.line))]...)
		if end < 0 {
			break
		}
		b = b[end+1:]
		l.emit()
	}
	return n, nil
}

// flush logs a last line without a line break. To be called when all is written.
func (l *lineLog) flush() {
	if len(l.line) > 0 && l.lines <= maxLines {
		l.emit()
	}
}

func (l *lineLog) emit() {
	if l.lines == maxLines {
		l.log.Info("hook output cut", "hook", l.hook, "lines", maxLines)
	} else {
		l.log.Info("hook output", "hook", l.hook, "line", printable(string(l.line)))
	}
	l.lines++
	l.line = l.line[:0]
}
