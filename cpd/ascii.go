package cpd

import (
	"bytes"
	"strings"
)

// The text of HTTP and HTML that matters here is ASCII, whatever else comes with
// it, so it is compared byte by byte and never decoded.

func trim(b []byte) []byte { return bytes.Trim(b, " \t") }

// fold reports whether b is the ASCII text s, which is in lower case.
func fold(b []byte, s string) bool {
	if len(b) != len(s) {
		return false
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != s[i] {
			return false
		}
	}
	return true
}

func digits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) > 0
}

// tokenByte is tchar of RFC 9110 section 5.6.2.
func tokenByte(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' ||
		strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

func skip(b []byte) []byte { return bytes.TrimLeft(b, " \t\r\n") }

// indexFold is bytes.Index for the ASCII text s, which is in lower case.
func indexFold(b []byte, s string) int {
	for i := 0; i+len(s) <= len(b); i++ {
		if fold(b[i:i+len(s)], s) {
			return i
		}
	}
	return -1
}
