package rtable

import (
	"net/netip"
	"slices"
)

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
