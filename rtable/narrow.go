package rtable

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"net/netip"
	"slices"
	"sort"
)

const (
	// maxNarrow is how many destinations Narrow lists at most. Who filters by the
	// list pays for each of them with each flow there is; with fewer, a list of many
	// small prefixes holds more of what nobody has touched.
	maxNarrow = 16

	// maxExact is how many destinations changes keep as they are, and addresses
	// they list. Each is compared to all others, and asked about by LeadsAs.
	maxExact = 64
)

// Narrow lists the destinations and local addresses that can be concerned:
// everything TouchesFlow answers true for lies in one of the lists. Where there
// would be many destinations neighbours are joined. It answers false where that is
// everything.
func (c Changes) Narrow() (remotes []netip.Prefix, locals []netip.Addr, ok bool) {
	if c.everything || len(c.sources) > maxExact {
		return nil, nil, false
	}
	for a := range c.sources {
		locals = append(locals, a)
	}
	return cover(slices.Clone(c.narrow), maxNarrow), locals, true
}

// addNarrow notes that p is touched.
func (c *Changes) addNarrow(p netip.Prefix) {
	for _, have := range c.narrow {
		if have == p || c.coarse && have.Bits() <= p.Bits() && have.Contains(p.Addr()) {
			return
		}
	}
	c.narrow = append(c.narrow, p)
	if len(c.narrow) > maxExact {
		c.narrow, c.coarse = cover(c.narrow, maxNarrow), true
	}
}

// cover makes of list, which it overwrites, at most so many prefixes that hold all
// of it, two at least: they are the same destinations where that can be, and else
// those are joined that have most in common.
func cover(list []netip.Prefix, most int) []netip.Prefix {
	sort.Slice(list, func(i, j int) bool {
		a, b := list[i], list[j]
		return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits())) < 0
	})
	out := list[:0]
	for _, p := range list {
		out = settle(append(out, p))
	}
	for len(out) > most {
		closest, common := 0, -1
		for i := range out[1:] {
			if n := commonBits(out[i].Addr(), out[i+1].Addr()); n > common {
				closest, common = i, n
			}
		}
		out[closest] = netip.PrefixFrom(out[closest].Addr(), common).Masked()
		out = slices.Delete(out, closest+1, closest+2)
		for closest+1 < len(out) && out[closest].Overlaps(out[closest+1]) {
			out = slices.Delete(out, closest+1, closest+2)
		}
	}
	return out
}

// settle puts the last of a sorted list of disjoint prefixes into the one before
// that holds it, or makes two halves of a prefix that one.
func settle(list []netip.Prefix) []netip.Prefix {
	for len(list) > 1 {
		p, before := list[len(list)-1], list[len(list)-2]
		switch {
		case before.Overlaps(p):
		case p.Bits() > 0 && before.Bits() == p.Bits() && commonBits(before.Addr(), p.Addr()) == p.Bits()-1:
			list[len(list)-2] = netip.PrefixFrom(p.Addr(), p.Bits()-1).Masked()
		default:
			return list
		}
		list = list[:len(list)-1]
	}
	return list
}

// commonBits is the number of leading bits in which two addresses are equal; -1
// for those of different families.
func commonBits(a, b netip.Addr) int {
	if a.BitLen() != b.BitLen() {
		return -1
	}
	x, y := a.As16(), b.As16()
	n := bits.LeadingZeros64(binary.BigEndian.Uint64(x[:]) ^ binary.BigEndian.Uint64(y[:]))
	if n == 64 {
		n += bits.LeadingZeros64(binary.BigEndian.Uint64(x[8:]) ^ binary.BigEndian.Uint64(y[8:]))
	}
	return n - (128 - a.BitLen())
}
