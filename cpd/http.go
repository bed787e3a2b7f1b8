package cpd

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Bounds of one answer, in bytes.
const (
	// headMax covers status line and headers, those of 1xx answers before the
	// final one included. Real answers stay under 2 KiB; net/http allows 1 MiB,
	// a quarter of what this program may use at all.
	headMax = 16 << 10
	// bodyMax is as far as a portal's page is searched and an expected text looked
	// for. Redirects stand at the top of a page.
	bodyMax = 64 << 10
)

// What is wrong with an answer that is not HTTP as it should be.
var (
	ErrMalformed = errors.New("cpd: http: malformed answer")
	ErrTooLarge  = fmt.Errorf("cpd: http: headers pass %d bytes", headMax)
)

// Response is what came back for a probe. The zero value is an answer without
// a status, which Classify takes for none. Body aliases its reader's buffer.
type Response struct {
	Status     int           // 0 where no complete header block came
	Location   string        // as sent, hence not to be trusted
	Type       string        // Content-Type, likewise
	Encoding   string        // Content-Encoding, likewise; the body is never decoded
	Date       time.Time     // the server's clock; zero where not given
	RetryAfter time.Duration // at most a day; a date is taken relative to Date
	Body       []byte        // the first 64 KiB, chunks joined
	Truncated  bool          // the body goes on, or broke off

	Addr netip.Addr // who answered; invalid where unknown
	Err  error      // why there is no Status, or why Body broke off

	length          int64 // Content-Length; -1 where not given
	chunked, http10 bool
	retry           string
}

// request is the one request of a connection: no body, no second one after it.
// Caches on the way are told to stand aside, and no compression is asked for.
func request(t target, accept string) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: netmond\r\nAccept: %s\r\n"+
		"Accept-Encoding: identity\r\nCache-Control: no-cache\r\nPragma: no-cache\r\nConnection: close\r\n\r\n",
		t.path, t.hostHdr, accept)
}

// reader reads one HTTP/1 answer (RFC 9112) at a time and keeps its buffers for
// the next. The zero value is ready for reset. For one goroutine.
type reader struct {
	src  io.Reader
	buf  []byte // what was read ahead; holds a whole header block
	pos  int    // buf[:pos] is done with
	body []byte
}

func (r *reader) reset(src io.Reader) {
	*r = reader{src: src, buf: r.buf[:0], body: r.body[:0]}
}

// Read drains what was read ahead and then the source.
func (r *reader) Read(p []byte) (int, error) {
	if r.pos < len(r.buf) {
		n := copy(p, r.buf[r.pos:])
		r.pos += n
		return n, nil
	}
	return r.src.Read(p)
}

// line returns the next line of the header block without its end. It is valid
// until the next reset.
func (r *reader) line() ([]byte, error) {
	for seen := r.pos; ; {
		if i := bytes.IndexByte(r.buf[seen:], '\n'); i >= 0 {
			line := r.buf[r.pos : seen+i]
			r.pos = seen + i + 1
			return bytes.TrimSuffix(line, []byte("\r")), nil
		}
		seen = len(r.buf)
		if seen == headMax {
			return nil, ErrTooLarge
		}
		if seen == cap(r.buf) {
			grown := make([]byte, seen, min(max(2*seen, 1<<10), headMax))
			copy(grown, r.buf)
			r.buf = grown
		}
		n, err := r.src.Read(r.buf[seen:min(cap(r.buf), headMax)])
		r.buf = r.buf[:seen+n]
		if n > 0 {
			continue
		}
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}
	}
}

// head reads the header block of the final answer into resp. On an error resp
// has no status.
func (r *reader) head(resp *Response) error {
	for {
		*resp = Response{length: -1, Addr: resp.Addr}
		line, err := r.line()
		if err != nil {
			return err
		}
		status, err := parseStatus(line, resp)
		if err != nil {
			return err
		}
		if err := r.fields(resp); err != nil {
			return err
		}
		// RFC 9110 section 15.2: any number of these before the answer proper;
		// headMax bounds them. A 101 is the last thing that is HTTP.
		if status >= 200 || status == 101 {
			resp.Status = status
			resp.RetryAfter = parseRetry(resp.retry, resp.Date)
			return nil
		}
	}
}

func parseStatus(line []byte, resp *Response) (int, error) {
	proto, rest, _ := bytes.Cut(line, []byte(" "))
	switch string(proto) {
	case "HTTP/1.1":
	case "HTTP/1.0":
		resp.http10 = true
	default:
		return 0, fmt.Errorf("%w: no HTTP/1 status line", ErrMalformed)
	}
	code, _, _ := bytes.Cut(bytes.TrimLeft(rest, " "), []byte(" "))
	if len(code) != 3 || code[0] < '1' || code[0] > '9' || !digits(code) {
		return 0, fmt.Errorf("%w: status", ErrMalformed)
	}
	return int(code[0]-'0')*100 + int(code[1]-'0')*10 + int(code[2]-'0'), nil
}

// fields reads header fields up to the empty line and files those that matter.
func (r *reader) fields(resp *Response) error {
	var name, value []byte
	var joined []byte // a value of several lines, grown so that many lines cost no more than one
	for {
		line, err := r.line()
		if err != nil {
			return err
		}
		folded := len(line) > 0 && (line[0] == ' ' || line[0] == '\t')
		if folded && name == nil {
			return fmt.Errorf("%w: first header line is a continuation", ErrMalformed)
		}
		if folded { // RFC 9112 section 5.2: obsolete, joined by a space
			if joined == nil {
				joined = append(joined, value...)
			}
			joined = append(append(joined, ' '), trim(line)...)
			value = joined
			continue
		}
		if name != nil {
			if err := file(resp, name, trim(value)); err != nil {
				return err
			}
		}
		if len(line) == 0 {
			return nil
		}
		var ok bool
		if name, value, ok = bytes.Cut(line, []byte(":")); !ok {
			return fmt.Errorf("%w: header line without a colon", ErrMalformed)
		}
		joined = nil
	}
}

// file checks one header field and keeps it where it is wanted; of a field that
// is repeated, the first.
func file(resp *Response, name, value []byte) error {
	if len(name) == 0 || bytes.ContainsFunc(name, func(c rune) bool { return c >= 0x80 || !tokenByte(byte(c)) }) {
		return fmt.Errorf("%w: header name", ErrMalformed)
	}
	for _, c := range value {
		if c < ' ' && c != '\t' || c == 0x7f {
			return fmt.Errorf("%w: byte %#02x in a header", ErrMalformed, c)
		}
	}
	keep := func(s *string) {
		if *s == "" {
			*s = string(value)
		}
	}
	switch {
	case fold(name, "location"):
		keep(&resp.Location)
	case fold(name, "content-type"):
		keep(&resp.Type)
	case fold(name, "content-encoding"):
		keep(&resp.Encoding)
	case fold(name, "retry-after"):
		keep(&resp.retry)
	case fold(name, "date"):
		if t, ok := parseDate(string(value)); ok && resp.Date.IsZero() {
			resp.Date = t
		}
	case fold(name, "transfer-encoding"):
		if resp.http10 { // RFC 9112 section 6.1: such framing is faulty; length or close rules
			return nil
		}
		if resp.chunked || !fold(value, "chunked") {
			return fmt.Errorf("%w: transfer encoding", ErrMalformed)
		}
		resp.chunked = true
	case fold(name, "content-length"):
		n, err := strconv.ParseInt(string(value), 10, 64)
		if err != nil || !digits(value) || resp.length >= 0 && resp.length != n {
			return fmt.Errorf("%w: content length", ErrMalformed)
		}
		resp.length = n
	}
	return nil
}

// retryMax bounds Retry-After: a portal's or a server's wish is not to keep an
// uplink unchecked for longer.
const retryMax = 24 * time.Hour

// parseRetry reads Retry-After (RFC 9110 section 10.2.3): seconds, or a date,
// which is taken against the server's own clock.
func parseRetry(s string, date time.Time) time.Duration {
	if n, err := strconv.ParseUint(s, 10, 64); err == nil {
		return time.Duration(min(n, uint64(retryMax/time.Second))) * time.Second
	}
	t, ok := parseDate(s)
	if !ok || date.IsZero() {
		return 0
	}
	return min(max(t.Sub(date), 0), retryMax)
}

// parseDate reads the one date form that servers may send (RFC 9110 section
// 5.6.7, IMF-fixdate). A wrong day of the week is no matter.
func parseDate(s string) (t time.Time, ok bool) {
	const layout = "Mon, 02 Jan 2006 15:04:05 GMT"
	if len(s) != len(layout) {
		return t, false
	}
	number := func(i, j int) int {
		n, _ := strconv.Atoi(s[i:j])
		return n
	}
	month := time.Month(1 + strings.Index("JanFebMarAprMayJunJulAugSepOctNovDec", s[8:11])/3)
	t = time.Date(number(12, 16), month, number(5, 7), number(17, 19), number(20, 22), number(23, 25), 0, time.UTC)
	return t, t.Format(layout)[3:] == s[3:] // nothing was out of its range
}
