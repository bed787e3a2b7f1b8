package conn

import (
	"context"
	"errors"
	"iter"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/netmond/netmond/rtable"
)

// ErrUnroutable is what the I/O of a tracked connection fails with once its path
// has died. The error in hand is an *UnroutableError, which says why.
var ErrUnroutable = errors.New("conn: unroutable")

// UnroutableError says why a tracked connection was closed.
type UnroutableError struct {
	Flow  Flow
	Cause Cause
}

func (e *UnroutableError) Error() string {
	return ErrUnroutable.Error() + ": " + e.Flow.String() + ": " + e.Cause.String()
}

// Is makes errors.Is(err, ErrUnroutable) true.
func (e *UnroutableError) Is(target error) bool { return target == ErrUnroutable }

// Registry is the source of this process's own connections, those handed to it:
// it needs no privilege, and their errors say why they were closed. The zero
// value is ready to use; safe for concurrent use.
//
//	var reg conn.Registry
//	go reg.Follow(ctx)
//	http.DefaultTransport.(*http.Transport).DialContext = reg.DialContext
type Registry struct {
	Settle time.Duration // how long a verdict must stand; 0 means 150 ms, negative acts at once
	Grace  time.Duration // how long carrier may be lost; 0 means 3 s
	Dialer net.Dialer    // what DialContext dials with

	// Daemon is the path of the daemon's socket; empty means where it is by default,
	// "-" asks no daemon. Settle and Grace are the daemon's where one is found.
	Daemon string

	endsBy atomic.Uint32 // the Rung by which the daemon closes that Follow listens to; Advisory for none

	mu    sync.Mutex
	conns map[uint64]*tracked
	pairs map[pair]*tracked
	last  uint64 // the cookie given last
}

// pair is what names a connection to others on the device.
type pair struct{ local, remote netip.AddrPort }

// tracked is a connection in the registry.
type tracked struct {
	net.Conn
	registry *Registry
	flow     Flow
	cause    atomic.Pointer[UnroutableError]
	closed   chan struct{} // closed when cause is set
}

// Track puts a connection into the registry until it is closed. Use the returned
// one in its place. One that is not TCP over IP is returned as it is.
func (r *Registry) Track(c net.Conn) net.Conn {
	local, ok1 := addrPortOf(c.LocalAddr())
	remote, ok2 := addrPortOf(c.RemoteAddr())
	if !ok1 || !ok2 {
		return c
	}
	t := &tracked{Conn: c, registry: r, closed: make(chan struct{}), flow: Flow{
		Proto: TCP, State: Established, Local: local, Remote: remote, UID: uint32(os.Getuid()),
	}}
	readSocket(c, &t.flow)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conns == nil {
		r.conns, r.pairs = make(map[uint64]*tracked), make(map[pair]*tracked)
	}
	r.last++
	t.flow.Cookie = r.last
	r.conns[r.last] = t
	r.pairs[pair{local, remote}] = t
	return t
}

// forget takes a connection out of the registry; nil where it is not there.
func (r *Registry) forget(cookie uint64) *tracked {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.conns[cookie]
	if t == nil {
		return nil
	}
	delete(r.conns, cookie)
	if p := (pair{t.flow.Local, t.flow.Remote}); r.pairs[p] == t {
		delete(r.pairs, p)
	}
	return t
}

func addrPortOf(a net.Addr) (netip.AddrPort, bool) {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}, false
	}
	ap := t.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port()), ap.IsValid()
}

// DialContext dials, and tracks what it has dialled.
func (r *Registry) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := r.Dialer.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return r.Track(c), nil
}

// Listener tracks every connection that l accepts.
func (r *Registry) Listener(l net.Listener) net.Listener { return trackingListener{l, r} }

type trackingListener struct {
	net.Listener
	r *Registry
}

func (l trackingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.r.Track(c), nil
}

// Len counts the connections in the registry.
func (r *Registry) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.conns)
}

// Flows yields the tracked connections that the changes can concern.
func (r *Registry) Flows(_ context.Context, changes rtable.Changes) iter.Seq2[Flow, error] {
	return func(yield func(Flow, error) bool) {
		r.mu.Lock()
		var flows []Flow
		for _, t := range r.conns {
			if changes.TouchesFlow(t.flow.Local.Addr(), t.flow.Remote.Addr()) {
				flows = append(flows, t.flow)
			}
		}
		r.mu.Unlock()
		for _, f := range flows {
			if !yield(f, nil) {
				return
			}
		}
	}
}

// Close closes a tracked connection; its I/O, pending and to come, fails with an
// *UnroutableError.
func (r *Registry) Close(_ context.Context, f Flow, cause Cause) error {
	t := r.forget(f.Cookie)
	if t == nil {
		return nil
	}
	t.cause.Store(&UnroutableError{t.flow, cause})
	close(t.closed)
	_ = t.Conn.Close() // the connection is of no more use, whatever this says
	return nil
}

func (t *tracked) fail(err error) error {
	if err == nil {
		return nil
	}
	if t.cause.Load() == nil {
		t.awaitCause(patienceFor(err, Rung(t.registry.endsBy.Load())))
	}
	if cause := t.cause.Load(); cause != nil {
		return cause
	}
	return err
}

func (t *tracked) Read(b []byte) (int, error) {
	n, err := t.Conn.Read(b)
	return n, t.fail(err)
}

func (t *tracked) Write(b []byte) (int, error) {
	n, err := t.Conn.Write(b)
	return n, t.fail(err)
}

func (t *tracked) Close() error {
	t.registry.forget(t.flow.Cookie)
	if t.cause.Load() != nil {
		return nil // closed already, by the registry
	}
	return t.Conn.Close()
}

// CloseWrite shuts down the writing side, where the connection can.
func (t *tracked) CloseWrite() error {
	if c, ok := t.Conn.(interface{ CloseWrite() error }); ok {
		return t.fail(c.CloseWrite())
	}
	return errors.ErrUnsupported
}

// NetConn returns the connection underneath, for those who need its own methods.
func (t *tracked) NetConn() net.Conn { return t.Conn }
