package smd

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"
)

// FuzzRequest: parseRequest and readLine on whatever a client sends; every
// answer that follows is one line of JSON.
func FuzzRequest(f *testing.F) {
	for _, s := range []string{
		`{"id":1,"do":"status"}`,
		`{"do":"events","class":["network","system"],"since":"2k1x:17"}`,
		`{"do":"send","class":"network","msg":{"trigger":"cpdcheck"}}`,
		`{"id":{"a":[1,"x"]},"do":7}`,
		"{\"id\":[1,\r2],\"do\":\"x\"}\n\n{",
		`[1]`, `null`, "\xff", `{"id":1,"id":2,"class":null,"since":null}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		r := bufio.NewReader(bytes.NewReader(input))
		for {
			line, err := readLine(r, maxRequest)
			if err != nil {
				if err != io.EOF && err != errTooLong {
					t.Errorf("readLine = %v", err)
				}
				return
			}
			if len(line) > maxRequest || bytes.IndexByte(line, '\n') >= 0 {
				t.Errorf("readLine = %q", line)
			}
			req, err := parseRequest(line)
			text := ""
			if err != nil {
				text = err.Error()
			}
			answer := appendAnswer(nil, req.ID, "error", appendString(nil, text))
			if !json.Valid(answer) || !utf8.Valid(answer) || bytes.IndexByte(answer, '\n') != len(answer)-1 {
				t.Errorf("answer to %q is %q", line, answer)
			}
			if errors.Is(err, errNotJSON) {
				if json.Valid(line) && utf8.Valid(line) {
					t.Errorf("%q is JSON", line)
				}
				return
			}
			if p, err := parsePayload(req.Msg); err == nil {
				var object map[string]any
				if len(p) > MaxPayload || json.Unmarshal(p, &object) != nil || bytes.ContainsAny(p, "\r\n") {
					t.Errorf("payload of %q is %q", line, p)
				}
			}
			if req.Since != nil {
				if m, ok := parseMark(*req.Since); ok {
					if again, ok := parseMark(m.String()); !ok || again != m {
						t.Errorf("mark %q is not its own text", *req.Since)
					}
				}
			}
		}
	})
}

func TestReadLine(t *testing.T) {
	long := strings.Repeat("x", 100)
	for _, tt := range []struct {
		in   string
		want []string
		err  error
	}{
		{"", nil, io.EOF},
		{"a\nb\n", []string{"a", "b"}, io.EOF},
		{"a\nb", []string{"a", "b"}, io.EOF},
		{"\n\na", []string{"", "", "a"}, io.EOF},
		{long + "\n" + long + "\nx", []string{long, long, "x"}, io.EOF},
		{long + "x\n", nil, errTooLong},
		{"a\n" + long + "x", []string{"a"}, errTooLong},
		{long, []string{long}, io.EOF},
	} {
		for name, reader := range map[string]io.Reader{
			"whole": strings.NewReader(tt.in),
			"bytes": iotest.OneByteReader(strings.NewReader(tt.in)),
			"eof":   iotest.DataErrReader(strings.NewReader(tt.in)),
		} {
			r := bufio.NewReaderSize(reader, 16)
			var got []string
			line, err := readLine(r, 100)
			for ; err == nil; line, err = readLine(r, 100) {
				got = append(got, string(line))
			}
			if strings.Join(got, "|") != strings.Join(tt.want, "|") || len(got) != len(tt.want) || err != tt.err {
				t.Errorf("%s %.20q: lines %.20q, %v, want %.20q, %v", name, tt.in, got, err, tt.want, tt.err)
			}
		}
	}
}
