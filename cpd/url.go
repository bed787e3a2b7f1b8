package cpd

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// urlMax is the longest URL that is passed on, in bytes. Portals put the
// device's address, the wanted page and a signature into the query, several
// hundred bytes in all; more than this helps nobody and fills logs and queues.
const urlMax = 2 << 10

// CleanURL returns raw, an absolute URL that somebody on the network sent, in a
// form that is safe to show and to hand on: http or https, a plain host, no user
// name to deceive with, printable ASCII, at most 2 KiB, and none of the
// characters that RFC 3986 leaves out, nor a single quote, since those end a
// quoted string in a shell or a page. It changes nothing else, and a clean URL
// stays as it is. The error says what is wrong and quotes no more than a scheme.
func CleanURL(raw string) (string, error) { return resolveURL(nil, raw) }

// resolveURL is CleanURL for a reference that may be relative to base (RFC 3986
// section 5). A nil base allows absolute ones only.
func resolveURL(base *url.URL, raw string) (string, error) {
	if err := printable(raw); err != nil {
		return "", err
	}
	u, err := url.Parse(raw)
	if err != nil {
		return "", errors.New("not a URL") // the parser's own words would quote it
	}
	if base != nil {
		u = base.ResolveReference(u)
	}
	if err := checkURL(u); err != nil {
		return "", err
	}
	clean := escape(u.String())
	if len(clean) > urlMax {
		return "", fmt.Errorf("longer than %d bytes", urlMax)
	}
	return clean, nil
}

// printable reports what keeps s from being the text of a URL.
func printable(s string) error {
	if len(s) > urlMax {
		return fmt.Errorf("longer than %d bytes", urlMax)
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return fmt.Errorf("byte %#02x is not printable ASCII", s[i])
		}
	}
	return nil
}

func checkURL(u *url.URL) error {
	switch {
	case u.Scheme == "":
		return errors.New("not absolute: allowed are http:// and https://")
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("scheme %.16q: allowed are http and https", u.Scheme)
	case u.User != nil:
		return errors.New("URL has a user name")
	case u.Hostname() == "":
		return errors.New("URL has no host")
	}
	// net/url lets through more than host names are made of.
	for i := range len(u.Host) {
		c := u.Host[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte("-._:[]%", c) >= 0:
		default:
			return fmt.Errorf("byte %#02x in the host name", c)
		}
	}
	return nil
}

// escape writes the characters that a URL must not hold as %XX.
func escape(s string) string {
	const unsafe, hex = "\"'<>\\^`{|}", "0123456789ABCDEF"
	if !strings.ContainsAny(s, unsafe) {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; strings.IndexByte(unsafe, c) >= 0 {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
