package minijson

import (
	"encoding"
	"encoding/json"
	"math"
	"reflect"
	"strconv"
	"unicode/utf8"
)

const hex = "0123456789abcdef"

// string appends s as a JSON string (RFC 8259 section 7), escaped as encoding/json
// does: U+2028 and U+2029 too, which end a line in JavaScript. What is not UTF-8
// becomes U+FFFD.
func (e encoder) string(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c, size := rune(s[i]), 1
		if c >= utf8.RuneSelf {
			c, size = utf8.DecodeRuneInString(s[i:])
		}
		if bad := c == utf8.RuneError && size == 1; bad || e.escaped(c) {
			b = appendEscape(append(b, s[start:i]...), c)
			start = i + size
		}
		i += size
	}
	return append(append(b, s[start:]...), '"')
}

// escaped says whether c may not stand for itself.
func (e encoder) escaped(c rune) bool {
	switch c {
	case '"', '\\', '\u2028', '\u2029':
		return true
	case '<', '>', '&':
		return e.html
	}
	return c < ' '
}

// appendEscape appends the escape of c, which is below U+10000.
func appendEscape(b []byte, c rune) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', byte(c))
	case '\b':
		return append(b, `\b`...)
	case '\f':
		return append(b, `\f`...)
	case '\n':
		return append(b, `\n`...)
	case '\r':
		return append(b, `\r`...)
	case '\t':
		return append(b, `\t`...)
	}
	return append(b, '\\', 'u', hex[c>>12&15], hex[c>>8&15], hex[c>>4&15], hex[c&15])
}

// appendFloat appends f as ECMAScript writes it (ECMA-262, Number::toString), but
// for the sign of zero, which it keeps.
func appendFloat(b []byte, f float64, bits int) ([]byte, error) {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return nil, &json.UnsupportedValueError{Value: reflect.ValueOf(f), Str: strconv.FormatFloat(f, 'g', -1, bits)}
	}
	format := byte('f')
	low, high := 1e-6, 1e21
	if bits == 32 {
		low, high = float64(float32(low)), float64(float32(high))
	}
	if abs := math.Abs(f); abs != 0 && (abs < low || abs >= high) {
		format = 'e'
	}
	b = strconv.AppendFloat(b, f, format, -1, bits)
	if n := len(b); format == 'e' && b[n-4] == 'e' && b[n-3] == '-' && b[n-2] == '0' { // e-09 to e-9
		b[n-2] = b[n-1]
		b = b[:n-1]
	}
	return b, nil
}

// keyText is the key of a map as the name of a member.
func keyText(k reflect.Value) (string, error) {
	if k.Kind() == reflect.String {
		return k.String(), nil
	}
	if m, ok := k.Interface().(encoding.TextMarshaler); ok {
		text, err := m.MarshalText()
		return string(text), err
	}
	switch {
	case k.CanInt():
		return strconv.FormatInt(k.Int(), 10), nil
	case k.CanUint():
		return strconv.FormatUint(k.Uint(), 10), nil
	}
	return "", &json.UnsupportedTypeError{Type: k.Type()}
}

// unquote is the value of text, a valid JSON string.
func unquote(text []byte) string {
	text = text[1 : len(text)-1]
	b := make([]byte, 0, len(text))
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == '\\' && text[i+1] == 'u':
			r := codeUnit(text[i:])
			i += 6
			if 0xd800 <= r && r < 0xe000 { // half a pair; alone it is nothing
				r2 := codeUnit(text[i:])
				if r < 0xdc00 && 0xdc00 <= r2 && r2 < 0xe000 {
					r = (r-0xd800)<<10 + r2 - 0xdc00 + 0x10000
					i += 6
				} else {
					r = utf8.RuneError
				}
			}
			b = utf8.AppendRune(b, r)
		case c == '\\':
			b = append(b, escapes[text[i+1]])
			i += 2
		case c < utf8.RuneSelf:
			b = append(b, c)
			i++
		default:
			r, size := utf8.DecodeRune(text[i:])
			b = utf8.AppendRune(b, r)
			i += size
		}
	}
	return string(b)
}

// escapes has what stands behind a backslash, and for what.
var escapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// codeUnit is the number of the escape that text begins with; -1 if none.
func codeUnit(text []byte) rune {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return -1
	}
	n, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	if err != nil {
		return -1
	}
	return rune(n)
}
