package iproute

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/netmond/netmond/rtnl"
)

// words reads a line word by word. The first mistake stays: what is read after
// it is zero, and end reports it.
type words struct {
	line string
	rest []string
	err  error
}

func newWords(line string) *words { return &words{line: line, rest: strings.Fields(line)} }

func (w *words) more() bool { return w.err == nil && len(w.rest) > 0 }

// fail records the first mistake.
func (w *words) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf("iproute: %q: %s", w.line, fmt.Sprintf(format, args...))
	}
	w.rest = nil
}

// end is the first mistake, which may be that words are left.
func (w *words) end() error {
	if w.more() {
		w.fail("unexpected %q", w.rest[0])
	}
	return w.err
}

// peek is the next word, "" at the end.
func (w *words) peek() string {
	if len(w.rest) == 0 {
		return ""
	}
	return w.rest[0]
}

// take reads the next word if it is the one asked for.
func (w *words) take(word string) bool {
	if w.peek() != word || word == "" {
		return false
	}
	w.rest = w.rest[1:]
	return true
}

// next reads a word that must be there; what says what it is.
func (w *words) next(what string) string {
	if len(w.rest) == 0 {
		w.fail("%s missing", what)
		return ""
	}
	word := w.rest[0]
	w.rest = w.rest[1:]
	return word
}

// number reads a number of up to bits bits, decimal or with 0x.
func (w *words) number(what string, bits int) uint64 { return w.parse(what, w.next(what), bits) }

func (w *words) parse(what, word string, bits int) uint64 {
	if w.err != nil {
		return 0
	}
	n, err := strconv.ParseUint(word, 0, bits)
	if err != nil {
		w.fail("%s: %q is no number of %d bits", what, word, bits)
	}
	return n
}

// named reads a name of those that name gives to the numbers up to last, or a
// number.
func (w *words) named(what string, last uint32, name func(uint32) string) uint32 {
	word := w.next(what)
	for i := uint32(0); i <= last; i++ {
		if name(i) == word {
			return i
		}
	}
	return uint32(w.parse(what, word, 32))
}

// table reads the name or number of a routing table.
func (w *words) table() uint32 { return w.named("table", rtnl.TableLocal, rtnl.TableName) }

func (w *words) protocol() uint8 {
	n := w.named("proto", 255, func(i uint32) string { return rtnl.ProtocolName(uint8(i)) })
	return w.octet("proto", n)
}

func (w *words) scope() uint8 {
	n := w.named("scope", 255, func(i uint32) string { return rtnl.ScopeName(uint8(i)) })
	return w.octet("scope", n)
}

// tos reads a number or the name of a class, which iproute2 prints where its
// rt_dsfield lists it: AFxy (RFC 2597), CSn (RFC 2474), EF (RFC 3246).
func (w *words) tos() uint8 {
	word := w.next("tos")
	switch {
	case word == "EF":
		return 0xb8
	case len(word) == 3 && word[:2] == "CS" && word[2] >= '1' && word[2] <= '7':
		return (word[2] - '0') << 5
	case len(word) == 4 && word[:2] == "AF" && word[2] >= '1' && word[2] <= '4' && word[3] >= '1' && word[3] <= '3':
		return (word[2]-'0')<<5 | (word[3]-'0')<<3
	}
	return uint8(w.parse("tos", word, 8))
}

func (w *words) octet(what string, n uint32) uint8 {
	if n > 255 {
		w.fail("%s: %d is above 255", what, n)
	}
	return uint8(n)
}

// addr reads an address, without a zone.
func (w *words) addr(what string) netip.Addr {
	word := w.next(what)
	a, err := netip.ParseAddr(word)
	if (err != nil || a.Zone() != "") && w.err == nil {
		w.fail("%s: %q is no address", what, word)
		return netip.Addr{}
	}
	return a
}

// prefix reads a prefix, or an address, which stands for the prefix that holds it
// alone. Where any is set, bits beyond the length may be set.
func (w *words) prefix(what string, any bool) netip.Prefix {
	word := w.next(what)
	if w.err != nil {
		return netip.Prefix{}
	}
	p, err := netip.ParsePrefix(word)
	if err != nil {
		a, aerr := netip.ParseAddr(word)
		if aerr != nil || a.Zone() != "" {
			w.fail("%s: %q is no prefix", what, word)
			return netip.Prefix{}
		}
		p = netip.PrefixFrom(a, a.BitLen())
	}
	if !any && p != p.Masked() {
		w.fail("%s: %s has bits beyond its length", what, word)
	}
	return p
}

// selector reads a prefix, or "all" or "default", and answers the zero Prefix for
// one of length 0. fam, if 0, becomes its family.
func (w *words) selector(what string, fam *uint8) netip.Prefix {
	if w.take("all") || w.take("default") {
		return netip.Prefix{}
	}
	p := w.prefix(what, false)
	w.family(what, fam, p.Addr())
	if p.Bits() == 0 {
		return netip.Prefix{}
	}
	return p
}

// family holds an address against the family of the line, which it sets if 0.
func (w *words) family(what string, fam *uint8, a netip.Addr) {
	if !a.IsValid() {
		return
	}
	is := rtnl.IPv6
	if a.Is4() {
		is = rtnl.IPv4
	}
	if *fam == 0 {
		*fam = is
	}
	if *fam != is {
		w.fail("%s: %s is of another family", what, a)
	}
}
