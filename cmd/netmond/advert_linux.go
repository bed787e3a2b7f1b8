package main

import (
	"context"
	"syscall"

	"github.com/netmond/netmond/cpd"
	"github.com/netmond/netmond/internal/netlink"
)

// followAdverts listens for the captive portal option of router advertisements
// (RFC 8910 section 2.3), which the kernel hands on unread, and tells found of
// each. It ends with ctx, or where the kernel has no such group.
func followAdverts(ctx context.Context, found func(ifindex int, uri string)) error {
	const (
		groupNDUserOpt  = 20 // RTNLGRP_ND_USEROPT
		rtmNewNDUserOpt = 68 // RTM_NEWNDUSEROPT
	)
	s, err := netlink.Open(syscall.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Join(groupNDUserOpt); err != nil {
		return err
	}
	for {
		datagram, err := s.Recv(ctx)
		if err != nil {
			return err
		}
		for m, err := range netlink.Messages(datagram) {
			if err != nil || m.Type != rtmNewNDUserOpt {
				continue
			}
			if ifindex, uri, ok := cpd.ParseUserOpt(m.Data); ok {
				found(ifindex, uri)
			}
		}
	}
}
