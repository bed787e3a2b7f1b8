package rtable

import (
	"encoding/binary"
	"net/netip"
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
