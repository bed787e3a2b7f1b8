package rtnl

import (
	"fmt"

	"github.com/netmond/netmond/internal/netlink"
)

// NextHopObject is a nexthop that routes refer to by id (struct nhmsg, ip
// nexthop): one way out, a blackhole, or a group of other objects.
type NextHopObject struct {
	ID        uint32 // from 1
	Protocol  uint8  // RTPROT_*
	Blackhole bool
	FDB       bool // for a bridge's forwarding table; no route can use it
	Hop       NextHop
	Group     []NextHopMember // members, if it is a group
}

// NextHopMember is a member of a group.
type NextHopMember struct {
	ID     uint32
	Weight uint16 // 1 to 65535; up to 255 before 6.12
}

var nexthopPolicy = netlink.Policy{
	nhaID:        {Min: 4},
	nhaGroup:     {Max: netlink.Any},
	nhaBlackhole: {Max: netlink.Any},
	nhaOif:       {Min: 4},
	nhaGateway:   {Min: 4, Max: 16},
	nhaEncapType: {Min: 2},
	nhaFDB:       {Max: netlink.Any},
}

// sizeofNexthopGrp is the size of struct nexthop_grp in bytes.
const sizeofNexthopGrp = 8

func parseNextHopObject(b []byte, attrs [][]byte) (*NextHopObject, error) {
	if len(b) < sizeofNhmsg {
		return nil, fmt.Errorf("rtnl: nexthop: %w", netlink.ErrShort)
	}
	if err := nexthopPolicy.Parse(b[sizeofNhmsg:], attrs); err != nil {
		return nil, fmt.Errorf("rtnl: nexthop: %w", err)
	}
	n := &NextHopObject{
		ID:        netlink.Uint32(attrs[nhaID]),
		Protocol:  b[2],
		Blackhole: attrs[nhaBlackhole] != nil,
		FDB:       attrs[nhaFDB] != nil,
		Hop: NextHop{
			Oif:    netlink.Uint32(attrs[nhaOif]),
			Weight: 1,
			Flags:  uint8(netlink.Uint32(b[4:])) &^ (hopVolatile | HopDead),
			Encap:  netlink.Uint16(attrs[nhaEncapType]),
		},
	}
	if n.ID == 0 {
		return nil, fmt.Errorf("rtnl: nexthop: %w: no id", netlink.ErrShort)
	}
	if g := attrs[nhaGateway]; g != nil {
		n.Hop.Gateway = address(g)
		if !n.Hop.Gateway.IsValid() {
			return nil, fmt.Errorf("rtnl: nexthop: %w: gateway of %d bytes", netlink.ErrShort, len(g))
		}
	}
	for g := attrs[nhaGroup]; len(g) >= sizeofNexthopGrp; g = g[sizeofNexthopGrp:] {
		// struct nexthop_grp: id, weight-1 (8 bits, 16 since 6.12)
		n.Group = append(n.Group, NextHopMember{
			ID:     netlink.Uint32(g),
			Weight: (uint16(g[4]) | uint16(g[5])<<8) + 1,
		})
	}
	return n, nil
}

// Equal says whether two objects are the same in every field.
func (n *NextHopObject) Equal(o *NextHopObject) bool {
	if n.ID != o.ID || n.Protocol != o.Protocol || n.Blackhole != o.Blackhole || n.FDB != o.FDB ||
		n.Hop != o.Hop || len(n.Group) != len(o.Group) {
		return false
	}
	for i := range n.Group {
		if n.Group[i] != o.Group[i] {
			return false
		}
	}
	return true
}
