package rtable

import (
	"iter"
	"math/bits"
	"net/netip"
	"slices"
)

// Supernets yields the prefixes that hold p and their buckets, longest first.
func (t *trie) Supernets(p netip.Prefix) iter.Seq2[netip.Prefix, *bucket] {
	return func(yield func(netip.Prefix, *bucket) bool) {
		k := keyOf(p.Addr(), p.Bits())
		way, depth := t.way(&k)
		for _, n := range slices.Backward(way[:depth]) {
			i := 256 | uint(k.path[n.depth])
			if n.depth == k.last() {
				i = k.index()
			}
			for ; i > 1; i >>= 1 {
				if n.has(i) && !yield(n.prefix(i, t.is4), n.values[n.rank(i)]) {
					return
				}
			}
		}
		if t.all0 != nil {
			yield(defaults[indexOf(p.Addr())], t.all0)
		}
	}
}

// prefix is the one of that index in n.
func (n *node) prefix(index uint, is4 bool) netip.Prefix {
	var b [16]byte
	copy(b[:], n.path[:n.depth])
	length := uint(bits.Len(index)) - 1
	b[n.depth] = byte(index << (8 - length))
	a := netip.AddrFrom16(b)
	if is4 {
		a = netip.AddrFrom4([4]byte(b[:4]))
	}
	return netip.PrefixFrom(a, int(n.depth)*8+int(length))
}

// All yields the prefixes by address, the shorter ones first, and their buckets.
func (t *trie) All() iter.Seq2[netip.Prefix, *bucket] {
	return func(yield func(netip.Prefix, *bucket) bool) {
		if t.all0 != nil && !yield(defaults[t.family()], t.all0) {
			return
		}
		if t.root != nil {
			t.root.walk(t.is4, yield)
		}
	}
}

func (t *trie) family() int {
	if t.is4 {
		return v4
	}
	return v6
}

func (n *node) walk(is4 bool, yield func(netip.Prefix, *bucket) bool) bool {
	for o := range uint(256) {
		// The prefixes that start at o are those as long as o has no zeros for.
		for length := max(1, 8-uint(bits.TrailingZeros8(uint8(o)))); length <= 8; length++ {
			i := 1<<length | o>>(8-length)
			if n.has(i) && !yield(n.prefix(i, is4), n.values[n.rank(i)]) {
				return false
			}
		}
		if c := n.child(uint8(o)); c != nil && !c.walk(is4, yield) {
			return false
		}
	}
	return true
}
