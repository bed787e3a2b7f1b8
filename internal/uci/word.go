package uci

import (
	"bytes"
	"errors"
	"strings"
)

// Words
//
// libuci works on one line at a time and asks for the next only where the line
// ends inside quotes or in a backslash. A word is any run of these, joined
// without white space between them:
//
//	bare      up to white space, '#' or ';'
//	'...'     as it stands, over as many lines as it takes; no escapes
//	"..."     the same, but a backslash takes the next character literally
//	\x        x, whatever it is; there are no \n or \t
//	\ newline nothing: the word goes on in the first column of the next line
//
// A '#' that is neither quoted nor escaped starts a comment, in the middle of
// a word too. A ';' ends the command, with one oddity that is kept: glued to a
// bare word it takes the rest of the line with it, because libuci terminates the
// word by overwriting it.
//
// The scanner is a window into the text: line[pos:end] is what is left of
// the lines fetched so far, and pos == end is libuci's NUL at their end.
type scanner struct {
	text []byte
	pos  int
	end  int
	line int    // number of the last line fetched, from 1; 0 before the first
	word []byte // the current word, reused
}

var (
	errQuote = errors.New("quote without an end")
	errShort = errors.New("an argument is missing")
)

// fetch extends the window by one line and reports whether there was one.
func (s *scanner) fetch() bool {
	if s.end == len(s.text) {
		return false
	}
	s.line++
	if i := bytes.IndexByte(s.text[s.end:], '\n'); i >= 0 {
		s.end += i + 1
	} else {
		s.end = len(s.text)
	}
	return true
}

// peek returns the current character, or 0 at the end of the window; the
// text itself has no NUL (see Parse).
func (s *scanner) peek() byte {
	if s.pos < s.end {
		return s.text[s.pos]
	}
	return 0
}

// drop ignores the rest of the window.
func (s *scanner) drop() { s.pos = s.end }

// space skips white space.
func (s *scanner) space() {
	for isSpace(s.peek()) {
		s.pos++
	}
}

// keyword returns the command that a line or, after ';', the rest of one begins
// with. Only blanks delimit it, not the newline. Empty means nothing is left.
func (s *scanner) keyword() string {
	rest := bytes.TrimLeft(s.text[s.pos:s.end], " \t")
	s.pos = s.end - len(rest)
	n := bytes.IndexAny(rest, " \t")
	if n < 0 {
		s.drop()
		return string(rest)
	}
	s.pos += n + 1
	return string(rest[:n])
}

// argument returns the next word, empty at the end of the command, whose ';' it
// takes. An empty pair of quotes is no different from no word at all.
func (s *scanner) argument() (string, error) {
	s.space()
	if s.peek() == ';' {
		s.pos++
		return "", nil
	}
	s.word = s.word[:0]
	bare := true // pos has kept pace with the word: nothing was left out
	for {
		switch c := s.peek(); {
		case c == 0:
			return string(s.word), nil
		case c == '#':
			s.drop()
			return string(s.word), nil
		case c == ';':
			if bare {
				s.drop()
			}
			return string(s.word), nil
		case isSpace(c):
			s.pos++
			return string(s.word), nil
		case c == '\'' || c == '"':
			bare = false
			if err := s.quoted(c); err != nil {
				return "", err
			}
		case c == '\\':
			bare = false
			s.escaped()
		default:
			s.word = append(s.word, c)
			s.pos++
		}
	}
}

// quoted reads up to the matching quote. On failure the scanner's line is the one
// on which the quote was opened, which is where the operator has to look.
func (s *scanner) quoted(quote byte) error {
	opened := s.line
	s.pos++
	for {
		switch c := s.peek(); {
		case c == quote:
			s.pos++
			return nil
		case c == 0:
			if !s.fetch() {
				s.line = opened
				return errQuote
			}
		case c == '\\' && quote == '"':
			s.escaped()
		default:
			s.word = append(s.word, c)
			s.pos++
		}
	}
}

// escaped reads a backslash and what it protects: one character, or the end of the
// line, which it takes away.
func (s *scanner) escaped() {
	s.pos++
	switch string(s.text[s.pos:s.end]) {
	case "", "\n", "\r\n":
		s.drop()
		s.fetch()
	default:
		s.word = append(s.word, s.text[s.pos])
		s.pos++
	}
}

// isSpace is C's isspace in the POSIX locale.
func isSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

// isName reports whether s can name a section or an option: letters, digits
// and underscores, so that shell scripts can make variables of it.
func isName(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return !isWordRune(r) }) < 0
}

// isType reports whether s can be a section's type: printable ASCII.
func isType(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < '!' || '~' < r }) < 0
}

func isWordRune(r rune) bool {
	return r == '_' || '0' <= r && r <= '9' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z'
}
