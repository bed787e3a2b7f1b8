//go:build linux

package kernel

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync/atomic"
	"testing"
	"time"
)

// The Internet of the portal tests: each uplink's operator has a resolver at its
// gateway, by which the probe's name leads to a web server of that operator's
// alone. So whatever crosses from one uplink to another shows twice: in the
// result, and in what the servers heard.
//
//	uplink  resolver       probe.example.com is   over IPv6
//	wan0    192.0.2.1      198.51.100.7           2001:db8:ff::7
//	wan1    192.0.2.129    203.0.113.7            2001:db8:ff::8
//
// The servers are goroutines of the test with sockets of the namespace "peer".
const (
	probeName  = "probe.example.com"
	portalName = "portal.example.net"
	probeURL   = "http://" + probeName + "/generate_204"

	otherHost6 = "2001:db8:ff::8"

	leases = "/run/netmond-leases/" // cpd.HookDir, where /var/run is /run
)

// internet is all servers of a test and what they heard. For one goroutine, its
// servers apart.
type internet struct {
	heard chan request
	log   []request
}

// request is what a server was asked: "A probe.example.com", or "GET
// http://probe.example.com/generate_204".
type request struct {
	at, from netip.Addr
	what     string
}

func (r request) String() string { return fmt.Sprintf("%s asks %s: %s", r.from, r.at, r.what) }

// newInternet builds the topology and an Internet without a server. Its operators
// take nothing with the address of another uplink (RFC 2827), and a peer answers
// for no address but those of the link that is asked, so that a socket bound to an
// uplink without a route by it is not taken for connected.
func newInternet(t testing.TB) *internet {
	t.Helper()
	topology(t)
	in(t, "peer", func() {
		sysctl(t, "net/ipv4/conf/all/arp_ignore", "1")
		sysctl(t, "net/ipv4/conf/all/rp_filter", "1")
		sysctl(t, "net/ipv6/ip_nonlocal_bind", "1") // a local route is not enough
	})
	return &internet{heard: make(chan request, 1<<12)}
}

// hear notes a request. What nobody takes out any more is not noted.
func (i *internet) hear(local, remote net.Addr, what string) {
	addr := func(a net.Addr) netip.Addr {
		p, _ := netip.ParseAddrPort(a.String())
		return p.Addr().Unmap().WithZone("")
	}
	select {
	case i.heard <- request{addr(local), addr(remote), what}:
	default:
	}
}

// all returns what has been heard since the last forget.
func (i *internet) all() []request {
	for {
		select {
		case r := <-i.heard:
			i.log = append(i.log, r)
		default:
			return i.log
		}
	}
}

func (i *internet) forget() { i.all(); i.log = nil }

// await waits until a server has heard what is wanted.
func (i *internet) await(t testing.TB, what string, wanted func(request) bool) request {
	t.Helper()
	for n, end := 0, time.After(patience); ; n++ {
		if n == len(i.log) {
			select {
			case r := <-i.heard:
				i.log = append(i.log, r)
			case <-end:
				t.Fatalf("waited %v in vain for %s; heard %v", patience, what, i.log)
			}
		}
		if wanted(i.log[n]) {
			return i.log[n]
		}
	}
}

// listen opens a TCP socket of the peer's, which is closed with the test.
func (i *internet) listen(t testing.TB, at string) net.Listener {
	t.Helper()
	var l net.Listener
	var err error
	in(t, "peer", func() { l, err = net.Listen("tcp", at) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// site is a web server whose answers the test can change.
type site struct {
	internet *internet
	answer   atomic.Pointer[http.HandlerFunc]
}

// serve starts a web server at an address and port of the Internet; l serves TLS
// or nothing but TCP.
func (i *internet) serve(t testing.TB, l net.Listener, f http.HandlerFunc) *site {
	t.Helper()
	s := &site{internet: i}
	s.does(f)
	server := &http.Server{Handler: s}
	go func() { _ = server.Serve(l) }() // ends with the listener, and says no more than that
	t.Cleanup(func() { server.Close() })
	return s
}

// web is serve over plain HTTP.
func (i *internet) web(t testing.TB, at string, f http.HandlerFunc) *site {
	t.Helper()
	return i.serve(t, i.listen(t, at), f)
}

// does changes the site's answers.
func (s *site) does(f http.HandlerFunc) { s.answer.Store(&f) }

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	local := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	remote := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(r.RemoteAddr))
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	s.internet.hear(local, remote, r.Method+" "+scheme+"://"+r.Host+r.URL.Path)
	(*s.answer.Load())(w, r)
}

// noContent is what the probes expect.
func noContent(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }

// redirect is a portal's answer.
func redirect(to string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusFound)
	}
}

// silence takes the request and never answers, until its client gives up.
func silence(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// manner is how a raw server goes on after its answer.
type manner int

const (
	hangUp manner = iota // once it has heard something
	hold                 // until its client hangs up
	repeat               // likewise, and says the same all the time
	drip                 // likewise, a byte every 10 ms
)

// raw is a server that says text to whoever has connected, whatever it hears.
func (i *internet) raw(t testing.TB, at, text string, m manner) {
	t.Helper()
	l := i.listen(t, at)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				m.say(c, []byte(text))
			}()
		}
	}()
}

func (m manner) say(c net.Conn, text []byte) {
	gone := make(chan struct{})
	heard := make(chan struct{}) // closing on an unread request would reset
	go func() {
		defer close(gone)
		_, _ = c.Read(make([]byte, 4<<10))
		close(heard)
		_, _ = io.Copy(io.Discard, c)
	}()
	beat := time.NewTicker(10 * time.Millisecond)
	defer beat.Stop()
	for rest := text; len(rest) > 0; {
		n := len(rest)
		if m == drip {
			n = 1
			<-beat.C
		}
		if _, err := c.Write(rest[:n]); err != nil {
			return
		}
		if rest = rest[n:]; len(rest) == 0 && m >= repeat {
			rest = text
		}
	}
	if m == hangUp {
		<-heard
		return
	}
	<-gone
}

// setenv is for the programs that the test starts. A test in a namespace has its
// process to itself.
func setenv(t testing.TB, key, value string) {
	t.Helper()
	if err := os.Setenv(key, value); err != nil {
		t.Fatal(err)
	}
}

// checkView is an element of `netmond check -json`.
type checkView struct {
	Dev, Result, URL, Error, Reason string
	Family, Status                  int
	MS                              int64
	Partial, Unbound                bool
	Venue                           string `json:"venue_info_url"`
	Seconds                         *int64 `json:"seconds_remaining"`
}

// check runs `netmond check -json`, which must exit with code, and returns its
// results as "wan0/4".
func check(t testing.TB, code int, args ...string) map[string]checkView {
	t.Helper()
	out := make(map[string]checkView)
	for _, v := range decode[[]checkView](t, command(t, code, append([]string{"check", "-json"}, args...)...)) {
		out[fmt.Sprintf("%s/%d", v.Dev, v.Family)] = v
	}
	return out
}

// result waits for the result of a check on the bus, and returns its message.
func (b *bus) result(t testing.TB, dev, family, result string) message {
	t.Helper()
	return b.await(t, result+" on "+dev+" by "+family, func(m payload) bool {
		return m.Type == "cpd" && m.Dev == dev && m.Family == family && m.Result == result
	})
}
