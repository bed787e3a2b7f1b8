package smd

import (
	"strconv"
	"unicode/utf8"

	"github.com/netmond/netmond/internal/minijson"
)

// appender is a value that writes itself as compact JSON, as all payloads of
// this package do.
type appender interface{ AppendJSON([]byte) []byte }

// marshal returns v as compact JSON in one line. It leaves <, > and & readable:
// nothing here is pasted into HTML.
func marshal(v any) ([]byte, error) {
	if a, ok := v.(appender); ok {
		return a.AppendJSON(nil), nil
	}
	return minijson.Append(nil, v)
}

const hex = "0123456789abcdef"

// appendString appends s as a JSON string (RFC 8259 section 7). What is not
// UTF-8, which the names of devices need not be, becomes U+FFFD.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				b = append(b, s[start:i]...)
				b = append(b, `\ufffd`...)
				start = i + 1
			}
			i += size
			continue
		}
		b = append(b, s[start:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '\t':
			b = append(b, `\t`...)
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		start = i
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

// The add functions append one member, with its comma, to an object that has
// members already.

func addString(b []byte, key, value string) []byte {
	b = append(append(append(b, `,"`...), key...), `":`...)
	return appendString(b, value)
}

func addUint(b []byte, key string, value uint64) []byte {
	b = append(append(append(b, `,"`...), key...), `":`...)
	return strconv.AppendUint(b, value, 10)
}

func addBool(b []byte, key string, value bool) []byte {
	b = append(append(append(b, `,"`...), key...), `":`...)
	return strconv.AppendBool(b, value)
}

// addCut is addString with as much of value as keeps the object, when it is
// closed, within end bytes; an ellipsis says that there was more. Where not even
// that has room, the member is left out.
func addCut(b []byte, key, value string, end int) []byte {
	full := addString(b, key, value)
	if len(full) < end {
		return full
	}
	cut := value
	if n := MaxPayload; len(cut) > n { // no more can fit
		for n > 0 && !utf8.RuneStart(cut[n]) {
			n--
		}
		cut = cut[:n]
	}
	for {
		_, size := utf8.DecodeLastRuneInString(cut)
		if size == 0 {
			return b
		}
		cut = cut[:len(cut)-size]
		if full = addString(b, key, cut+"…"); len(full) < end {
			return full
		}
	}
}
