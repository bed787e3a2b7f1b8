package cpd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"time"
)

// defaultTimeout holds one probe, names, connection and answer together. A
// satellite link needs some 2 s for the three round trips; longer only delays
// the verdict on a dead one.
const defaultTimeout = 3 * time.Second

// dialMax is how many addresses of a name are tried. Well-known names have
// several; on a dead uplink each more only shares out the same time.
const dialMax = 3

// Detector checks one uplink in one address family. The zero value asks the
// default probes over whatever route the kernel picks. Safe for concurrent use
// as long as nobody changes its fields.
type Detector struct {
	Dev       string        // link to bind to (SO_BINDTODEVICE), for names too; empty: any
	Family    int           // 4 or 6; 0: either
	Source    netip.Addr    // local address; invalid: the kernel's choice. Used for its own family only
	Mark      uint32        // SO_MARK; 0: none
	Probes    []Probe       // asked in order; empty: DefaultProbes
	Timeout   time.Duration // of one probe, and of the API; 0: 3 s
	Resolvers []netip.Addr  // the uplink's own, the first three count; empty: those of /etc/resolv.conf
	Capport   string        // RFC 8910 URI from DHCP or the router; empty: none

	tlsOptions // Roots, where HasTLS

	// Seams for tests; nil and 0 stand for the real thing.
	dial func(ctx context.Context, network, address string) (net.Conn, error)
	now  func() time.Time
	port uint16 // of the resolvers
}

// Check asks the probes and the API once and returns the verdict, at the latest
// after len(Probes)*Timeout or as soon as ctx ends, whichever is first. Its
// goroutines have ended by then; the standard resolver's follow at once.
func (d *Detector) Check(ctx context.Context) Result {
	begin := time.Now()
	probes := d.Probes
	if len(probes) == 0 {
		probes = defaultProbes[:]
	}
	plain, secure := split(probes)

	sure, cancel := context.WithCancel(ctx) // ends the other two once a portal is certain
	defer cancel()
	https := make(chan secureResult, 1)
	go func() { https <- d.checkSecure(sure, secure) }()
	api := make(chan Capport, 1)
	go func() { api <- d.checkCapport(ctx) }()

	http := d.chain(ctx, plain)
	if http.State == Captive {
		cancel()
	}
	res := merge(http, <-https, <-api, d.time())
	if err := ctx.Err(); err != nil {
		res = Result{Reason: "cancelled", Err: context.Cause(ctx)}
	}
	res.Elapsed = time.Since(begin)
	return res
}

// chain asks probes until one gets a conclusive answer. Where none does, the
// first result stands, or the first that at least had an HTTP answer.
func (d *Detector) chain(ctx context.Context, probes []Probe) outcome {
	var best outcome
	var r reader
	for i, p := range probes {
		resp, unbound := d.ask(ctx, p, &r, nil)
		o := outcome{Result: Classify(p, resp), date: resp.Date}
		o.Unbound = unbound
		if o.State == OK || o.State == Captive || ctx.Err() != nil {
			return o
		}
		if i == 0 || best.State == Unknown && o.State != Unknown || best.Status == 0 && o.Status != 0 {
			best = o
		}
	}
	return best
}

// outcome is a Result with what merge still wants to know of its answer.
type outcome struct {
	Result
	date time.Time // the server's clock; zero where not given
}

// ask sends one probe and reads its answer within d's timeout. Where wrap is not
// nil it makes the connection a secure one.
func (d *Detector) ask(ctx context.Context, p Probe, r *reader, wrap wrapper) (resp Response, unbound bool) {
	t, err := p.target()
	if err != nil {
		return Response{Err: fmt.Errorf("cpd: %w", &localError{"probe", err})}, false
	}
	ctx, cancel := context.WithTimeout(ctx, d.timeout())
	defer cancel()
	var vet func(netip.Addr) bool
	if p.public() {
		vet = elsewhere()
	}
	conn, addr, unbound, err := d.connect(ctx, t, vet)
	if err != nil {
		return Response{Err: fmt.Errorf("cpd: dial: %w", err), Addr: addr}, unbound
	}
	defer conn.Close()
	resp = exchange(ctx, conn, t, "*/*", r, wrap, func(resp *Response) int {
		switch {
		case resp.Status == p.status() && p.Body == "":
			return 0
		case resp.Status/100 == 3 && resp.Location != "":
			return 0
		case resp.Status == p.status(), resp.Status/100 <= 3, resp.Status == 511:
			return bodyMax
		}
		return 0
	})
	return resp, unbound
}

// wrapper turns a connection into a secure one for the host.
type wrapper func(ctx context.Context, conn net.Conn, host string) (net.Conn, error)

// exchange sends the request for t over conn and reads the answer; want says,
// once the headers are known, how much of the body is of interest. It ends with
// ctx, whatever the peer does.
func exchange(ctx context.Context, conn net.Conn, t target, accept string, r *reader, wrap wrapper, want func(*Response) int) Response {
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	resp := Response{Addr: peer(conn)}
	fail := func(err error) Response {
		if ctx.Err() != nil { // ours is the reason, the deadline only the means
			err = ctx.Err()
		}
		if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrTooLarge) {
			err = fmt.Errorf("cpd: http: %w", err)
		}
		resp.Err = err
		return resp
	}
	stream := conn
	if wrap != nil {
		var err error
		if stream, err = wrap(ctx, conn, t.host); err != nil {
			return fail(err)
		}
	}
	// A peer may answer and close before it has read the request, so a failed
	// write is only final where there is nothing to read either.
	_, werr := stream.Write(request(t, accept))
	r.reset(stream)
	if err := r.head(&resp); err != nil {
		resp = Response{Addr: resp.Addr}
		if werr != nil {
			err = werr
		}
		return fail(err)
	}
	if n := want(&resp); n > 0 {
		if r.readBody(&resp, n); resp.Err != nil {
			return fail(resp.Err)
		}
	}
	return resp
}

// connect finds t's addresses and connects to the first that accepts, of those
// that vet lets pass; a nil vet lets all. addr is the last one tried.
func (d *Detector) connect(ctx context.Context, t target, vet func(netip.Addr) bool) (conn net.Conn, addr netip.Addr, unbound bool, err error) {
	addrs := []netip.Addr{t.addr}
	if !t.addr.IsValid() {
		if addrs, unbound, err = d.lookup(ctx, t.host); err != nil {
			return nil, addr, unbound, err
		}
	} else if d.Family == 4 && !t.addr.Is4() || d.Family == 6 && t.addr.Is4() {
		return nil, addr, false, &localError{"probe", errors.New("its address is not IPv" + strconv.Itoa(d.Family))}
	}
	if vet != nil {
		addrs = slices.DeleteFunc(addrs, func(a netip.Addr) bool { return !vet(a) })
	}
	if len(addrs) == 0 {
		return nil, addr, unbound, errOwn
	}
	addrs = addrs[:min(len(addrs), dialMax)]
	for i := range addrs {
		addr = addrs[i]
		one, cancel := share(ctx, len(addrs)-i)
		conn, err = d.dialTo(one, "tcp", addr, t.port)
		cancel()
		if err == nil || ctx.Err() != nil {
			break
		}
	}
	return conn, addr, unbound, err
}

// errOwn: a resolver sends a name to this device, as blockers do, or an attacker
// sends us to a service that trusts this device.
var errOwn = errors.New("the name leads to this device")

// elsewhere returns whether an address is another device's.
func elsewhere() func(netip.Addr) bool {
	list, _ := net.InterfaceAddrs()
	return func(a netip.Addr) bool {
		return !nowhere(a) && !slices.ContainsFunc(list, func(n net.Addr) bool {
			p, ok := n.(*net.IPNet)
			return ok && p.IP.Equal(a.AsSlice())
		})
	}
}

// dialTo connects to a through d's link.
func (d *Detector) dialTo(ctx context.Context, network string, a netip.Addr, port uint16) (net.Conn, error) {
	to := netip.AddrPortFrom(d.zoned(a), port)
	if d.dial != nil {
		return d.dial(ctx, network, to.String())
	}
	nd := net.Dialer{KeepAlive: -1, Control: control(d.Dev, d.Mark)}
	if src := d.Source.Unmap(); src.IsValid() && src.Is4() == a.Is4() {
		from := netip.AddrPortFrom(d.zoned(src), 0)
		if network == "udp" {
			nd.LocalAddr = net.UDPAddrFromAddrPort(from)
		} else {
			nd.LocalAddr = net.TCPAddrFromAddrPort(from)
		}
	}
	conn, err := nd.DialContext(ctx, network, to.String())
	var call *os.SyscallError
	if errors.As(err, &call) && (call.Syscall == "bind" || call.Syscall == "socket") {
		err = &localError{call.Syscall, call.Err} // no such source, no descriptor left
	}
	return conn, err
}

// zoned puts a link-local address onto d's link.
func (d *Detector) zoned(a netip.Addr) netip.Addr {
	if a.Is6() && a.IsLinkLocalUnicast() && a.Zone() == "" {
		return a.WithZone(d.Dev)
	}
	return a
}

// peer returns the address that conn is connected to, where it has one.
func peer(conn net.Conn) netip.Addr {
	if conn != nil {
		if a, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
			return a.AddrPort().Addr().Unmap()
		}
	}
	return netip.Addr{}
}

func (d *Detector) network(s string) string {
	if d.Family != 0 {
		s += strconv.Itoa(d.Family)
	}
	return s
}

func (d *Detector) timeout() time.Duration {
	if d.Timeout > 0 {
		return d.Timeout
	}
	return defaultTimeout
}

func (d *Detector) time() time.Time {
	if d.now != nil {
		return d.now()
	}
	return time.Now()
}

func (d *Detector) dnsPort() uint16 {
	if d.port != 0 {
		return d.port
	}
	return 53
}
