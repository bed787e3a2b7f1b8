package rtable

import (
	"iter"
	"net/netip"
	"slices"
	"sort"

	"github.com/netmond/netmond/rtnl"
)

// fib is the routes of one table and family: prefix -> bucket, in a persistent
// longest-prefix trie. The zero value is empty; immutable but for the methods
// that say otherwise.
type fib struct {
	trie   *trie
	routes int
}

func (f fib) at(dst netip.Prefix) []*body {
	if f.trie == nil {
		return nil
	}
	if b, ok := f.trie.Get(dst); ok {
		return b.routes
	}
	return nil
}

// with is f with the routes to dst replaced. Where owned is set f is changed in
// place.
func (f fib) with(dst netip.Prefix, was int, routes []*body, owned bool) fib {
	f.routes += len(routes) - was
	if f.trie == nil {
		f.trie, owned = new(trie), true
	}
	f.trie = f.trie.update(dst, owned, func(*bucket) *bucket { return newBucket(routes) })
	return f
}

// all yields prefixes and their buckets, by address, shorter prefixes first.
func (f fib) all() iter.Seq2[netip.Prefix, *bucket] {
	if f.trie == nil {
		return func(func(netip.Prefix, *bucket) bool) {}
	}
	return f.trie.All()
}

// Routes yields the routes of all tables: by family, table, prefix, and then in
// the kernel's order. The Route is the iterator's; its next hops must not be
// changed.
func (t *Table) Routes() iter.Seq[*rtnl.Route] {
	return func(yield func(*rtnl.Route) bool) {
		t := t.orEmpty()
		for fam := range t.fibs {
			for _, id := range sortedKeys(t.fibs[fam]) {
				for r := range t.sorted(t.fibs[fam][id]) {
					if !yield(r) {
						return
					}
				}
			}
		}
	}
}

// TableRoutes yields the routes of one table, as Routes does.
func (t *Table) TableRoutes(table uint32) iter.Seq[*rtnl.Route] {
	return func(yield func(*rtnl.Route) bool) {
		t := t.orEmpty()
		for fam := range t.fibs {
			for r := range t.sorted(t.fibs[fam][table]) {
				if !yield(r) {
					return
				}
			}
		}
	}
}

// DefaultRoutes yields the default routes of all tables, as Routes does.
func (t *Table) DefaultRoutes() iter.Seq[*rtnl.Route] {
	return func(yield func(*rtnl.Route) bool) {
		t := t.orEmpty()
		for fam, dst := range defaults {
			for _, id := range sortedKeys(t.fibs[fam]) {
				for _, b := range t.fibs[fam][id].at(dst) {
					r := t.shown(dst, b)
					if !yield(&r) {
						return
					}
				}
			}
		}
	}
}

// defaults are the prefixes of the default routes, by family.
var defaults = [families]netip.Prefix{
	v4: netip.PrefixFrom(netip.IPv4Unspecified(), 0),
	v6: netip.PrefixFrom(netip.IPv6Unspecified(), 0),
}

func (t *Table) sorted(f fib) iter.Seq[*rtnl.Route] {
	return func(yield func(*rtnl.Route) bool) {
		if f.trie == nil {
			return
		}
		for dst, b := range f.trie.All() {
			for _, body := range b.routes {
				r := t.shown(dst, body)
				if !yield(&r) {
					return
				}
			}
		}
	}
}

// Len counts the routes of all tables, both families.
func (t *Table) Len() int {
	n := 0
	for _, tables := range t.orEmpty().fibs {
		for _, f := range tables {
			n += f.routes
		}
	}
	return n
}

func sortedKeys[V any](m map[uint32]V) []uint32 {
	keys := make([]uint32, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Slice(keys, func(i, j int) bool { return keys[i] < keys[j] })
	return keys
}

// Has says whether the route stands, be it with less time left or a dead leg. It
// is for routes out of an Answer.
func (t *Table) Has(r *rtnl.Route) bool {
	if !r.Dst.IsValid() {
		return false
	}
	routes := t.orEmpty().fibs[familyIndex(r.Family())][r.Table].at(r.Dst)
	return slices.ContainsFunc(routes, func(b *body) bool { return sameRoute(&b.Route, r) })
}
