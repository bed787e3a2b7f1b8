package ubus

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
)

// reaction is what a client does after a stream.
type reaction int

const (
	waits  reaction = iota // for the rest
	leaves                 // and comes again
	stays                  // and works
)

// TestHostileBus has a bus that talks nonsense. The client has to survive it, and to serve
// the next one.
func TestHostileBus(t *testing.T) {
	hello := "\x00\x00\x00\x00\x00\x00\x00\x07\x00\x00\x00\x04"
	for _, tt := range []struct {
		name, stream string
		reaction     reaction
	}{
		{"silence-then-end", "", waits},
		{"half-a-hello", hello[:7], waits},
		{"no-hello", "\x00\x01\x00\x00\x00\x00\x00\x07\x00\x00\x00\x04", leaves},
		{"another-version", "\x01" + hello[1:], leaves},
		{"hello-shorter-than-its-header", hello[:11] + "\x03", leaves},
		{"hello-cut-off", hello[:8] + "\x00\x00\x00\x10abcd", waits},
		{"message-of-another-version", hello + "\x01\x01\x00\x01\x00\x00\x00\x00\x00\x00\x00\x04", leaves},
		{"message-without-room", hello + "\x00\x01\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00", leaves},
		{"message-above-the-limit", hello + "\x00\x02\x00\x01\x00\x00\x00\x00\x00\x10\x00\x01" + strings.Repeat("x", 1000), leaves},
		{"message-cut-off", hello + "\x00\x02\x00\x01\x00\x00\x00\x00\x00\x00\x01\x00" + strings.Repeat("x", 100), waits},
		{"http", "HTTP/1.1 400 Bad Request\r\n\r\n", leaves},
		{"unknown-types", hello + "\x00\xff\x00\x01\x00\x00\x00\x00\x00\x00\x00\x04" + "\x00\x0b\x00\x01\x00\x00\x00\x00\x00\x00\x00\x04", stays},
		{"hello-again", hello + hello, stays},
		{"answers-to-nothing", hello + "\x00\x01\x00\x09\x00\x00\x00\x00\x00\x00\x00\x0c\x01\x00\x00\x08\x00\x00\x00\x00" + "\x00\x02\x00\x09\x00\x00\x00\x00\x00\x00\x00\x04", stays},
		{"attributes-of-garbage", hello + "\x00\x05\x00\x01\x00\x00\x00\x00\x00\x00\x00\x10" + strings.Repeat("\xff", 12), stays},
		{"attributes-of-wrong-size", hello + "\x00\x05\x00\x01\x00\x00\x00\x00\x00\x00\x00\x1c" + "\x03\x00\x00\x06ab\x00\x00" + "\x04\x00\x00\x04" + "\x0a\x00\x00\x04" + "\x01\x00\x00\x05\x00\x00\x00\x00", stays},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bus := newBus(t)
			c := bus.run(func(c *Client) { c.Object = "netmond" })
			p := bus.acceptSilently()
			p.sendRaw([]byte(tt.stream))
			if tt.reaction == leaves {
				if _, err := io.Copy(io.Discard, p.r); errors.Is(err, os.ErrDeadlineExceeded) {
					t.Error("the client stays")
				}
			}
			if tt.reaction != stays {
				p.Close()
				p = bus.accept()
			}
			p.publish()
			(<-callNobody(c, p)).check(t, "", StatusNotFound)
		})
	}
}

func TestMessageOfTheLargestSize(t *testing.T) {
	text := `{"a":"` + strings.Repeat("x", maxFields-32) + `"}`
	fields, err := Encode(json.RawMessage(text))
	if err != nil {
		t.Fatal(err)
	}
	b := newMessage(msgInvoke, 1, 2, func(b []byte) []byte {
		b = appendStringAttr(appendUint32Attr(b, attrObjID, 5), attrMethod, strings.Repeat("m", maxName))
		return appendNestedAttr(b, attrData, fields)
	})
	if len(b) > messageHeader+MaxMessage {
		t.Errorf("%d bytes", len(b))
	}
	m, err := readMessage(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Decode(m.data); err != nil || string(got) != text {
		t.Errorf("Decode = %d bytes, %v, want %d", len(got), err, len(text))
	}
}

// FuzzMessages reads a stream as the client does.
func FuzzMessages(f *testing.F) {
	f.Add(newMessage(msgInvoke, 1, 2, func(b []byte) []byte {
		return appendNestedAttr(appendStringAttr(appendUint32Attr(b, attrObjID, 5), attrMethod, "status"), attrData, nil)
	}))
	f.Fuzz(func(t *testing.T, stream []byte) {
		r := bytes.NewReader(stream)
		for {
			before := r.Len()
			m, err := readMessage(r)
			if err != nil {
				if m != nil || !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, errMalformed) {
					t.Fatalf("readMessage = %+v, %v", m, err)
				}
				return
			}
			if r.Len() > before-messageHeader-attrHeader {
				t.Fatalf("a message of %d bytes", before-r.Len())
			}
			if !m.hasAttrs(attrData) && m.data != nil || !m.hasAttrs(attrMethod) && m.method != "" {
				t.Errorf("message %+v has what it does not have", m)
			}
			if strings.IndexByte(m.method, 0) >= 0 {
				t.Errorf("method %q", m.method)
			}
		}
	})
}
