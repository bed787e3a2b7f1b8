package cpd

import (
	"bytes"
	"encoding/binary"
)

// Wire constants of router advertisements and of how Linux hands them on.
const (
	afInet6          = 10  // linux/socket.h AF_INET6
	nduseroptLen     = 16  // linux/rtnetlink.h struct nduseroptmsg
	icmpRouterAdvert = 134 // RFC 4861 section 4.2
	optCaptivePortal = 37  // RFC 8910 section 2.3
)

// ParseUserOpt reads the payload, after the netlink header, of an RTM_NEWNDUSEROPT
// message of the group RTNLGRP_ND_USEROPT: one option of a router advertisement
// that the kernel has no use for (ndisc_ra_useropt). It returns the link's index
// and the captive portal URI where the option is that one and the URI a clean one.
func ParseUserOpt(payload []byte) (ifindex int, uri string, ok bool) {
	if len(payload) < nduseroptLen || payload[0] != afInet6 || payload[8] != icmpRouterAdvert || payload[9] != 0 {
		return 0, "", false
	}
	n := int(binary.NativeEndian.Uint16(payload[2:]))
	opts := payload[nduseroptLen:]
	uri, ok = ParseRAOptions(opts[:min(n, len(opts))])
	return int(int32(binary.NativeEndian.Uint32(payload[4:]))), uri, ok
}

// ParseRAOptions looks through the options of a router advertisement (RFC 4861
// section 4.6) for the first captive portal option with a clean URI.
func ParseRAOptions(opts []byte) (uri string, ok bool) {
	for len(opts) >= 8 {
		n := int(opts[1]) * 8
		if n == 0 || n > len(opts) {
			return "", false
		}
		if opts[0] == optCaptivePortal {
			// Padded with NULs to a multiple of eight, none of them part of the URI.
			uri, err := CleanCapport(string(bytes.TrimRight(opts[2:n], "\x00")))
			if err == nil {
				return uri, true
			}
		}
		opts = opts[n:]
	}
	return "", false
}
