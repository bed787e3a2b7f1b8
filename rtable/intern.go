package rtable

import (
	"iter"
	"net/netip"
	"slices"

	"github.com/netmond/netmond/rtnl"
)

// body is a route without its address, shared by all routes that differ in
// nothing else. Immutable.
type body struct {
	rtnl.Route         // Dst is the default route's, but for its length
	hash       uint32  // of the Route
	alone      *bucket // the bucket that holds this body only
}

// bucket is all routes to one prefix in one table, in the order in which the
// kernel tries them. Immutable, never empty.
type bucket struct{ routes []*body }

// bits is the length of the prefix.
func (b *bucket) bits() int { return b.routes[0].Dst.Bits() }

func newBucket(routes []*body) *bucket {
	switch len(routes) {
	case 0:
		return nil
	case 1:
		return routes[0].alone
	}
	return &bucket{routes}
}

// sameBody says whether two routes are equal in all but their prefix and the
// time they have left.
func sameBody(a, b *rtnl.Route) bool {
	return a.Priority == b.Priority && a.Table == b.Table && a.TOS == b.TOS && a.Type == b.Type &&
		a.Scope == b.Scope && a.Protocol == b.Protocol && a.Pref == b.Pref && a.NHID == b.NHID &&
		a.PrefSrc == b.PrefSrc && a.Src == b.Src && slices.Equal(a.NextHops, b.NextHops)
}

// interned is the set of bodies in use, and of some that no longer are: a
// persistent hash table, which is a trie over the hashes. The zero value is empty.
type interned struct {
	byHash *trie // buckets of the bodies of equal hash
	size   int   // bodies in the set
	live   int   // bodies in use when it was last pruned
	last   *body // the one found last; a dump repeats itself
}

// find returns the body of r, and the set with it in it. Where owned is set the
// set is not shared with another Table and is changed in place.
func (in interned) find(r *rtnl.Route, owned bool) (*body, interned) {
	if in.last != nil && in.last.is(r) {
		return in.last, in
	}
	hash := hashBody(r)
	if in.byHash == nil {
		in.byHash, owned = new(trie), true
	}
	if equal, ok := in.byHash.Get(hashKey(hash)); ok {
		for _, b := range equal.routes {
			if b.is(r) {
				in.last = b
				return b, in
			}
		}
	}
	b := &body{Route: *r, hash: hash}
	b.Dst = shape(r.Dst)
	b.NextHops = slices.Clone(r.NextHops) // r's may be a piece of a larger block
	b.alone = &bucket{[]*body{b}}
	in.last = b
	return b, in.with(b, owned)
}

// with is the set with b in it. Where owned is set the set is changed in place.
func (in interned) with(b *body, owned bool) interned {
	in.byHash = in.byHash.update(hashKey(b.hash), owned, func(equal *bucket) *bucket {
		if equal == nil {
			return b.alone
		}
		return &bucket{append(slices.Clip(equal.routes), b)}
	})
	in.size++
	return in
}

// recentBody is find for a private edit, which asks for few bodies a million
// times.
func (e *edit) recentBody(r *rtnl.Route) *body {
	slot := uint32(r.Dst.Bits())
	if len(r.NextHops) > 0 {
		slot += r.NextHops[0].Oif<<3 ^ uint32(r.NextHops[0].Gateway.As16()[15])<<1
	}
	b := &e.recent[slot%uint32(len(e.recent))]
	if *b == nil || !(*b).is(r) {
		*b, e.cur.bodies = e.cur.bodies.find(r, true)
	}
	return *b
}

// is says whether b is the body of r.
func (b *body) is(r *rtnl.Route) bool {
	return b.Dst == shape(r.Dst) && b.Expires == r.Expires && sameBody(&b.Route, r)
}

// shape is what of a prefix belongs to the body: family and length.
func shape(p netip.Prefix) netip.Prefix {
	return netip.PrefixFrom(defaults[indexOf(p.Addr())].Addr(), p.Bits())
}

// hashBody hashes what tells bodies apart most often; find compares the rest.
func hashBody(r *rtnl.Route) uint32 {
	h := uint32(2166136261)
	mix := func(v uint32) { h = (h ^ v) * 16777619; h ^= h >> 15 }
	mix(r.Priority)
	mix(uint32(r.Dst.Bits()))
	mix(r.Table)
	mix(uint32(r.Type) | uint32(r.Protocol)<<8 | uint32(r.Scope)<<16 | uint32(r.TOS)<<24)
	mix(r.NHID)
	mix(uint32(r.Expires))
	mixAddr := func(a netip.Addr) {
		if a.IsValid() {
			b := a.As16()
			for i := 0; i < len(b); i += 4 {
				mix(uint32(b[i])<<24 | uint32(b[i+1])<<16 | uint32(b[i+2])<<8 | uint32(b[i+3]))
			}
		}
	}
	mixAddr(r.PrefSrc)
	mixAddr(r.Src.Addr())
	for i := range r.NextHops {
		mix(r.NextHops[i].Oif)
		mixAddr(r.NextHops[i].Gateway)
	}
	return h
}

// all yields the bodies of the set.
func (in interned) all() iter.Seq[*body] {
	return func(yield func(*body) bool) {
		if in.byHash == nil {
			return
		}
		for _, equal := range in.byHash.All() {
			for _, b := range equal.routes {
				if !yield(b) {
					return
				}
			}
		}
	}
}

// pruned is the set without the bodies that t no longer uses, now and then: a
// walk over all routes must be paid for by many new bodies.
func (in interned) pruned(t *Table) interned {
	if in.size < in.live+1024+t.Len()/64 {
		return in
	}
	out := interned{byHash: new(trie)}
	seen := make(map[*body]bool)
	for _, tables := range t.fibs {
		for _, f := range tables {
			for _, b := range f.all() {
				for _, x := range b.routes {
					if !seen[x] {
						seen[x] = true
						out = out.with(x, true)
					}
				}
			}
		}
	}
	out.live = out.size
	return out
}

// hashKey is the upper half of a hash as a prefix of the trie: so it has two
// levels, and a body in a list of many costs eight bytes, where with all of the
// hash each would have a node.
func hashKey(h uint32) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(h >> 24), byte(h >> 16)}), 16)
}
