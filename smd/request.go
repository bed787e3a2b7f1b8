package smd

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/netmond/netmond/internal/minijson"
)

// maxRequest is the longest request line in bytes, without its end. A smaller
// one would not hold a send with room to spare; a larger one is memory that any
// user can claim, times maxClients.
const maxRequest = 64 << 10

var (
	errTooLong = fmt.Errorf("smd: request longer than %d bytes", maxRequest)
	errNotJSON = errors.New(`smd: request is no JSON in UTF-8: want one object a line, as in {"do":"status"}`)
)

// request is one line of a client.
type request struct {
	ID    json.RawMessage `json:"id"` // nil if absent; else any JSON, echoed
	Do    string          `json:"do"`
	Since *string         `json:"since"` // events; nil if absent
	Msg   json.RawMessage `json:"msg"`   // send
	Class Class           `json:"-"`     // events, send
}

// parseClasses reads one class or a list of them.
func parseClasses(text json.RawMessage) (set Class, err error) {
	if text == nil {
		return 0, nil
	}
	var names []string
	if minijson.Unmarshal(text, &names) != nil {
		names = make([]string, 1)
		if minijson.Unmarshal(text, &names[0]) != nil {
			return 0, errors.New(`smd: class: want a name or a list of names`)
		}
	}
	for _, name := range names {
		c, err := ParseClass(name)
		if err != nil {
			return 0, err
		}
		set |= c
	}
	return set, nil
}

// parseRequest reads a line. errNotJSON is fatal to the connection; with any
// other error the request has its ID, to answer to.
func parseRequest(line []byte) (request, error) {
	if !utf8.Valid(line) || !minijson.Valid(line) {
		return request{}, errNotJSON
	}
	var id struct {
		ID    json.RawMessage `json:"id"`
		Class json.RawMessage `json:"class"`
	}
	if err := minijson.Unmarshal(line, &id); err != nil {
		return request{}, errors.New(`smd: request: want an object, as in {"do":"status"}`)
	}
	var r request
	err := minijson.Unmarshal(line, &r)
	if err == nil {
		r.Class, err = parseClasses(id.Class)
	}
	if err != nil {
		var t *json.UnmarshalTypeError
		if errors.As(err, &t) {
			err = fmt.Errorf("smd: request: %s: want a %s, not a %s", t.Field, t.Type, t.Value)
		}
		return request{ID: id.ID}, err
	}
	return r, nil
}

// parsePayload returns the payload of a client's message, compacted.
func parsePayload(msg json.RawMessage) (json.RawMessage, error) {
	b, err := minijson.Compact(nil, msg)
	if err != nil || b[0] != '{' {
		return nil, errors.New(`smd: send: msg: want an object`)
	}
	if len(b) > MaxPayload {
		return nil, fmt.Errorf("smd: send: msg of %d bytes: at most %d", len(b), MaxPayload)
	}
	return b, nil
}

// readLine returns the next line without its end; it is valid until the next
// read. The last line needs no end. A line of more than limit bytes is
// errTooLong as soon as they are there.
func readLine(r *bufio.Reader, limit int) ([]byte, error) {
	var long []byte // what came before the reader's buffer
	for {
		if _, err := r.Peek(1); err != nil {
			if err == io.EOF && len(long) > 0 {
				return long, nil
			}
			return nil, err
		}
		have, _ := r.Peek(r.Buffered())
		part, _, end := bytes.Cut(have, []byte("\n"))
		if len(long)+len(part) > limit {
			return nil, errTooLong
		}
		r.Discard(min(len(part)+1, len(have)))
		if end && long == nil {
			return part, nil
		}
		if long = append(long, part...); end {
			return long, nil
		}
	}
}

// appendAnswer appends {"id":id,"key":value} and the end of the line.
func appendAnswer(b []byte, id json.RawMessage, key string, value []byte) []byte {
	b = append(b, '{')
	if id != nil {
		b = append(b, `"id":`...)
		b = append(b, id...)
		b = append(b, ',')
	}
	b = append(b, '"')
	b = append(b, key...)
	b = append(b, `":`...)
	b = append(b, value...)
	return append(b, '}', '\n')
}
