package cpd

import (
	"context"
	"encoding/binary"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
)

// serve starts an HTTP server on loopback and returns its URL and the number of
// requests it had.
func serve(t *testing.T, h http.HandlerFunc) (string, *atomic.Int32) {
	t.Helper()
	var n atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.Add(1)
		h(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL, &n
}

func status(code int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
	}
}

func page(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { w.Write([]byte(text)) }
}

// raw starts a TCP server on loopback that lets f have each connection, after the
// request was read where f wants it; f's connections end with the test.
func raw(t *testing.T, f func(ctx context.Context, c net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	var open atomic.Int32
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				break
			}
			open.Add(1)
			go func() {
				stop := context.AfterFunc(ctx, func() { c.Close() })
				f(ctx, c)
				stop()
				c.Close()
				open.Add(-1)
			}()
		}
		close(done)
	}()
	t.Cleanup(func() {
		cancel()
		l.Close()
		<-done
	})
	return "http://" + l.Addr().String() + "/"
}

// answer reads the request and writes text.
func reply(text string) func(context.Context, net.Conn) {
	return func(_ context.Context, c net.Conn) {
		c.Read(make([]byte, 4<<10))
		c.Write([]byte(text))
	}
}

// names is a DNS server on loopback: a question for a name of the map gets the
// addresses of the type asked, one for any other NXDOMAIN. A name that maps to
// "silent" gets no answer.
func names(t *testing.T, zone map[string]string) (addr netip.AddrPort, asked func() []string) {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	questions := make(chan string, 100)
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 1500)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			if msg, q := dnsAnswer(buf[:n], zone); q != "" {
				questions <- q
				if msg != nil {
					c.WriteTo(msg, from)
				}
			}
		}
	}()
	t.Cleanup(func() { c.Close(); <-done })
	return c.LocalAddr().(*net.UDPAddr).AddrPort(), func() (list []string) {
		for {
			select {
			case q := <-questions:
				list = append(list, q)
			default:
				return list
			}
		}
	}
}

// dnsAnswer answers one query of RFC 1035; the question comes back as "NAME A".
func dnsAnswer(q []byte, zone map[string]string) (msg []byte, question string) {
	if len(q) < 17 {
		return nil, ""
	}
	var labels []string
	i := 12
	for i < len(q) && q[i] != 0 {
		n := int(q[i])
		labels = append(labels, string(q[i+1:i+1+n]))
		i += 1 + n
	}
	i++
	typ := binary.BigEndian.Uint16(q[i:])
	name := strings.Join(labels, ".")
	want, ok := zone[name]
	var list []netip.Addr
	for _, f := range strings.Fields(want) {
		if a, err := netip.ParseAddr(f); err == nil && (typ == 1 && a.Is4() || typ == 28 && a.Is6()) {
			list = append(list, a)
		}
	}
	question = name + map[uint16]string{1: " A", 28: " AAAA"}[typ]
	if want == "silent" {
		return nil, question
	}
	msg = append(msg, q[0], q[1], 0x81, 0x80, 0, 1, 0, byte(len(list)), 0, 0, 0, 0)
	if !ok {
		msg[3] |= 3
	}
	msg = append(msg, q[12:i+4]...)
	for _, a := range list {
		msg = append(msg, 0xc0, 12, 0, byte(typ), 0, 1, 0, 0, 0, 60, 0, byte(a.BitLen()/8))
		msg = append(msg, a.AsSlice()...)
	}
	return msg, question
}
