package rtnl

import (
	"fmt"
	"syscall"

	"github.com/netmond/netmond/internal/netlink"
)

// groups are the multicast groups of a Watch. The ones of later kernels
// (nexthop objects: 5.3) may be missing.
var groups = []int{
	groupLink, groupIPv4Addr, groupIPv6Addr, groupIPv4Route, groupIPv6Route,
	groupIPv4Rule, groupIPv6Rule, groupIPv4Netconf, groupIPv6Netconf, groupNexthop,
}

func (w *Watcher) openEvents() (socket, error) {
	if w.open != nil {
		return w.open()
	}
	s, err := netlink.Open(syscall.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("rtnl: %w", err)
	}
	size := w.ReceiveBuffer
	if size == 0 {
		size = defaultReceiveBuffer
	}
	if err := s.SetReceiveBuffer(size); err != nil {
		s.Close()
		return nil, fmt.Errorf("rtnl: %w", err)
	}
	for _, g := range groups {
		if err := s.Join(g); err != nil && g != groupNexthop {
			s.Close()
			return nil, fmt.Errorf("rtnl: %w", err)
		}
	}
	return s, nil
}

func (w *Watcher) openDumps() (socket, error) {
	if w.open != nil {
		return w.open()
	}
	s, err := netlink.Open(syscall.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("rtnl: %w", err)
	}
	return s, nil
}
