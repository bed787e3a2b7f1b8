package rtnl

import (
	"fmt"
	"net/netip"

	"github.com/netmond/netmond/internal/netlink"
)

// Addr is an address of a link (struct ifaddrmsg). Its identity is the link,
// the local address and the prefix.
type Addr struct {
	Link  uint32       // ifindex
	Local netip.Addr   // the device's own address
	Net   netip.Prefix // the subnet, or, on a point-to-point link, the peer
	Scope uint8        // RT_SCOPE_*
	Flags uint32       // IFA_F_*
	Label string       // IPv4 label, the link's name by default
}

// Address flags (linux/if_addr.h).
const (
	AddrSecondary  = 0x01 // IFA_F_SECONDARY; for IPv6 the same bit says temporary
	AddrDADFailed  = 0x08
	AddrDeprecated = 0x20
	AddrTentative  = 0x40
	AddrPermanent  = 0x80
)

// Usable says whether a socket can use the address: duplicate address detection
// is over and did not fail. A deprecated address is usable.
func (a *Addr) Usable() bool {
	const optimistic = 0x04
	return a.Flags&AddrDADFailed == 0 && (a.Flags&AddrTentative == 0 || a.Flags&optimistic != 0)
}

var addrPolicy = netlink.Policy{
	ifaAddress: {Min: 4, Max: 16},
	ifaLocal:   {Min: 4, Max: 16},
	ifaLabel:   {Min: 1, Max: 256},
	ifaFlags:   {Min: 4},
}

// parseAddr reads an RTM_NEWADDR or RTM_DELADDR payload. It answers nil for
// other families.
func parseAddr(b []byte, attrs [][]byte) (*Addr, error) {
	if len(b) < sizeofIfAddrmsg {
		return nil, fmt.Errorf("rtnl: address: %w", netlink.ErrShort)
	}
	if b[0] != afINET && b[0] != afINET6 {
		return nil, nil
	}
	if err := addrPolicy.Parse(b[sizeofIfAddrmsg:], attrs); err != nil {
		return nil, fmt.Errorf("rtnl: address: %w", err)
	}
	a := &Addr{
		Link:  netlink.Uint32(b[4:]),
		Scope: b[3],
		Flags: uint32(b[2]),
		Label: netlink.String(attrs[ifaLabel]),
	}
	if f := attrs[ifaFlags]; f != nil {
		a.Flags = netlink.Uint32(f)
	}
	peer := address(attrs[ifaAddress])
	a.Local = address(attrs[ifaLocal])
	if !a.Local.IsValid() { // IPv6 without a peer has IFA_ADDRESS alone
		a.Local = peer
	}
	if !peer.IsValid() {
		peer = a.Local
	}
	if !a.Local.IsValid() || family(a.Local) != b[0] || family(peer) != b[0] {
		return nil, fmt.Errorf("rtnl: address: %w: no address of its family", netlink.ErrShort)
	}
	var err error
	if a.Net, err = peer.Prefix(int(b[1])); err != nil {
		return nil, fmt.Errorf("rtnl: address: %w: prefix length %d", netlink.ErrShort, b[1])
	}
	return a, nil
}
