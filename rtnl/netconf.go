package rtnl

import (
	"fmt"

	"github.com/netmond/netmond/internal/netlink"
)

// Netconf is the routing configuration of one link that sysctls set (struct
// netconfmsg).
type Netconf struct {
	Family uint8
	Link   int32 // ifindex, or NetconfAll, NetconfDefault

	// IgnoreLinkdown is ignore_routes_with_linkdown: next hops out of a link
	// without carrier are passed over.
	IgnoreLinkdown bool
}

// Links that stand for more than one (linux/netconf.h).
const (
	NetconfAll     = -1
	NetconfDefault = -2
)

var netconfPolicy = netlink.Policy{
	netconfaIfindex:        {Min: 4},
	netconfaIgnoreLinkdown: {Min: 4},
}

// parseNetconf reads an RTM_NEWNETCONF or RTM_DELNETCONF payload. It answers
// nil where the message says nothing of the linkdown switch, as notifications of
// other sysctls do.
func parseNetconf(del bool, b []byte, attrs [][]byte) (*Netconf, error) {
	if len(b) < sizeofNetconfmsg {
		return nil, fmt.Errorf("rtnl: netconf: %w", netlink.ErrShort)
	}
	if b[0] != afINET && b[0] != afINET6 {
		return nil, nil
	}
	if err := netconfPolicy.Parse(b[sizeofNetconfmsg:], attrs); err != nil {
		return nil, fmt.Errorf("rtnl: netconf: %w", err)
	}
	if attrs[netconfaIfindex] == nil || attrs[netconfaIgnoreLinkdown] == nil && !del {
		return nil, nil
	}
	return &Netconf{
		Family:         b[0],
		Link:           int32(netlink.Uint32(attrs[netconfaIfindex])),
		IgnoreLinkdown: netlink.Uint32(attrs[netconfaIgnoreLinkdown]) != 0,
	}, nil
}
