package netlink

import "fmt"

// Want says which sizes an attribute's payload may have. The zero value means
// that the attribute is not wanted and is passed over unread.
type Want struct {
	Min int // in bytes
	Max int // in bytes; 0 means Min exactly, Any no bound
}

// Any is the Max of a payload without an upper bound: a string, a nest, a list.
const Any = 1 << 16

// Policy is the table of expectations for one message, indexed by attribute
// type. Parsing by a table keeps the checks in one loop and the reads behind it
// free of them.
type Policy []Want

// Parse files the payloads of the wanted attributes in b into attrs, by type,
// where attrs is at least as long as the policy; it clears attrs first. Of an
// attribute that comes twice the last counts, as in nla_parse.
//
// An attribute of the wrong size, or a list that does not add up, is an error
// that wraps ErrShort.
func (p Policy) Parse(b []byte, attrs [][]byte) error {
	clear(attrs)
	for len(b) >= attrHeaderLen {
		a, rest, err := nextAttr(b)
		if err != nil {
			return err
		}
		b = rest
		if int(a.Type) >= len(p) {
			continue
		}
		w := p[a.Type]
		if w == (Want{}) {
			continue
		}
		if n := len(a.Data); n < w.Min || n > max(w.Min, w.Max) {
			return fmt.Errorf("%w: attribute %d has %d bytes", ErrShort, a.Type, n)
		}
		attrs[a.Type] = a.Data
	}
	return nil
}
