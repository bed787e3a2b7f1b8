package rtable

import (
	"math/bits"
	"net/netip"
)

// node holds what lies behind the first depth bytes of a path: the prefixes that
// end within the next byte, and the nodes behind it.
//
// A prefix whose last byte has the upper n bits v has the index 1<<n|v, from 2 to
// 511, which halved is that of the prefix one bit shorter.
//
// The order of the fields is that of a walk: on the way down it reads the first
// and the last cache line, at its end the first two.
type node struct {
	depth    uint8
	short    uint8    // how many of values are of prefixes of less than eight bits
	path     [16]byte // meaningful up to depth
	children set
	values   []*bucket // by rank
	prefixes [2]set    // by index: those of less than eight bits, those of all eight
	nodes    []*node   // by rank in children
}

// set is a set of bytes that counts them.
type set struct {
	words  [4]uint64
	before [4]uint8 // how many are in the words before this one
}

func (s *set) has(i uint8) bool { return s.words[i>>6]>>(i&63)&1 != 0 }

// rank counts the members below i.
func (s *set) rank(i uint8) int {
	return int(s.before[i>>6]) + bits.OnesCount64(s.words[i>>6]&(1<<(i&63)-1))
}

func (s *set) put(i uint8, in bool) {
	s.words[i>>6] &^= 1 << (i & 63)
	if in {
		s.words[i>>6] |= 1 << (i & 63)
	}
	for w := range 3 {
		s.before[w+1] = s.before[w] + uint8(bits.OnesCount64(s.words[w]))
	}
}

// has says whether n holds the prefix of that index, and rank where its value is,
// or would be.
func (n *node) has(i uint) bool { return n.prefixes[i>>8&1].has(uint8(i)) }

func (n *node) rank(i uint) int {
	return int(n.short)*int(i>>8&1) + n.prefixes[i>>8&1].rank(uint8(i))
}

// longest is the index of the longest prefix of n that the byte o starts with, or
// 0. The bit for each length is put in its place and the highest one found, since
// to try one after the other is to guess wrong.
func (n *node) longest(o uint8) uint {
	i := uint(o)
	part := &n.prefixes[0].words
	have := n.prefixes[1].words[i>>6]>>(i&63)&1<<8 |
		part[2|i>>7]>>(i>>1&63)&1<<7 |
		part[1]>>(i>>2&63)&1<<6 |
		part[0]>>((32|i>>3)&63)&1<<5 |
		part[0]>>((16|i>>4)&63)&1<<4 |
		part[0]>>((8|i>>5)&63)&1<<3 |
		part[0]>>((4|i>>6)&63)&1<<2 |
		part[0]>>((2|i>>7)&63)&1<<1
	if have == 0 {
		return 0
	}
	length := uint(bits.Len64(have)-1) & 15
	return (256 | i) >> ((8 - length) & 15)
}

// key is an address or prefix as a path through the trie.
type key struct {
	path [16]byte
	bits int
}

func keyOf(a netip.Addr, bits int) (k key) {
	k.bits = bits
	if a.Is4() {
		b := a.As4()
		copy(k.path[:], b[:])
	} else {
		k.path = a.As16()
	}
	return k
}

// last is the byte that a prefix of at least one bit ends in.
func (k *key) last() uint8 { return uint8((k.bits - 1) / 8) }

// index is that of the prefix in the node that holds it.
func (k *key) index() uint {
	n := uint(k.bits-1)%8 + 1
	return 1<<n | uint(k.path[k.last()])>>(8-n)
}

// leaves says whether k leaves the path of n between the bytes from and depth, and
// at which.
func (n *node) leaves(k *key, from uint8) (at uint8, ok bool) {
	for at = from; at < n.depth; at++ {
		if k.path[at] != n.path[at] {
			return at, true
		}
	}
	return n.depth, false
}

// child is the node behind the byte o, or nil.
func (n *node) child(o uint8) *node {
	if !n.children.has(o) {
		return nil
	}
	return n.nodes[n.children.rank(o)]
}
