package minijson

import (
	"fmt"
	"iter"
)

// scanner goes over JSON text (RFC 8259). For one goroutine.
type scanner struct {
	text []byte
	pos  int
}

// Valid says whether text is one JSON value, nested no deeper than 1000.
func Valid(text []byte) bool { return check(text) == nil }

func check(text []byte) error {
	s := scanner{text: text}
	if s.space(); s.value(0) {
		if s.space(); s.pos == len(text) {
			return nil
		}
	}
	if s.pos >= len(text) {
		return fmt.Errorf("json: unexpected end")
	}
	return fmt.Errorf("json: syntax error at byte %d, %q", s.pos, text[s.pos])
}

// peek is the byte at pos; 0, which is no JSON, at the end.
func (s *scanner) peek() byte {
	if s.pos < len(s.text) {
		return s.text[s.pos]
	}
	return 0
}

// take goes over c, if it is next.
func (s *scanner) take(c byte) bool {
	if s.peek() != c || s.pos == len(s.text) {
		return false
	}
	s.pos++
	return true
}

func (s *scanner) space() {
	for s.take(' ') || s.take('\n') || s.take('\t') || s.take('\r') {
	}
}

// word goes over a literal.
func (s *scanner) word(w string) bool {
	for i := range len(w) {
		if !s.take(w[i]) {
			return false
		}
	}
	return true
}

// value goes over one value. If it returns false, pos is where the text is wrong.
func (s *scanner) value(depth int) bool {
	switch c := s.peek(); c {
	case '{':
		return depth < maxDepth && s.list('}', func() bool {
			if !s.quoted() {
				return false
			}
			if s.space(); !s.take(':') {
				return false
			}
			s.space()
			return s.value(depth + 1)
		})
	case '[':
		return depth < maxDepth && s.list(']', func() bool { return s.value(depth + 1) })
	case '"':
		return s.quoted()
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	}
	return s.number()
}

// list goes over a bracket, elements with commas between, and the bracket end.
func (s *scanner) list(end byte, element func() bool) bool {
	s.pos++
	if s.space(); s.take(end) {
		return true
	}
	for element() {
		if s.space(); s.take(end) {
			return true
		}
		if !s.take(',') {
			return false
		}
		s.space()
	}
	return false
}

func (s *scanner) quoted() bool {
	if !s.take('"') {
		return false
	}
	for s.pos < len(s.text) {
		switch c := s.text[s.pos]; {
		case c == '"':
			s.pos++
			return true
		case c < ' ':
			return false
		case c == '\\':
			s.pos++
			if c := s.peek(); c == 'u' && codeUnit(s.text[s.pos-1:]) >= 0 {
				s.pos += 4
			} else if escapes[c] == 0 {
				return false
			}
		}
		s.pos++
	}
	return false
}

func (s *scanner) number() bool {
	s.take('-')
	if !s.take('0') && !s.digits() {
		return false
	}
	if s.take('.') && !s.digits() {
		return false
	}
	if s.take('e') || s.take('E') {
		_ = s.take('+') || s.take('-')
		return s.digits()
	}
	return true
}

func (s *scanner) digits() bool {
	start := s.pos
	for c := s.peek(); '0' <= c && c <= '9'; c = s.peek() {
		s.pos++
	}
	return s.pos > start
}

// next goes over one value of valid text and returns it.
func (s *scanner) next() []byte {
	s.space()
	start := s.pos
	s.value(0)
	return s.text[start:s.pos]
}

// each yields the members of the object, or the elements of the array, that
// valid text is; elements have no name.
func each(text []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		s := scanner{text: text}
		s.space()
		named := s.take('{')
		if !named && !s.take('[') {
			return
		}
		for s.space(); s.peek() != '}' && s.peek() != ']'; s.space() {
			var name []byte
			if named {
				name = s.next()
				s.space()
				s.take(':')
			}
			if !yield(name, s.next()) {
				return
			}
			s.space()
			s.take(',')
		}
	}
}

// Each yields the members of the object, or the elements of the array, that text
// is; elements have no name. Text must be Valid.
func Each(text []byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for name, value := range each(text) {
			var s string
			if name != nil {
				s = unquote(name)
			}
			if !yield(s, value) {
				return
			}
		}
	}
}

// Compact appends text without the white space between its tokens.
func Compact(b, text []byte) ([]byte, error) { return compact(b, text, false) }

// compact is Compact; html escapes <, >, &, U+2028 and U+2029 besides.
func compact(b, text []byte, html bool) ([]byte, error) {
	if err := check(text); err != nil {
		return nil, err
	}
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case html && (c == '<' || c == '>' || c == '&'):
			b = appendEscape(b, rune(c))
		case html && c == 0xe2 && i+2 < len(text) && text[i+1] == 0x80 && text[i+2]&^1 == 0xa8:
			b = appendEscape(b, 0x2000|rune(text[i+2])&0x3f)
			i += 2
		case !quoted && (c == ' ' || c == '\n' || c == '\t' || c == '\r'):
		case quoted && c == '\\':
			b = append(b, c, text[i+1])
			i++
		default:
			if c == '"' {
				quoted = !quoted
			}
			b = append(b, c)
		}
	}
	return b, nil
}
