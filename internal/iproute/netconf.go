package iproute

import (
	"fmt"

	"github.com/netmond/netmond/rtnl"
)

// parseNetconf reads `inet|inet6 LINK ignore_routes_with_linkdown on|off` as
// `ip netconf show` prints it, where LINK may be all or default. Other switches
// are passed over, and what is not said is off.
func parseNetconf(w *words, links *Links) *rtnl.Netconf {
	n := &rtnl.Netconf{Family: rtnl.IPv4}
	if !w.take("inet") {
		if !w.take("inet6") {
			w.fail("inet or inet6 missing")
		}
		n.Family = rtnl.IPv6
	}
	switch {
	case w.take("all"):
		n.Link = rtnl.NetconfAll
	case w.take("default"):
		n.Link = rtnl.NetconfDefault
	default:
		n.Link = int32(w.dev(links))
	}
	for w.more() {
		what := w.next("switch")
		switch value := w.next(what); {
		case what != "ignore_routes_with_linkdown":
		case value == "on":
			n.IgnoreLinkdown = true
		case value != "off":
			w.fail("%s: %q is neither on nor off", what, value)
		}
	}
	return n
}

func appendNetconf(b []byte, n *rtnl.Netconf, links *Links) []byte {
	fam, link, state := "inet", "", "off"
	if n.Family == rtnl.IPv6 {
		fam = "inet6"
	}
	switch n.Link {
	case rtnl.NetconfAll:
		link = "all"
	case rtnl.NetconfDefault:
		link = "default"
	default:
		link = links.Name(uint32(n.Link))
	}
	if n.IgnoreLinkdown {
		state = "on"
	}
	return fmt.Appendf(b, "%s %s ignore_routes_with_linkdown %s", fam, link, state)
}
