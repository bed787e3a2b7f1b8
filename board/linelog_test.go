package board

import (
	"bytes"
	"io"
	"log/slog"
	"strings"
	"testing"
)

func TestLineLog(t *testing.T) {
	var b bytes.Buffer
	l := &lineLog{log: slog.New(slog.NewTextHandler(&b, nil))}
	for _, part := range []string{"a", "b\n\nc", strings.Repeat("d", maxLine), "dropped", "\ne"} {
		if n, err := io.WriteString(l, part); n != len(part) || err != nil {
			t.Fatalf("Write = %d, %v, want %d", n, err, len(part))
		}
	}
	l.flush()
	l.flush()
	var got []string
	for _, line := range strings.Split(strings.TrimSpace(b.String()), "\n") {
		_, text, _ := strings.Cut(line, "line=")
		got = append(got, text)
	}
	expect(t, got, "ab", `""`, "c"+strings.Repeat("d", maxLine-1), "e")
}
