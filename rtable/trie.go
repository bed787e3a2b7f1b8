package rtable

import (
	"encoding/binary"
	"iter"
	"math/bits"
	"net/netip"
	"slices"
)

// trie maps the prefixes of one family to buckets. It is a multibit trie of
// eight bits a level, with levels left out where a path does not branch, and
// both of a node's lists held without their gaps, by the rank of a bit (after
// Degermark et al. 1997 and the ART of Hariguchi). A change copies the nodes
// from the root to one prefix, three or four, and shares the rest.
//
// What it has over a general one: a bucket is a pointer to be shared, so that a
// prefix costs its eight bytes and little more, there is nothing to copy of it,
// and the garbage collector sees one list where there were a hundred objects.
//
// The zero value is empty. Immutable but for update of what is owned.
type trie struct {
	root *node
	all0 *bucket // to the prefix of length 0
	is4  bool    // known when there is a prefix
}

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

// Get is the bucket of exactly that prefix.
func (t *trie) Get(p netip.Prefix) (*bucket, bool) {
	if p.Bits() == 0 {
		return t.all0, t.all0 != nil
	}
	k := keyOf(p.Addr(), p.Bits())
	from := uint8(0)
	for n := t.root; n != nil; n = n.child(k.path[n.depth]) {
		if n.depth > k.last() {
			break
		}
		if _, off := n.leaves(&k, from); off {
			break
		}
		if n.depth == k.last() {
			if i := k.index(); n.has(i) {
				return n.values[n.rank(i)], true
			}
			break
		}
		from = n.depth + 1
	}
	return nil, false
}

// Lookup is the bucket of the longest prefix that holds a, of the trie's family.
// The last node on the way nearly always has it.
//
// The address is in two words and the depth counted, so that the processor reads a
// node without having to wait for a byte in memory or the node's own depth.
func (t *trie) Lookup(a netip.Addr) (*bucket, bool) {
	var high, low uint64
	if a.Is4() {
		b := a.As4()
		high = uint64(binary.BigEndian.Uint32(b[:])) << 32
	} else {
		b := a.As16()
		high, low = binary.BigEndian.Uint64(b[:]), binary.BigEndian.Uint64(b[8:])
	}
	var (
		last  *node
		o     uint8
		depth uint8
	)
	for n := t.root; n != nil; depth++ {
		if n.depth != depth {
			k := keyOf(a, a.BitLen())
			if _, off := n.leaves(&k, depth); off {
				break
			}
			depth = n.depth
		}
		last = n
		if depth < 8 {
			o = uint8(high >> ((56 - 8*depth) & 63))
		} else {
			o = uint8(low >> ((56 - 8*depth) & 63))
		}
		if !n.children.has(o) {
			break
		}
		n = n.nodes[n.children.rank(o)]
	}
	if last != nil {
		if i := last.longest(o); i != 0 {
			return last.values[last.rank(i)], true
		}
	}
	k := keyOf(a, a.BitLen())
	b := t.shorter(&k)
	return b, b != nil
}

// shorter is Lookup where the last node has nothing for k: the one before it, or
// the one before that, has.
func (t *trie) shorter(k *key) *bucket {
	way, depth := t.way(k)
	for depth > 0 {
		depth--
		n := way[depth]
		if i := n.longest(k.path[n.depth]); i != 0 {
			return n.values[n.rank(i)]
		}
	}
	return t.all0
}

// way is the nodes on the way to k, as far as there are any.
func (t *trie) way(k *key) (way [16]*node, depth int) {
	from := uint8(0)
	for n := t.root; n != nil && k.bits > 0 && n.depth <= k.last(); n = n.child(k.path[n.depth]) {
		if _, off := n.leaves(k, from); off {
			break
		}
		way[depth] = n
		depth++
		from = n.depth + 1
	}
	return way, depth
}

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

// update is t with what f makes of the bucket of p; nil stands for none. Where
// owned is set t shares nothing with another trie and is changed in place.
func (t *trie) update(p netip.Prefix, owned bool, f func(*bucket) *bucket) *trie {
	if !owned {
		c := *t
		t = &c
	}
	t.is4 = p.Addr().Is4()
	if p.Bits() == 0 {
		t.all0 = f(t.all0)
		return t
	}
	k := keyOf(p.Addr(), p.Bits())
	t.root = t.root.update(&k, 0, owned, f)
	return t
}

// update is what takes the place of n, which may be nil, behind the first from
// bytes of k.
func (n *node) update(k *key, from uint8, owned bool, f func(*bucket) *bucket) *node {
	if n == nil {
		return leaf(k, f(nil))
	}
	end := min(n.depth, k.last())
	at := from
	for at < end && k.path[at] == n.path[at] {
		at++
	}
	if at < n.depth { // k ends or turns off before n
		b := f(nil)
		if b == nil {
			return n
		}
		fork := &node{path: k.path, depth: at}
		fork.setChild(n.path[at], n, true)
		if at == k.last() {
			fork.set(k.index(), b, true)
		} else {
			fork.setChild(k.path[at], leaf(k, b), true)
		}
		return fork
	}
	if n.depth == k.last() {
		i := k.index()
		var was *bucket
		if n.has(i) {
			was = n.values[n.rank(i)]
		}
		now := f(was)
		if now == was {
			return n
		}
		n = n.writable(owned)
		n.set(i, now, owned)
		return n.needed()
	}
	o := k.path[n.depth]
	was := n.child(o)
	now := was.update(k, n.depth+1, owned, f)
	if now == was {
		return n
	}
	n = n.writable(owned)
	n.setChild(o, now, owned)
	return n.needed()
}

// leaf is a node that holds k alone; nil where there is no bucket for it.
func leaf(k *key, b *bucket) *node {
	if b == nil {
		return nil
	}
	n := &node{path: k.path, depth: k.last()}
	n.set(k.index(), b, true)
	return n
}

func (n *node) writable(owned bool) *node {
	if owned {
		return n
	}
	c := *n
	return &c
}

// needed is n, or what stands for it once it holds no prefix and does not branch.
func (n *node) needed() *node {
	switch {
	case len(n.values) > 0 || len(n.nodes) > 1:
		return n
	case len(n.nodes) == 1:
		return n.nodes[0]
	}
	return nil
}

func (n *node) set(i uint, b *bucket, owned bool) {
	has := n.has(i)
	n.values = put(n.values, n.rank(i), has, b, owned)
	n.prefixes[i>>8&1].put(uint8(i), b != nil)
	switch {
	case i >= 256:
	case b != nil && !has:
		n.short++
	case b == nil && has:
		n.short--
	}
}

func (n *node) setChild(o uint8, c *node, owned bool) {
	n.nodes = put(n.nodes, n.children.rank(o), n.children.has(o), c, owned)
	n.children.put(o, c != nil)
}

// put is the list with x at i, in place of what is there if has is set; nil takes
// that out. Only where owned is set is the list itself changed.
func put[T any](list []*T, i int, has bool, x *T, owned bool) []*T {
	switch {
	case has && x != nil:
		if !owned {
			list = slices.Clone(list)
		}
		list[i] = x
		return list
	case has:
		if !owned {
			list = slices.Clone(list)
		}
		return slices.Delete(list, i, i+1)
	case x == nil:
		return list
	case owned && len(list) < cap(list):
		return slices.Insert(list, i, x)
	}
	room := len(list) + 1
	if owned { // more will come: a half more, which is the compromise of time and space
		room += len(list)/2 + 1
	}
	out := make([]*T, len(list)+1, room)
	copy(out, list[:i])
	out[i] = x
	copy(out[i+1:], list[i:])
	return out
}
