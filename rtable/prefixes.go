package rtable

import "net/netip"

// prefixes is a set of prefixes of both families. The zero value is empty, and so
// is nil to ask. For one goroutine while it is put into.
type prefixes struct {
	tries [families]trie
	in    bucket // stands for membership; holds nothing
}

func (s *prefixes) put(p netip.Prefix) {
	s.tries[indexOf(p.Addr())].update(p, true, func(*bucket) *bucket { return &s.in })
}

func (s *prefixes) putAll(more *prefixes) {
	for fam := range more.tries {
		for p := range more.tries[fam].All() {
			s.put(p)
		}
	}
}

// holds says whether one of the prefixes holds a.
func (s *prefixes) holds(a netip.Addr) bool {
	if s == nil || !a.IsValid() {
		return false
	}
	_, ok := s.tries[indexOf(a)].Lookup(a)
	return ok
}
