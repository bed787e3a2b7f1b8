package cpd

import (
	"bytes"
	"net/url"
	"strings"
)

// pageURL looks through a portal's page for the address it would send a browser
// to and returns the first that is clean, resolved against base; why tells of
// one that was found and dropped. It is no HTML parser: it knows the ways in
// which portals redirect without a Location header, and reads each byte a fixed
// number of times, whatever the page looks like.
func pageURL(base *url.URL, page []byte) (clean, why string) {
	for _, find := range []func([]byte) (string, []byte){metaRefresh, loginURL, scriptLocation} {
		for rest := page; len(rest) > 0; {
			var raw string
			if raw, rest = find(rest); raw == "" {
				continue
			}
			u, err := resolveURL(base, raw)
			if err == nil {
				return u, ""
			}
			if why == "" {
				why = err.Error()
			}
		}
	}
	return "", why
}

// metaRefresh finds `<meta http-equiv="refresh" content="0; url=...">`. Like the
// other finders it returns what follows the place it looked at, nil at the end.
func metaRefresh(page []byte) (string, []byte) {
	i := indexFold(page, "<meta")
	if i < 0 {
		return "", nil
	}
	page = page[i+len("<meta"):]
	end := bytes.IndexByte(page, '>')
	if end < 0 {
		return "", nil
	}
	tag, rest := page[:end], page[end+1:]
	if !fold([]byte(attribute(tag, "http-equiv")), "refresh") {
		return "", rest
	}
	content := []byte(attribute(tag, "content"))
	i = indexFold(content, "url")
	if i < 0 {
		return "", rest // reloads the page itself
	}
	to, ok := bytes.CutPrefix(bytes.TrimLeft(content[i+len("url"):], " \t\r\n"), []byte("="))
	if !ok {
		return "", rest
	}
	return entities(string(bytes.Trim(to, " \t\r\n'\""))), rest
}

// loginURL finds `<LoginURL>...</LoginURL>` of a WISPr 1.0 redirect message,
// which hot spots hide in a comment of the page.
func loginURL(page []byte) (string, []byte) {
	const tag = "<loginurl>"
	i := indexFold(page, tag)
	if i < 0 {
		return "", nil
	}
	page = page[i+len(tag):]
	end := bytes.IndexByte(page, '<')
	if end < 0 {
		return "", nil
	}
	return entities(string(bytes.TrimSpace(page[:end]))), page[end:]
}

// scriptLocation finds `location = "..."`, `location.href = "..."` and
// `location.replace("...")` or assign, of window, document, top or none.
func scriptLocation(page []byte) (string, []byte) {
	const word = "location"
	i := indexFold(page, word)
	if i < 0 {
		return "", nil
	}
	rest := page[i+len(word):]
	s, sep := rest, byte('=')
	for _, member := range [...]string{".href", ".replace", ".assign"} {
		if len(s) >= len(member) && fold(s[:len(member)], member) {
			if s = s[len(member):]; member != ".href" {
				sep = '('
			}
			break
		}
	}
	if s = skip(s); len(s) == 0 || s[0] != sep {
		return "", rest
	}
	if s = skip(s[1:]); len(s) == 0 || s[0] != '"' && s[0] != '\'' {
		return "", rest
	}
	// A literal longer than a URL may be is none; so each byte is looked at but once
	// or twice, even where quotes never close.
	lit := s[1:min(len(s), urlMax+2)]
	end := bytes.IndexByte(lit, s[0])
	if end < 0 {
		return "", rest
	}
	return strings.ReplaceAll(string(lit[:end]), `\/`, "/"), s[1+end:]
}

// attribute returns the value of an HTML attribute in the inside of a tag.
func attribute(tag []byte, name string) string {
	for len(tag) > 0 {
		tag = bytes.TrimLeft(tag, " \t\r\n/")
		n := bytes.IndexAny(tag, " \t\r\n/=")
		if n < 0 {
			return ""
		}
		key := tag[:n]
		tag = skip(tag[n:])
		if len(tag) == 0 || tag[0] != '=' {
			continue
		}
		tag = skip(tag[1:])
		var val []byte
		if len(tag) > 0 && (tag[0] == '"' || tag[0] == '\'') {
			val, tag, _ = bytes.Cut(tag[1:], tag[:1])
		} else if n = bytes.IndexAny(tag, " \t\r\n"); n >= 0 {
			val, tag = tag[:n], tag[n:]
		} else {
			val, tag = tag, nil
		}
		if fold(key, name) {
			return string(val)
		}
	}
	return ""
}

// references are the character references that occur in URLs.
var references = [][2]string{
	{"&amp;", "&"}, {"&#38;", "&"}, {"&#x26;", "&"}, {"&#47;", "/"}, {"&#x2f;", "/"}, {"&#x2F;", "/"},
}

// entities decodes references, once.
func entities(s string) string {
	var out strings.Builder
next:
	for len(s) > 0 {
		for _, r := range references {
			if rest, ok := strings.CutPrefix(s, r[0]); ok {
				out.WriteString(r[1])
				s = rest
				continue next
			}
		}
		out.WriteByte(s[0])
		s = s[1:]
	}
	return out.String()
}
