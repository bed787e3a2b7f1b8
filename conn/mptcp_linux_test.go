package conn

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// multipath is an MPTCP connection of this process with as many subflows, and their
// flows on the dialling side.
func multipath(t *testing.T, d *Device, subflows int) (client, server net.Conn, flows []Flow) {
	t.Helper()
	ctx := context.Background()
	var lc net.ListenConfig
	lc.SetMultipathTCP(true)
	l, err := lc.Listen(ctx, "tcp", "192.0.2.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var dialer net.Dialer
	dialer.SetMultipathTCP(true)
	if client, err = dialer.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	if is, err := client.(*net.TCPConn).MultipathTCP(); !is {
		t.Fatalf("no MPTCP here: %v", err)
	}
	passes(t, client, server)
	passes(t, server, client)
	for deadline := time.Now().Add(10 * time.Second); ; {
		flows = nil
		for f, err := range d.diag.(*Diag).All(ctx) {
			if err != nil {
				t.Fatal(err)
			}
			if f.Remote.String() == l.Addr().String() && f.State == Established {
				flows = append(flows, f)
			}
		}
		if len(flows) == subflows {
			return client, server, flows
		}
		if time.Now().After(deadline) {
			t.Fatalf("the subflows are %v, want %d", flows, subflows)
		}
	}
}

// passes shows that a byte from a reaches b.
func passes(t *testing.T, a, b net.Conn) {
	t.Helper()
	if _, err := a.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	b.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := b.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
}

// An MPTCP connection outlives its stranded subflow: SOCK_DESTROY takes that alone,
// and where only the owner's descriptor is to be had, it is left. One that has no
// other is closed as any.
func TestMultipath(t *testing.T) {
	if _, err := os.Stat("/proc/sys/net/mptcp"); err != nil {
		lacking(t, "no MPTCP on this kernel: %v", err)
	}
	if !inNamespace(t) {
		return
	}
	sh(t, `ip link set lo up; ip address add 192.0.2.1/24 dev lo; ip address add 192.0.2.2/24 dev lo
		ip mptcp limits set subflow 2 add_addr_accepted 2; ip mptcp endpoint add 192.0.2.2 dev lo subflow`)
	ctx := context.Background()
	for rung, want := range map[Rung]error{Destroy: nil, Pidfd: ErrAdvisory} {
		d := openDevice(t)
		d.rung = rung
		client, server, flows := multipath(t, d, 2)
		if flows[0].Inode != flows[1].Inode {
			t.Errorf("the subflows have inodes of their own: %+v", flows)
		}
		if err := d.Close(ctx, flows[0], Cause{}); !errors.Is(err, want) {
			t.Errorf("%s: Close of one of two subflows = %v, want %v", rung, err, want)
		}
		passes(t, client, server)
		passes(t, server, client)
	}
	sh(t, "ip mptcp endpoint flush")
	d := openDevice(t)
	client, _, flows := multipath(t, d, 1)
	if err := d.Arm(ctx, flows[0], Cause{}); !errors.Is(err, ErrAdvisory) {
		t.Errorf("Arm of a subflow = %v, want ErrAdvisory", err)
	}
	d.rung = Pidfd
	if err := d.Close(ctx, flows[0], Cause{}); err != nil {
		t.Errorf("Close of an only subflow = %v", err)
	}
	client.SetReadDeadline(time.Now().Add(10 * time.Second))
	if n, err := client.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("its owner reads %d, %v, want it to have ended", n, err)
	}
	if err := single(-1); !errors.Is(err, unix.EBADF) {
		t.Errorf("single of no descriptor = %v, want EBADF", err)
	}
}
