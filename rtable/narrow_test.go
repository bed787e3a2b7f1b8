package rtable

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
)

// A cover holds all of its list, is disjoint and sorted, and holds nothing else
// unless it had to be made shorter.
func TestCover(t *testing.T) {
	exact, joined := 0, 0
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 3))
		var list []netip.Prefix
		for range 1 + r.IntN(70) {
			if a := [4]byte{198, 51, byte(r.IntN(4)), byte(r.IntN(256))}; r.IntN(3) > 0 {
				list = append(list, netip.PrefixFrom(netip.AddrFrom4(a), 25+r.IntN(8)).Masked())
			} else {
				b := netip.MustParseAddr("2001:db8::").As16()
				b[7], b[8] = a[2], a[3]
				list = append(list, netip.PrefixFrom(netip.AddrFrom16(b), 60+r.IntN(13)).Masked())
			}
		}
		all := cover(slices.Clone(list), len(list))
		few := cover(slices.Clone(list), 5)
		if len(few) > 5 || len(all) <= 5 && !slices.Equal(few, all) {
			t.Fatalf("seed %d: cover in 5 of %v = %v", seed, list, few)
		}
		for name, out := range map[string][]netip.Prefix{"all": all, "few": few} {
			for i, p := range out {
				if p != p.Masked() || i > 0 && (!out[i-1].Addr().Less(p.Addr()) || out[i-1].Overlaps(p)) {
					t.Fatalf("seed %d: %s: %v is not sorted and disjoint", seed, name, out)
				}
			}
			for _, p := range list {
				if !slices.ContainsFunc(out, func(c netip.Prefix) bool { return c.Bits() <= p.Bits() && c.Overlaps(p) }) {
					t.Fatalf("seed %d: %s: %v of %v is not in %v", seed, name, p, list, out)
				}
			}
		}
		for range 200 { // of the exact one no address is foreign
			p := all[r.IntN(len(all))]
			a := p.Addr().As16()
			for bit := p.Bits() + 128 - p.Addr().BitLen(); bit < 128; bit++ {
				if r.IntN(2) == 1 {
					a[bit/8] ^= 0x80 >> (bit % 8)
				}
			}
			addr := netip.AddrFrom16(a)
			if p.Addr().Is4() {
				addr = addr.Unmap()
			}
			if !slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(addr) }) {
				t.Fatalf("seed %d: %v is in %v, and not in %v", seed, addr, all, list)
			}
		}
		if len(all) < len(list) {
			exact++
		}
		if len(few) < len(all) {
			joined++
		}
	}
	if exact < 100 || joined < 100 {
		t.Errorf("%d covers were shorter than their lists, and %d had to be: the test says nothing", exact, joined)
	}
}

// The whole of one family is not half of both.
func TestCoverKeepsFamiliesApart(t *testing.T) {
	for _, list := range [][]netip.Prefix{
		{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")},
		{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/1"), netip.MustParsePrefix("8000::/1")},
		{netip.MustParsePrefix("0.0.0.0/1"), netip.MustParsePrefix("128.0.0.0/1"), netip.MustParsePrefix("::/0")},
		{netip.MustParsePrefix("128.0.0.0/1"), netip.MustParsePrefix("::/1")},
	} {
		want := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
		if len(list) == 2 {
			want = slices.Clone(list)
		}
		if got := cover(slices.Clone(list), 2); !slices.Equal(got, want) {
			t.Errorf("cover of %v = %v, want %v", list, got, want)
		}
	}
}

// Whatever was touched lies in what Narrow lists, however much that is.
func TestNarrowHoldsWhatIsTouched(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 4))
		var steps []Changes
		for range 1 + r.IntN(4) {
			var c Changes
			for range r.IntN(100) {
				c.touch(netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(r.IntN(256)), byte(r.IntN(256))}), r.IntN(17)).Masked())
			}
			steps = append(steps, c)
		}
		c := Merge(steps)
		remotes, _, ok := c.Narrow()
		if !ok || len(remotes) > maxNarrow {
			t.Fatalf("seed %d: Narrow() = %v, %v", seed, remotes, ok)
		}
		for range 1000 {
			a := netip.AddrFrom4([4]byte{byte(r.IntN(256)), byte(r.IntN(256)), 1, 1})
			if c.Touches(a) && !slices.ContainsFunc(remotes, func(p netip.Prefix) bool { return p.Contains(a) }) {
				t.Fatalf("seed %d: %v is touched, and not in %v", seed, a, remotes)
			}
		}
	}
}
