package rtable

import (
	"iter"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
)

// buckets is a trie without the trie.
type buckets map[netip.Prefix]*bucket

// Supernets tries every length.
func (m buckets) Supernets(p netip.Prefix) iter.Seq2[netip.Prefix, *bucket] {
	return func(yield func(netip.Prefix, *bucket) bool) {
		for bits := p.Bits(); bits >= 0; bits-- {
			q := netip.PrefixFrom(p.Addr(), bits).Masked()
			if b, ok := m[q]; ok && !yield(q, b) {
				return
			}
		}
	}
}

func (m buckets) Lookup(a netip.Addr) (*bucket, bool) {
	for _, b := range m.Supernets(netip.PrefixFrom(a, a.BitLen())) {
		return b, true
	}
	return nil, false
}

// sorted is the prefixes by address, the shorter ones first.
func (m buckets) sorted() []netip.Prefix {
	return slices.SortedFunc(maps.Keys(m), func(p, q netip.Prefix) int {
		if c := p.Addr().Compare(q.Addr()); c != 0 {
			return c
		}
		return p.Bits() - q.Bits()
	})
}

// The trie answers as a map does, whatever is put in, replaced and taken out, and
// no change of it, but one of what is owned, shows in the tries that were there
// before.
func TestTrieAgreesWithMap(t *testing.T) {
	seeds := uint64(20)
	if testing.Short() {
		seeds = 2
	}
	for _, owned := range []bool{true, false} {
		for _, six := range []bool{false, true} {
			for seed := range seeds {
				r := rand.New(rand.NewPCG(seed, 1))
				trieRound(t, r, six, owned)
			}
		}
	}
}

func randomPrefix(r *rand.Rand, six bool) netip.Prefix {
	var b [16]byte
	for i := range b { // few values, so that prefixes meet
		b[i] = []byte{0, 1, 0x80, 0xff, byte(r.Uint32())}[r.IntN(5)]
	}
	if six {
		return netip.PrefixFrom(netip.AddrFrom16(b), r.IntN(129)).Masked()
	}
	return netip.PrefixFrom(netip.AddrFrom4([4]byte(b[:4])), r.IntN(33)).Masked()
}

func trieRound(t *testing.T, r *rand.Rand, six, owned bool) {
	got, want := new(trie), buckets{}
	type version struct {
		trie *trie
		size int
	}
	var earlier []version
	var there []netip.Prefix
	for range 300 {
		p := randomPrefix(r, six)
		if len(there) > 0 && r.IntN(3) == 0 {
			p = there[r.IntN(len(there))]
		}
		there = append(there, p)
		var b *bucket
		if r.IntN(3) > 0 {
			b = new(bucket)
		}
		if !owned {
			earlier = append(earlier, version{got, len(want)})
		}
		was := want[p]
		got = got.update(p, owned, func(have *bucket) *bucket {
			if have != was {
				t.Fatalf("update(%v) finds %p, want %p", p, have, was)
			}
			return b
		})
		if b == nil {
			delete(want, p)
		} else {
			want[p] = b
		}
		sameTrie(t, r, got, want, six)
	}
	for _, v := range earlier {
		n := 0
		for range v.trie.All() {
			n++
		}
		if n != v.size {
			t.Fatalf("an earlier trie has %d prefixes, had %d", n, v.size)
		}
	}
}

func sameTrie(t *testing.T, r *rand.Rand, got *trie, want buckets, six bool) {
	t.Helper()
	type pair struct {
		p netip.Prefix
		b *bucket
	}
	var list, wanted []pair
	for p, b := range got.All() {
		list = append(list, pair{p, b})
	}
	for _, p := range want.sorted() {
		wanted = append(wanted, pair{p, want[p]})
	}
	if len(list) != len(wanted) {
		t.Fatalf("%d prefixes, want %d", len(list), len(wanted))
	}
	for i := range list {
		if list[i] != wanted[i] {
			t.Fatalf("prefix %d is %v, want %v", i, list[i], wanted[i])
		}
		if b, _ := got.Get(list[i].p); b != list[i].b {
			t.Fatalf("Get(%v) = %p, want %p", list[i].p, b, list[i].b)
		}
	}
	for range 20 {
		p := randomPrefix(r, six)
		a, aok := got.Get(p)
		b, bok := want[p]
		if a != b || aok != bok {
			t.Fatalf("Get(%v) = %p, want %p", p, a, b)
		}
		a, aok = got.Lookup(p.Addr())
		b, bok = want.Lookup(p.Addr())
		if a != b || aok != bok {
			t.Fatalf("Lookup(%v) = %p, want %p", p.Addr(), a, b)
		}
		var s, w []pair
		for q, b := range got.Supernets(p) {
			s = append(s, pair{q, b})
		}
		for q, b := range want.Supernets(p) {
			w = append(w, pair{q, b})
		}
		if len(s) != len(w) {
			t.Fatalf("Supernets(%v) = %v, want %v", p, s, w)
		}
		for i := range s {
			if s[i] != w[i] {
				t.Fatalf("Supernets(%v) = %v, want %v", p, s, w)
			}
		}
	}
}
