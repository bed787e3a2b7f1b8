package conn

import "testing"

func TestWithMark(t *testing.T) {
	const mask = 0xff00
	for _, tt := range []struct {
		name                     string
		socket, connection, want uint32
		unknown                  bool
	}{
		{name: "none"},
		{name: "socket", socket: 0x100, want: 0x100},
		{name: "connection", connection: 0x100, want: 0x100},
		{name: "both the same", socket: 0x100, connection: 0x100, want: 0x100},
		{name: "both the same to the rules", socket: 0x107, connection: 0x109, want: 0x107},
		{name: "connection, of no use to the rules", socket: 0x200, connection: 0x7, want: 0x200},
		{name: "socket, of no use to the rules", socket: 0x7, connection: 0x100, want: 0x100},
		{name: "each its own", socket: 0x100, connection: 0x200, want: 0x100, unknown: true},
	} {
		got := withMark(Flow{Mark: tt.socket, MarkKnown: true}, tt.connection, mask)
		if got.Mark != tt.want || got.MarkKnown == tt.unknown {
			t.Errorf("%s: withMark = %#x, known: %v, want %#x, known: %v", tt.name, got.Mark, got.MarkKnown, tt.want, !tt.unknown)
		}
	}
}
