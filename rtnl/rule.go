package rtnl

import (
	"fmt"
	"net/netip"

	"github.com/netmond/netmond/internal/netlink"
)

// Rule is a policy rule (struct fib_rule_hdr): where the selectors match, it
// names the table to search, or ends the search. A selector's zero value
// matches anything.
type Rule struct {
	Family   uint8
	Priority uint32 // lower is asked first; equal ones in order of arrival
	Action   RuleAction
	Table    uint32 // for ActionTable
	Goto     uint32 // priority of the rule to go on at, for ActionGoto
	Protocol uint8  // RTPROT_*
	Invert   bool   // "not": acts where the selectors do not match

	Src, Dst netip.Prefix
	TOS      uint8
	Mark     uint32
	Mask     uint32 // the bits of the mark that are compared; 0 means no mark selector
	Iif, Oif string // by name: the rule outlives the link
	TunID    uint64
	L3mdev   bool // the table of the VRF that the flow is bound to
	UID      *UIDRange
	IPProto  uint8 // IPPROTO_*
	Sport    PortRange
	Dport    PortRange

	SuppressPrefixLen int32 // a result of this prefix length or shorter is passed over; -1 for off
	SuppressIfGroup   int32 // likewise, out of a link of this group; -1 for off
}

// UIDRange is a range of user ids, both ends included.
type UIDRange struct{ First, Last uint32 }

// PortRange is a range of ports, both ends included. The zero value matches any.
type PortRange struct{ First, Last uint16 }

// RuleAction says what a matching rule does (FR_ACT_*).
type RuleAction uint8

const (
	ActionTable       RuleAction = 1
	ActionGoto        RuleAction = 2
	ActionNop         RuleAction = 3
	ActionBlackhole   RuleAction = 6 // EINVAL
	ActionUnreachable RuleAction = 7 // ENETUNREACH
	ActionProhibit    RuleAction = 8 // EACCES
)

const fibRuleInvert = 0x2 // FIB_RULE_INVERT

var rulePolicy = netlink.Policy{
	fraDst:             {Min: 4, Max: 16},
	fraSrc:             {Min: 4, Max: 16},
	fraIifname:         {Min: 1, Max: 256},
	fraGoto:            {Min: 4},
	fraPriority:        {Min: 4},
	fraFwmark:          {Min: 4},
	fraTunID:           {Min: 8},
	fraSuppressIfgroup: {Min: 4},
	fraSuppressPrefix:  {Min: 4},
	fraTable:           {Min: 4},
	fraFwmask:          {Min: 4},
	fraOifname:         {Min: 1, Max: 256},
	fraL3mdev:          {Min: 1},
	fraUIDRange:        {Min: 8},
	fraProtocol:        {Min: 1},
	fraIPProto:         {Min: 1},
	fraSportRange:      {Min: 4},
	fraDportRange:      {Min: 4},
	fraDscp:            {Min: 1},
}

// parseRule reads an RTM_NEWRULE or RTM_DELRULE payload. It answers nil for
// other families.
func parseRule(b []byte, attrs [][]byte) (*Rule, error) {
	if len(b) < sizeofFibRuleHdr {
		return nil, fmt.Errorf("rtnl: rule: %w", netlink.ErrShort)
	}
	fam := b[0]
	if fam != afINET && fam != afINET6 {
		return nil, nil
	}
	if err := rulePolicy.Parse(b[sizeofFibRuleHdr:], attrs); err != nil {
		return nil, fmt.Errorf("rtnl: rule: %w", err)
	}
	r := &Rule{
		Family:            fam,
		TOS:               b[3],
		Table:             uint32(b[4]),
		Action:            RuleAction(b[7]),
		Invert:            netlink.Uint32(b[8:])&fibRuleInvert != 0,
		Priority:          netlink.Uint32(attrs[fraPriority]),
		Goto:              netlink.Uint32(attrs[fraGoto]),
		Protocol:          netlink.Uint8(attrs[fraProtocol]),
		Mark:              netlink.Uint32(attrs[fraFwmark]),
		Mask:              netlink.Uint32(attrs[fraFwmask]),
		Iif:               netlink.String(attrs[fraIifname]),
		Oif:               netlink.String(attrs[fraOifname]),
		L3mdev:            netlink.Uint8(attrs[fraL3mdev]) != 0,
		IPProto:           netlink.Uint8(attrs[fraIPProto]),
		Sport:             portRange(attrs[fraSportRange]),
		Dport:             portRange(attrs[fraDportRange]),
		SuppressPrefixLen: -1,
		SuppressIfGroup:   -1,
	}
	if t := attrs[fraTable]; t != nil {
		r.Table = netlink.Uint32(t)
	}
	if d := attrs[fraDscp]; d != nil { // since 6.13, in place of the header's tos
		r.TOS = d[0] << 2
	}
	if t := attrs[fraTunID]; t != nil { // network order
		for _, c := range t {
			r.TunID = r.TunID<<8 | uint64(c)
		}
	}
	if u := attrs[fraUIDRange]; u != nil {
		r.UID = &UIDRange{First: netlink.Uint32(u), Last: netlink.Uint32(u[4:])}
	}
	if s := attrs[fraSuppressPrefix]; s != nil {
		r.SuppressPrefixLen = int32(netlink.Uint32(s))
	}
	if s := attrs[fraSuppressIfgroup]; s != nil {
		r.SuppressIfGroup = int32(netlink.Uint32(s))
	}
	var err error
	if b[1] != 0 {
		if r.Dst, err = prefix(fam, attrs[fraDst], b[1]); err != nil {
			return nil, err
		}
	}
	if b[2] != 0 {
		if r.Src, err = prefix(fam, attrs[fraSrc], b[2]); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// portRange reads struct fib_rule_port_range.
func portRange(b []byte) PortRange {
	if b == nil {
		return PortRange{}
	}
	return PortRange{First: netlink.Uint16(b), Last: netlink.Uint16(b[2:])}
}

// Equal says whether two rules are the same in every field.
func (r *Rule) Equal(o *Rule) bool {
	if (r.UID == nil) != (o.UID == nil) || r.UID != nil && *r.UID != *o.UID {
		return false
	}
	a, b := *r, *o
	a.UID, b.UID = nil, nil
	return a == b
}
