package conn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"testing"

	"github.com/netmond/netmond/rtable"
	"github.com/netmond/netmond/rtnl"
)

// Of many flows closed at once each is its own socket and no other's, by each rung.
func TestCloseAllClosesThose(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	sh(t, "ip link set lo up")
	ctx := context.Background()
	for _, rung := range []Rung{Destroy, Pidfd} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		for range 150 {
			fd := dialRaw(t, false, netip.MustParseAddr("127.0.0.1"), netip.MustParseAddrPort(l.Addr().String()), false, false)
			c, err := l.Accept()
			if err != nil {
				t.Fatal(err, fd)
			}
			t.Cleanup(func() { c.Close() })
		}
		d := openDevice(t)
		d.rung = rung
		list := func() map[uint64]Flow {
			m := make(map[uint64]Flow)
			for f, err := range d.diag.(*Diag).All(ctx) {
				if err != nil {
					t.Fatal(err)
				}
				if f.Remote.String() == l.Addr().String() && f.State == Established {
					m[f.Cookie] = f
				}
			}
			return m
		}
		before := list()
		if len(before) != 150 {
			t.Fatalf("%s: %d connections, want 150", rung, len(before))
		}
		var flows []Flow
		want := make(map[uint64]bool)
		n := 0
		for cookie, f := range before {
			switch n++; n % 3 {
			case 0: // left out
			case 1:
				flows = append(flows, f)
				want[cookie] = true
			case 2: // the addresses of one that is there, and a socket that is not
				f.Cookie, f.Inode = f.Cookie+1<<40, 0
				flows = append(flows, f)
			}
		}
		for range 2 { // the second time they are gone, and that is no error
			errs := make([]error, len(flows))
			d.CloseAll(ctx, flows, errs)
			if err := errors.Join(errs...); err != nil {
				t.Errorf("%s: CloseAll: %v", rung, err)
			}
		}
		after := list()
		for cookie, f := range before {
			if _, is := after[cookie]; is == want[cookie] {
				t.Errorf("%s: %v is there: %v, want %v", rung, f, is, !want[cookie])
			}
		}
	}
}

func TestCloseAllIsAdvisory(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	d := openDevice(t)
	d.rung = Advisory
	errs := make([]error, 3)
	d.CloseAll(context.Background(), make([]Flow, 3), errs)
	for _, err := range errs {
		if !errors.Is(err, ErrAdvisory) {
			t.Errorf("CloseAll: %v, want ErrAdvisory", err)
		}
	}
	d.rung = Destroy
	if err := d.refused(context.Background(), fmt.Errorf("as in another user's namespace: %w", syscall.EPERM)); !errors.Is(err, ErrAdvisory) || d.rung != Advisory {
		t.Errorf("EPERM leads to %v on rung %s", err, d.rung)
	}
}

// The kernel answers each claim of many by itself, as it answers it alone.
func TestKernelConfirmsEach(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	for _, line := range []string{
		"ip link set lo up",
		"ip link add wan type veth peer name p0", "ip link set p0 up", "ip address add 192.0.2.9/24 dev wan", "ip link set wan up",
		"ip address add 2001:db8::9/64 dev wan nodad",
		"ip link add lte type veth peer name p1", "ip link set p1 up", "ip address add 198.51.100.9/24 dev lte", "ip link set lte up",
		"ip link add off type veth peer name p2",
		"ip route add 203.0.113.0/25 via 192.0.2.1",
		"ip route add 203.0.113.128/25 via 198.51.100.1",
		"ip route add prohibit 100.64.0.0/16", "ip route add blackhole 100.65.0.0/16",
	} {
		sh(t, line)
	}
	ctx := context.Background()
	var cur *rtable.Table
	for b, err := range rtnl.Watch(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		if cur, _ = cur.Apply(b); cur.Ready() {
			break
		}
	}
	index := func(name string) uint32 {
		l, err := net.InterfaceByName(name)
		if err != nil {
			t.Fatal(err)
		}
		return uint32(l.Index)
	}
	wan, off := index("wan"), index("off")
	claim := func(local, remote string, v Verdict) Claim {
		return Claim{Verdict: v, Flow: Flow{
			Proto: TCP, State: Established, Local: netip.AddrPortFrom(netip.MustParseAddr(local), 4000), Remote: netip.AddrPortFrom(netip.MustParseAddr(remote), 443),
		}}
	}
	bound := claim("2001:db8::9", "2001:db8:ff::1", Verdict{Reason: NoRoute})
	bound.Flow.Oif = off
	cases := []struct {
		claim Claim
		want  bool
	}{
		{claim("192.0.2.9", "100.66.0.1", Verdict{Reason: NoRoute}), true},
		{claim("192.0.2.9", "203.0.113.1", Verdict{Reason: NoRoute}), false},
		{claim("192.0.2.9", "100.64.0.1", Verdict{Reason: NoRoute}), true},
		{claim("192.0.2.9", "100.65.0.1", Verdict{Reason: NoRoute, Now: rtable.Answer{Errno: syscall.EINVAL}}), true},
		{claim("192.0.2.9", "100.65.0.1", Verdict{Reason: NoRoute}), false},
		{claim("2001:db8::9", "2001:db8:ff::1", Verdict{Reason: NoRoute}), true},
		{claim("2001:db8::9", "2001:db8::1", Verdict{Reason: NoRoute}), false},
		{bound, true},
		{claim("192.0.2.9", "203.0.113.1", Verdict{Reason: SourceGone}), false},
		{claim("192.0.2.10", "203.0.113.1", Verdict{Reason: SourceGone}), true},
		{claim("2001:db8::9", "2001:db8::1", Verdict{Reason: SourceGone}), false},
		{claim("192.0.2.9", "203.0.113.1", Verdict{Reason: GatewayGone, Link: wan, Owned: true}), false},
		{claim("192.0.2.9", "203.0.113.129", Verdict{Reason: GatewayGone, Link: wan, Owned: true}), true},
		{claim("192.0.2.9", "203.0.113.129", Verdict{Reason: Rerouted, Link: wan, Owned: true}), true},
		{claim("192.0.2.9", "203.0.113.129", Verdict{Reason: LinkDown, Link: wan, Owned: true, Now: rtable.Answer{Hops: []rtnl.NextHop{{Oif: wan}}}}), false},
		{claim("192.0.2.9", "203.0.113.129", Verdict{Reason: LinkDown, Link: off, Owned: true}), true},
		{claim("192.0.2.9", "203.0.113.1", Verdict{Reason: LinkDown, Link: off, Owned: true}), false},
		{claim("192.0.2.9", "203.0.113.1", Verdict{}), false},
	}
	k, err := OpenKernel()
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	var many []Claim
	for i := range 20 * len(cases) {
		many = append(many, cases[i*7%len(cases)].claim)
	}
	k.Confirm(ctx, cur, many)
	for i := range many {
		c := cases[i*7%len(cases)]
		if many[i].Stands != c.want || many[i].Err != nil {
			t.Errorf("%v %s of link %d: %v, %v, want %v", c.claim.Flow, c.claim.Verdict.Reason, c.claim.Verdict.Link, many[i].Stands, many[i].Err, c.want)
		}
	}
	for _, c := range cases {
		alone := []Claim{c.claim}
		if k.Confirm(ctx, cur, alone); alone[0].Stands != c.want {
			t.Errorf("%v %s alone: %v, %v, want %v", c.claim.Flow, c.claim.Verdict.Reason, alone[0].Stands, alone[0].Err, c.want)
		}
	}
}
