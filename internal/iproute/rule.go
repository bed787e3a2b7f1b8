package iproute

import (
	"strings"

	"github.com/netmond/netmond/rtnl"
)

// protocols are the names of the IP protocols that rules are made for.
var protocols = map[string]uint8{
	"icmp": 1, "igmp": 2, "tcp": 6, "udp": 17, "dccp": 33, "gre": 47, "esp": 50, "ah": 51, "ipv6-icmp": 58,
	"sctp": 132, "udplite": 136,
}

// ParseRule reads a rule as `ip rule show` prints it, with or without -d and -N.
// family is for rules without a prefix; 0 means IPv4.
func ParseRule(line string, family uint8) (*rtnl.Rule, error) {
	w := newWords(line)
	r := parseRule(w, family)
	if err := w.end(); err != nil {
		return nil, err
	}
	return r, nil
}

func parseRule(w *words, fam uint8) *rtnl.Rule {
	r := &rtnl.Rule{SuppressPrefixLen: -1, SuppressIfGroup: -1}
	if prio, ok := strings.CutSuffix(w.peek(), ":"); ok {
		w.next("priority")
		r.Priority = uint32(w.parse("priority", prio, 32))
	}
	for w.more() {
		if !ruleSelector(w, r, &fam) && !ruleAction(w, r) {
			w.fail("unexpected %q", w.peek())
		}
	}
	if r.Action == 0 {
		w.fail("rule without an action")
	}
	if r.Action != rtnl.ActionTable && (r.L3mdev || r.SuppressPrefixLen >= 0 || r.SuppressIfGroup >= 0) {
		w.fail("rule with two actions")
	}
	r.Family = fam
	if r.Family == 0 {
		r.Family = rtnl.IPv4
	}
	return r
}

// ruleSelector reads what a rule compares.
func ruleSelector(w *words, r *rtnl.Rule, fam *uint8) bool {
	switch {
	case w.take("not"):
		r.Invert = true
	case w.take("from"):
		r.Src = w.selector("from", fam)
	case w.take("to"):
		r.Dst = w.selector("to", fam)
	case w.take("tos"), w.take("dsfield"):
		r.TOS = w.tos()
	case w.take("fwmark"):
		mark, mask, masked := strings.Cut(w.next("fwmark"), "/")
		r.Mark, r.Mask = uint32(w.parse("fwmark", mark, 32)), ^uint32(0)
		if masked {
			r.Mask = uint32(w.parse("fwmark", mask, 32))
		}
	case w.take("iif"):
		r.Iif = w.next("iif")
		w.take("[detached]")
	case w.take("oif"):
		r.Oif = w.next("oif")
		w.take("[detached]")
	case w.take("uidrange"):
		first, last := w.span("uidrange", 32)
		r.UID = &rtnl.UIDRange{First: uint32(first), Last: uint32(last)}
	case w.take("ipproto"):
		name := w.next("ipproto")
		if p, ok := protocols[name]; ok {
			r.IPProto = p
		} else {
			r.IPProto = uint8(w.parse("ipproto", strings.TrimPrefix(name, "ipproto-"), 8)) // so with -N
		}
	case w.take("sport"):
		first, last := w.span("sport", 16)
		r.Sport = rtnl.PortRange{First: uint16(first), Last: uint16(last)}
	case w.take("dport"):
		first, last := w.span("dport", 16)
		r.Dport = rtnl.PortRange{First: uint16(first), Last: uint16(last)}
	case w.take("tun_id"):
		r.TunID = w.number("tun_id", 64)
	default:
		return false
	}
	return true
}

// span reads FIRST-LAST, or one number that is both.
func (w *words) span(what string, bits int) (first, last uint64) {
	from, to, ok := strings.Cut(w.next(what), "-")
	if !ok {
		to = from
	}
	first, last = w.parse(what, from, bits), w.parse(what, to, bits)
	if first > last {
		w.fail("%s: %d is above %d", what, first, last)
	}
	return first, last
}

// ruleAction reads what a rule does, and who made it.
func ruleAction(w *words, r *rtnl.Rule) bool {
	act := func(a rtnl.RuleAction) {
		if r.Action != 0 && r.Action != a {
			w.fail("rule with two actions")
		}
		r.Action = a
	}
	switch {
	case w.take("lookup"), w.take("table"):
		act(rtnl.ActionTable)
		if r.L3mdev = w.take("[l3mdev-table]"); !r.L3mdev {
			r.Table = w.table()
		}
	case w.take("suppress_prefixlength"):
		r.SuppressPrefixLen = int32(w.number("suppress_prefixlength", 31))
	case w.take("suppress_ifgroup"):
		r.SuppressIfGroup = int32(w.number("suppress_ifgroup", 31))
	case w.take("goto"):
		act(rtnl.ActionGoto)
		r.Goto = uint32(w.number("goto", 32))
		w.take("[unresolved]")
	case w.take("nop"):
		act(rtnl.ActionNop)
	case w.take("blackhole"), w.take("6"): // numbers with -N
		act(rtnl.ActionBlackhole)
	case w.take("unreachable"), w.take("7"):
		act(rtnl.ActionUnreachable)
	case w.take("prohibit"), w.take("8"):
		act(rtnl.ActionProhibit)
	case w.take("proto"):
		r.Protocol = w.protocol()
	case w.take("realms"):
		w.next("realms")
	default:
		return false
	}
	return true
}
