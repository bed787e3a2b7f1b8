package rtnl

import (
	"fmt"

	"github.com/netmond/netmond/internal/netlink"
)

// Link is a network interface (struct ifinfomsg).
type Link struct {
	Index     uint32 // ifindex, from 1; the identity of a link, which a rename keeps
	Name      string
	Flags     uint32 // IFF_*
	Type      uint16 // ARPHRD_*
	MTU       uint32 // bytes
	Master    uint32 // ifindex of the bridge, bond or VRF it is enslaved to; 0 for none
	Parent    uint32 // ifindex of the link below (VLAN, macvlan) or the veth peer; 0 for none
	Group     uint32 // link group; 0 is the default group
	OperState uint8  // RFC 2863 state, IF_OPER_*
	Carrier   bool   // IFLA_CARRIER, or the flags where that is absent
	Kind      string // driver kind: "veth", "bridge", "vrf", "tun"; empty for hardware
	VRFTable  uint32 // the table of a VRF; 0 for other kinds
}

// Link flags (linux/if.h).
const (
	FlagUp       = 0x1     // IFF_UP: administratively up
	FlagLoopback = 0x8     // IFF_LOOPBACK
	FlagRunning  = 0x40    // IFF_RUNNING: operationally up
	FlagNoARP    = 0x80    // IFF_NOARP: what is sent needs no neighbour's address, as in a tunnel
	FlagLowerUp  = 0x10000 // IFF_LOWER_UP: the layer below signals carrier
)

// Up says whether the link is administratively up.
func (l *Link) Up() bool { return l.Flags&FlagUp != 0 }

// Loopback says whether the link is lo.
func (l *Link) Loopback() bool { return l.Flags&FlagLoopback != 0 }

// Running says whether the link is operational in the routing code's eyes
// (netif_carrier_ok): IFF_LOWER_UP or IFF_RUNNING stand. The kernel sets the
// linkdown flag of next hops by the same two (fib_sync_up).
func (l *Link) Running() bool { return l.Flags&(FlagRunning|FlagLowerUp) != 0 }

var linkPolicy = netlink.Policy{
	iflaIfname:    {Min: 1, Max: 256},
	iflaMTU:       {Min: 4},
	iflaLink:      {Min: 4},
	iflaMaster:    {Min: 4},
	iflaOperstate: {Min: 1},
	iflaLinkinfo:  {Max: netlink.Any},
	iflaGroup:     {Min: 4},
	iflaCarrier:   {Min: 1},
}

var linkInfoPolicy = netlink.Policy{
	iflaInfoKind: {Min: 1, Max: 64},
	iflaInfoData: {Max: netlink.Any},
}

var vrfPolicy = netlink.Policy{iflaVRFTable: {Min: 4}}

// parseLink reads an RTM_NEWLINK or RTM_DELLINK payload. It answers nil for a
// message about a bridge port: a bridge announces its ports as AF_BRIDGE links,
// and says RTM_DELLINK when one merely leaves (br_ifinfo_notify).
func parseLink(b []byte, attrs [][]byte) (*Link, error) {
	if len(b) < sizeofIfInfomsg {
		return nil, fmt.Errorf("rtnl: link: %w", netlink.ErrShort)
	}
	if b[0] != afUnspec {
		return nil, nil
	}
	if err := linkPolicy.Parse(b[sizeofIfInfomsg:], attrs); err != nil {
		return nil, fmt.Errorf("rtnl: link: %w", err)
	}
	l := &Link{
		Type:      netlink.Uint16(b[2:]),
		Index:     netlink.Uint32(b[4:]),
		Flags:     netlink.Uint32(b[8:]),
		Name:      netlink.String(attrs[iflaIfname]),
		MTU:       netlink.Uint32(attrs[iflaMTU]),
		Master:    netlink.Uint32(attrs[iflaMaster]),
		Parent:    netlink.Uint32(attrs[iflaLink]),
		Group:     netlink.Uint32(attrs[iflaGroup]),
		OperState: netlink.Uint8(attrs[iflaOperstate]),
	}
	l.Carrier = l.Flags&FlagLowerUp != 0
	if c := attrs[iflaCarrier]; c != nil {
		l.Carrier = c[0] != 0
	}
	if info := attrs[iflaLinkinfo]; info != nil {
		var nested [iflaInfoData + 1][]byte
		if err := linkInfoPolicy.Parse(info, nested[:]); err != nil {
			return nil, fmt.Errorf("rtnl: link info: %w", err)
		}
		l.Kind = netlink.String(nested[iflaInfoKind])
		if l.Kind == "vrf" {
			var vrf [iflaVRFTable + 1][]byte
			if err := vrfPolicy.Parse(nested[iflaInfoData], vrf[:]); err != nil {
				return nil, fmt.Errorf("rtnl: vrf: %w", err)
			}
			l.VRFTable = netlink.Uint32(vrf[iflaVRFTable])
		}
	}
	return l, nil
}
