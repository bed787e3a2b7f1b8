package cpd

import (
	"context"
	"net"
	"testing"
)

// BenchmarkCheck is one check over an answer of each kind, without a network:
// what it allocates is what a small device pays.
func BenchmarkCheck(b *testing.B) {
	for _, bc := range []struct{ name, text string }{
		{"answer=204", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\nDate: Mon, 02 Nov 2026 10:00:00 GMT\r\n\r\n"},
		{"answer=302", "HTTP/1.1 302 Found\r\nLocation: http://portal.example.net/in?a=b\r\nContent-Length: 0\r\n\r\n"},
		{"answer=page", "HTTP/1.1 200 OK\r\nContent-Length: 65\r\n\r\n<meta http-equiv=refresh content=0;url=http://portal.example.net/>"},
	} {
		b.Run(bc.name, func(b *testing.B) {
			d := &Detector{Probes: []Probe{{URL: "http://192.0.2.1/"}}}
			d.dial = func(context.Context, string, string) (net.Conn, error) {
				us, them := net.Pipe()
				go func() {
					them.Read(make([]byte, 1<<10))
					them.Write([]byte(bc.text))
					them.Close()
				}()
				return us, nil
			}
			want := d.Check(context.Background()).State
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				if got := d.Check(context.Background()); got.State != want || want == Unknown {
					b.Fatal(got)
				}
			}
		})
	}
}
