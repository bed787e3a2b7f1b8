package rtable

import (
	"net/netip"
	"slices"

	"github.com/netmond/netmond/rtnl"
)

// LeadsAs says whether every packet leaves by t as it did by old, though c has
// changed in between: it answers true only where that is plain, so that a change
// that can strand nobody costs no look at the connections there are. A full
// Internet table changes all the time, and nearly always so.
//
// It is plain where each prefix that was touched has, in each table, one unicast
// route before and after, its own or the one it falls to, and both have the same
// next hops of their own; and where no link, address or rule has changed, nor does a rule go by
// the length of a prefix.
func (t *Table) LeadsAs(old *Table, c Changes) bool {
	t, old = t.orEmpty(), old.orEmpty()
	if c.first || c.everything || len(c.sources) > 0 || len(c.links) > 0 || c.coarse {
		return false
	}
	for _, p := range c.narrow {
		fam := indexOf(p.Addr())
		if slices.ContainsFunc(t.rules[fam], suppresses) || !t.leadsAs(old, fam, p) {
			return false
		}
	}
	return true
}

func suppresses(r *rtnl.Rule) bool { return r.SuppressPrefixLen >= 0 || r.SuppressIfGroup >= 0 }

func (t *Table) leadsAs(old *Table, fam int, p netip.Prefix) bool {
	merged := fam == v4 && !(t.split && old.split)
	for _, tables := range []map[uint32]fib{t.fibs[fam], old.fibs[fam]} {
		for id := range tables {
			now, was := t.fibs[fam][id].covering(p), old.fibs[fam][id].covering(p)
			if now == was && !now.usesObject() {
				continue
			}
			// In one trie with the local table a prefix competes with those there.
			if merged && t.fibs[fam][rtnl.TableLocal].covering(p) != nil || !sameWay(now, was) {
				return false
			}
		}
	}
	return true
}

// covering is the bucket of the longest prefix that holds all of p, or nil.
func (f fib) covering(p netip.Prefix) *bucket {
	if f.trie != nil {
		for _, b := range f.trie.Supernets(p) {
			return b
		}
	}
	return nil
}

// sameWay says whether each bucket is one plain route, and both have the same next
// hops.
func sameWay(now, was *bucket) bool {
	plain := func(b *bucket) bool {
		return b != nil && len(b.routes) == 1 && b.routes[0].Type == rtnl.Unicast && b.routes[0].TOS == 0 && !b.routes[0].Src.IsValid() && !b.usesObject()
	}
	return plain(now) && plain(was) && slices.Equal(now.routes[0].NextHops, was.routes[0].NextHops)
}

// usesObject says whether a route of the bucket, which may be nil, leads by a
// nexthop object: what that is changes without the route.
func (b *bucket) usesObject() bool {
	return b != nil && slices.ContainsFunc(b.routes, func(r *body) bool { return r.NHID != 0 })
}
