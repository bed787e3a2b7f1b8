package conn

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/netmond/netmond/internal/iproute"
	"github.com/netmond/netmond/internal/netlink"
	"github.com/netmond/netmond/rtable"
	"github.com/netmond/netmond/rtnl"
)

// runFilter does what inet_diag_bc_run does with the byte code and a socket.
func runFilter(code []byte, f Flow) bool {
	left := len(code)
	for left > 0 {
		op := code[len(code)-left:]
		var yes bool
		switch op[0] {
		case 7, 8: // INET_DIAG_BC_S_COND, INET_DIAG_BC_D_COND
			a := f.Local
			if op[0] == 8 {
				a = f.Remote
			}
			yes = holds(op[4:], f, a)
		case 0: // INET_DIAG_BC_NOP
			yes = true
		}
		if yes {
			left -= int(op[1])
		} else {
			left -= int(netlink.Uint16(op[2:]))
		}
	}
	return left == 0
}

// holds says whether a condition (struct inet_diag_hostcond) holds for one side.
func holds(cond []byte, f Flow, a netip.AddrPort) bool {
	const anyPort = 1<<32 - 1
	if port := netlink.Uint32(cond[4:]); port != anyPort && port != uint32(a.Port()) {
		return false
	}
	bits := int(cond[1])
	if bits == 0 {
		return true
	}
	sock := a.Addr().AsSlice()
	v6 := f.Mapped || a.Addr().Is6()
	if cond[0] == 2 && v6 && !f.Mapped || cond[0] == 10 && !v6 {
		return false
	}
	if cond[0] == 10 && f.Mapped {
		mapped := a.Addr().As16()
		sock = mapped[:]
	}
	want := cond[8:]
	for i := range bits {
		if (sock[i/8]^want[i/8])&(0x80>>(i%8)) != 0 {
			return false
		}
	}
	return true
}

// auditFilter does what inet_diag_bc_audit does: the kernel refuses other code.
func auditFilter(code []byte) error {
	starts := make(map[int]bool) // what is left where an operation starts
	for left := len(code); left > 0; {
		starts[left] = true
		op := code[len(code)-left:]
		size := 4
		switch op[0] {
		case 7, 8:
			size = 4 + 8 + 4
			if left >= 8 && op[4] == 10 {
				size = 4 + 8 + 16
			}
			if left < size || int(op[5]) > (size-12)*8 {
				return fmt.Errorf("at %d: a condition of %d bytes with prefix length %d", len(code)-left, left, op[5])
			}
		case 1:
		default:
			return fmt.Errorf("at %d: operation %d", len(code)-left, op[0])
		}
		yes, no := int(op[1]), int(netlink.Uint16(op[2:]))
		if op[0] != 1 && (yes < size || yes > left+4 || yes&3 != 0) || op[0] == 1 && yes < 4 {
			return fmt.Errorf("at %d: yes %d of %d", len(code)-left, yes, left)
		}
		if no < size || no > left+4 || no&3 != 0 {
			return fmt.Errorf("at %d: no %d of %d", len(code)-left, no, left)
		}
		left -= yes
	}
	return nil
}

// somewhere makes changes that touch a few destinations and addresses.
func somewhere(t *testing.T, r *rand.Rand) (rtable.Changes, []string) {
	t.Helper()
	var links iproute.Links
	old, _ := (*rtable.Table)(nil).Apply(rtnl.Batch{Full: true})
	var told []string
	if r.IntN(10) == 0 {
		told = append(told, "add 0.0.0.0/0 dev wan", "add ::/0 dev wan")
	}
	for range 1 + r.IntN(12) {
		bits := r.IntN(33)
		switch r.IntN(5) {
		case 0:
			told = append(told, fmt.Sprintf("add addr %v/24 dev wan", near4(r)))
		case 1:
			told = append(told, fmt.Sprintf("add addr %v/64 dev wan", near6(r)))
		case 2, 3:
			told = append(told, fmt.Sprintf("add %v dev wan", netip.PrefixFrom(near4(r), bits).Masked()))
		default:
			told = append(told, fmt.Sprintf("add %v dev wan", netip.PrefixFrom(near6(r), 4*bits).Masked()))
		}
	}
	var b rtnl.Batch
	for _, line := range told {
		e, err := iproute.Parse(line, &links)
		if err != nil {
			t.Fatal(err)
		}
		b.Events = append(b.Events, e)
	}
	_, changes := old.Apply(b)
	return changes, told
}

// near4 and near6 are addresses that often share a prefix.
func near4(r *rand.Rand) netip.Addr {
	return netip.AddrFrom4([4]byte{198, byte(50 + r.IntN(2)), byte(r.IntN(2) * 255), byte(r.IntN(4))})
}

func near6(r *rand.Rand) netip.Addr {
	a := netip.MustParseAddr("2001:db8::").As16()
	a[3], a[7], a[15] = byte(0xb8+r.IntN(2)), byte(r.IntN(2)*128), byte(r.IntN(3))
	return netip.AddrFrom16(a)
}

// The kernel's filter lets pass what the changes touch, and of the rest at most
// the other family where a default route is among them.
func TestFilterIsTouchesFlow(t *testing.T) {
	passed, stopped := 0, 0
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 0))
		changes, told := somewhere(t, r)
		filter := appendFilter(nil, changes)
		if len(filter) == 0 {
			t.Fatalf("no filter for %q", told)
		}
		if typ := netlink.Uint16(filter[2:]); typ != diagReqBytecode || int(netlink.Uint16(filter)) != len(filter) {
			t.Fatalf("the attribute is %d of %d bytes, want %d of %d", typ, netlink.Uint16(filter), diagReqBytecode, len(filter))
		}
		code := filter[4:]
		if err := auditFilter(code); err != nil {
			t.Fatalf("%q: the kernel refuses %x: %v", told, code, err)
		}
		remotes, _, _ := changes.Narrow()
		whole := false
		for _, p := range remotes {
			whole = whole || p.Bits() == 0
		}
		for range 100 {
			f := Flow{Local: netip.AddrPortFrom(near4(r), 1), Remote: netip.AddrPortFrom(near4(r), 2), Mapped: r.IntN(2) == 0}
			if r.IntN(2) == 0 {
				f = Flow{Local: netip.AddrPortFrom(near6(r), 1), Remote: netip.AddrPortFrom(near6(r), 2)}
			}
			got, want := runFilter(code, f), changes.TouchesFlow(f.Local.Addr(), f.Remote.Addr())
			if got != want && !(got && whole) {
				t.Fatalf("%q: the filter says %v of %v (mapped %v), TouchesFlow %v\n%x", told, got, f, f.Mapped, want, code)
			}
			if got {
				passed++
			} else {
				stopped++
			}
		}
	}
	if passed < 1000 || stopped < 1000 {
		t.Errorf("%d flows passed and %d did not: the test says nothing", passed, stopped)
	}
}

// Many destinations make a filter no longer than a few do, which lets pass what
// they touch and stops what is far from them.
func TestFilterOfMany(t *testing.T) {
	var links iproute.Links
	var many rtnl.Batch
	for i := range 100 {
		e, err := iproute.Parse(fmt.Sprintf("add 198.51.%d.0/24 dev wan", 2*i), &links)
		if err != nil {
			t.Fatal(err)
		}
		many.Events = append(many.Events, e)
	}
	old, _ := (*rtable.Table)(nil).Apply(rtnl.Batch{Full: true})
	_, changes := old.Apply(many)
	filter := appendFilter(nil, changes)
	if len(filter) == 0 || len(filter) > 4+16*(16+4) {
		t.Fatalf("a filter of %d bytes", len(filter))
	}
	if err := auditFilter(filter[4:]); err != nil {
		t.Fatal(err)
	}
	for i := range 256 {
		f := Flow{Local: netip.MustParseAddrPort("192.0.2.9:1"), Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, byte(i), 1}), 2)}
		if got := runFilter(filter[4:], f); !got && changes.TouchesFlow(f.Local.Addr(), f.Remote.Addr()) {
			t.Errorf("the filter stops %v, which is touched", f)
		}
	}
	for _, far := range []string{"198.50.0.1:2", "198.51.224.1:2", "203.0.113.1:2", "[2001:db8::1]:2"} {
		f := Flow{Local: netip.MustParseAddrPort("192.0.2.9:1"), Remote: netip.MustParseAddrPort(far)}
		if runFilter(filter[4:], f) {
			t.Errorf("the filter lets pass %v", f)
		}
	}
}

// Where the changes concern everything all is asked for.
func TestNoFilterForEverything(t *testing.T) {
	var links iproute.Links
	rule, err := iproute.Parse("add rule 100: from all lookup 7", &links)
	if err != nil {
		t.Fatal(err)
	}
	old, _ := (*rtable.Table)(nil).Apply(rtnl.Batch{Full: true})
	for name, b := range map[string]rtnl.Batch{"rule": {Events: []rtnl.Event{rule}}, "nothing": {}} {
		_, changes := old.Apply(b)
		if filter := appendFilter(nil, changes); len(filter) != 0 {
			t.Errorf("%s: a filter of %d bytes, want none", name, len(filter))
		}
	}
}
