package conn

import (
	"context"
	"net"
	"testing"
)

// What the tests of package conn_test need, too.

// Loopback is a tracked connection and its other end.
func Loopback(t *testing.T, r *Registry) (tracked, peer net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if tracked, err = r.DialContext(context.Background(), "tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if peer, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tracked.Close(); peer.Close() })
	return tracked, peer
}
