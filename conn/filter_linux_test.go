package conn

import (
	"context"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"testing"
)

// The kernel, given the filter, lists what TouchesFlow says, of real sockets of
// either family and of those in between.
func TestKernelRunsFilter(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	for _, line := range []string{
		"ip link set lo up",
		"ip route add local 198.48.0.0/13 dev lo",
		"ip route add local 2001:db8::/31 dev lo",
	} {
		sh(t, line)
	}
	l, err := net.Listen("tcp", ":0") // dual: what IPv4 clients reach is mapped
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := uint16(l.Addr().(*net.TCPAddr).Port)
	r := rand.New(rand.NewPCG(1, 0))
	for i := range 60 {
		local, remote := near4(r), near4(r)
		if i%2 == 1 {
			local, remote = near6(r), near6(r)
		}
		fd := dialRaw(t, i%2 == 1, local, netip.AddrPortFrom(remote, port), false, true)
		if c, err := l.Accept(); err != nil {
			t.Fatal(err, fd)
		} else {
			defer c.Close()
		}
	}
	d, err := OpenDiag()
	if err != nil {
		t.Fatal(err)
	}
	defer d.Shut()
	ctx := context.Background()
	var all []Flow
	mapped := 0
	for f, err := range d.All(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f)
		if f.Mapped {
			mapped++
		}
	}
	if len(all) < 120 || mapped == 0 {
		t.Fatalf("the kernel lists %d connections, %d mapped, want 120 and some", len(all), mapped)
	}
	narrower := 0
	for seed := range uint64(60) {
		changes, told := somewhere(t, rand.New(rand.NewPCG(seed, 0)))
		got := make(map[uint64]bool)
		for f, err := range d.Flows(ctx, changes) {
			if err != nil {
				t.Fatalf("%q: %v", told, err)
			}
			got[f.Cookie] = true
		}
		whole := slices.ContainsFunc(told, func(s string) bool { return s == "add 0.0.0.0/0 dev wan" || s == "add ::/0 dev wan" })
		for _, f := range all {
			if want := changes.TouchesFlow(f.Local.Addr(), f.Remote.Addr()); got[f.Cookie] != want && !(got[f.Cookie] && whole) {
				t.Errorf("%q: the kernel lists %v: %v, want %v", told, f, got[f.Cookie], want)
			}
		}
		if len(got) < len(all) {
			narrower++
		}
	}
	if narrower < 20 || d.Skipped() != 0 {
		t.Errorf("%d of 60 filters were narrower than all, %d answers skipped", narrower, d.Skipped())
	}
}
