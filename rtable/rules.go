package rtable

import (
	"net/netip"
	"slices"
	"syscall"

	"github.com/netmond/netmond/rtnl"
)

// rules asks the policy rules in order (fib_rules_lookup). A table without any
// rule is searched as a kernel without policy routing does: local, main,
// default.
func (l *lookup) rules() (Answer, bool) {
	rules := l.t.rules[l.fam]
	switch {
	case l.fam == v4 && !l.t.split:
		return l.merged(rules)
	case len(rules) == 0:
		for _, table := range []uint32{rtnl.TableLocal, rtnl.TableMain, rtnl.TableDefault} {
			if l.search(table) {
				return l.end(nil)
			}
		}
		return Answer{Errno: syscall.ENETUNREACH}, false
	}
	for i := 0; i < len(rules); i++ {
		r := rules[i]
		if !l.matches(r) {
			continue
		}
		switch r.Action {
		case rtnl.ActionTable:
			table := r.Table
			if r.L3mdev {
				table = l.vrf
			}
			if l.search(table) && !l.suppressed(r) {
				return l.end(r)
			}
		case rtnl.ActionGoto:
			// A target that is missing makes the rule act as none (fib_rules_lookup).
			if to := slices.IndexFunc(rules[i+1:], func(x *rtnl.Rule) bool { return x.Priority == r.Goto }); to >= 0 {
				i += to
			}
		case rtnl.ActionUnreachable:
			return Answer{Rule: r, Errno: syscall.ENETUNREACH}, false
		case rtnl.ActionProhibit:
			return Answer{Rule: r, Errno: syscall.EACCES}, false
		case rtnl.ActionBlackhole:
			return Answer{Rule: r, Errno: syscall.EINVAL}, false
		}
	}
	return Answer{Errno: syscall.ENETUNREACH}, false
}

// merged asks for IPv4 in a network namespace that has never had a rule but the
// original ones: the kernel then keeps the local and the main table in one trie,
// where the longest prefix of either decides, and separates them for ever when
// the first rule is added or deleted (fib_trie_table, fib_unmerge). What was
// before the first dump cannot be known; original rules are taken for no others
// having been.
func (l *lookup) merged(rules []*rtnl.Rule) (Answer, bool) {
	table := uint32(rtnl.TableDefault)
	if l.searchBoth(rtnl.TableLocal, rtnl.TableMain) {
		table = l.ans.Route.Table
	} else if !l.search(rtnl.TableDefault) {
		return Answer{Errno: syscall.ENETUNREACH}, false
	}
	for _, r := range rules {
		if r.Table == table {
			return l.end(r)
		}
	}
	return l.end(nil)
}

// original says whether r is one of the rules that a network namespace is born
// with (fib_default_rules_init).
func original(r *rtnl.Rule) bool {
	pref, ok := map[uint32]uint32{rtnl.TableLocal: 0, rtnl.TableMain: 32766, rtnl.TableDefault: 32767}[r.Table]
	bare := rtnl.Rule{Family: r.Family, Priority: pref, Action: rtnl.ActionTable, Table: r.Table, Protocol: r.Protocol, SuppressPrefixLen: -1, SuppressIfGroup: -1}
	return ok && r.Equal(&bare)
}

// end is the answer that the search left, under the rule that led to it.
func (l *lookup) end(r *rtnl.Rule) (Answer, bool) {
	l.ans.Rule = r
	return l.ans, l.ans.Errno == 0
}

// suppressed says whether the rule passes over what was found: too short a
// prefix, or a link of the named group (fib4_rule_suppress, fib6_rule_suppress).
// A refusal is never passed over.
func (l *lookup) suppressed(r *rtnl.Rule) bool {
	if l.ans.Errno != 0 {
		return false
	}
	if r.SuppressPrefixLen >= 0 && l.ans.Route.Dst.Bits() <= int(r.SuppressPrefixLen) {
		return true
	}
	if r.SuppressIfGroup >= 0 && len(l.ans.Hops) > 0 {
		link := l.t.links[l.ans.Hops[0].Oif]
		return link != nil && link.Group == uint32(r.SuppressIfGroup)
	}
	return false
}

// matches says whether a rule's selectors hold (fib_rule_match).
func (l *lookup) matches(r *rtnl.Rule) bool { return l.selects(r) != r.Invert }

func (l *lookup) selects(r *rtnl.Rule) bool {
	q := &l.q
	switch {
	case r.Iif != "" && !l.isLink(r.Iif, l.iif()):
	case r.Oif != "" && !l.isLink(r.Oif, q.Oif):
	case (r.Mark^q.Mark)&r.Mask != 0:
	case r.TunID != 0: // no flow of a socket has a tunnel id
	case r.L3mdev && l.vrf == 0:
	case r.UID != nil && (q.UID < r.UID.First || q.UID > r.UID.Last):
	case !within(r.Src, q.Src):
	case !within(r.Dst, q.Dst):
	case r.TOS != 0 && r.TOS != q.TOS:
	case r.IPProto != 0 && r.IPProto != q.Proto:
	case !inRange(r.Sport, q.Sport):
	case !inRange(r.Dport, q.Dport):
	default:
		return true
	}
	return false
}

// iif is the link that the packet came in by; the device's own come from lo.
func (l *lookup) iif() uint32 {
	if l.q.Iif != 0 {
		return l.q.Iif
	}
	return loopbackIndex
}

// loopbackIndex is lo's ifindex in every network namespace (LOOPBACK_IFINDEX).
const loopbackIndex = 1

// isLink says whether the link of that name has the given ifindex.
func (l *lookup) isLink(name string, ifindex uint32) bool {
	if link := l.t.links[ifindex]; link != nil {
		return link.Name == name
	}
	return ifindex == loopbackIndex && name == "lo"
}

func within(p netip.Prefix, a netip.Addr) bool {
	if !p.IsValid() || p.Bits() == 0 {
		return true
	}
	return a.IsValid() && p.Contains(a)
}

func inRange(r rtnl.PortRange, port uint16) bool {
	return r == rtnl.PortRange{} || r.First <= port && port <= r.Last
}
