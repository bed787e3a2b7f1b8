package cpd

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"
)

// readBody reads resp's body, at most limit bytes of it. Where it breaks off,
// what came is kept.
func (r *reader) readBody(resp *Response, limit int) {
	var err error
	switch {
	case resp.Status < 200, resp.Status == 204, resp.Status == 304:
		return
	case resp.chunked:
		err = r.chunks(limit)
	default:
		n := int64(limit) + 1
		if resp.length >= 0 {
			n = min(n, resp.length)
		}
		err = r.take(r, n)
		if err == io.ErrUnexpectedEOF && resp.length < 0 {
			err = nil // the end of the connection is the end of the body
		}
	}
	if resp.Truncated = err != nil; resp.Truncated {
		resp.Err = err
	}
	if len(r.body) > limit {
		r.body, resp.Truncated = r.body[:limit], true
	}
	resp.Body = r.body
}

// take appends n bytes of src to the body, as far as there are any.
func (r *reader) take(src io.Reader, n int64) error {
	for n > 0 {
		if len(r.body) == cap(r.body) {
			grown := make([]byte, len(r.body), max(2*cap(r.body), 2<<10))
			copy(grown, r.body)
			r.body = grown
		}
		free := r.body[len(r.body):cap(r.body)]
		m, err := src.Read(free[:min(n, int64(len(free)))])
		r.body, n = r.body[:len(r.body)+m], n-int64(m)
		if n == 0 {
			return nil
		}
		if err == io.EOF {
			return io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// chunks reads a chunked body (RFC 9112 section 7.1); trailers are left unread.
// Framing may cost as much again as four bodies, then it counts as too long.
func (r *reader) chunks(limit int) error {
	br := bufio.NewReaderSize(&io.LimitedReader{R: r, N: 4*int64(limit) + 1<<10}, 512)
	for {
		line, err := br.ReadSlice('\n')
		if err == bufio.ErrBufferFull {
			return fmt.Errorf("%w: chunk size line", ErrMalformed)
		}
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
		hex, _, _ := bytes.Cut(line, []byte(";"))
		size, err := strconv.ParseUint(string(bytes.TrimSpace(hex)), 16, 63)
		if err != nil {
			return fmt.Errorf("%w: chunk size", ErrMalformed)
		}
		if size == 0 {
			return nil
		}
		room := uint64(limit + 1 - len(r.body))
		if err := r.take(br, int64(min(size, room))); err != nil || size >= room {
			return err
		}
		var end [2]byte
		if _, err := io.ReadFull(br, end[:]); err != nil {
			return err
		}
		if string(end[:]) != "\r\n" {
			return fmt.Errorf("%w: chunk", ErrMalformed)
		}
	}
}
