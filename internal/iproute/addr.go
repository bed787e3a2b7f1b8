package iproute

import (
	"fmt"
	"net/netip"

	"github.com/netmond/netmond/rtnl"
)

// addrFlags are the flags of an address by the words of `ip addr show`.
var addrFlags = []struct {
	word string
	flag uint32
}{
	{"secondary", rtnl.AddrSecondary}, // temporary, for IPv6
	{"nodad", 0x02},
	{"optimistic", 0x04},
	{"dadfailed", rtnl.AddrDADFailed},
	{"home", 0x10},
	{"deprecated", rtnl.AddrDeprecated},
	{"tentative", rtnl.AddrTentative},
	{"mngtmpaddr", 0x100},
	{"noprefixroute", 0x200},
	{"autojoin", 0x400},
	{"stable-privacy", 0x800},
}

// plainAddr is an address about which only itself and its link are said.
func plainAddr(local netip.Addr, net netip.Prefix, link uint32, links *Links) rtnl.Addr {
	a := rtnl.Addr{Link: link, Local: local, Net: net, Flags: rtnl.AddrPermanent}
	switch {
	case local.IsLoopback():
		a.Scope = rtnl.ScopeHost
	case local.Is6() && local.IsLinkLocalUnicast():
		a.Scope = rtnl.ScopeLink
	}
	if local.Is4() {
		a.Label = links.Name(link)
	}
	return a
}

// parseAddr reads ADDRESS/LENGTH dev LINK, or ADDRESS peer PEER/LENGTH dev LINK,
// then scope, label, the flags by name, dynamic for one that is not permanent,
// and, raw, flags.
func parseAddr(w *words, links *Links) *rtnl.Addr {
	local := w.prefix("address", true)
	net := local
	if w.take("peer") {
		if !local.IsSingleIP() {
			w.fail("the length belongs to the peer")
		}
		net = w.prefix("peer", true)
		fam := uint8(0)
		w.family("address", &fam, local.Addr())
		w.family("peer", &fam, net.Addr())
	}
	if !w.take("dev") {
		w.fail("dev missing")
	}
	a := plainAddr(local.Addr(), net.Masked(), w.dev(links), links)
	for w.more() {
		switch {
		case w.take("brd"):
			w.addr("brd")
		case w.take("scope"):
			a.Scope = w.scope()
		case w.take("label"):
			a.Label = w.next("label")
		case w.take("nolabel"):
			a.Label = ""
		case w.take("temporary"):
			a.Flags |= rtnl.AddrSecondary
		case w.take("dynamic"):
			a.Flags &^= rtnl.AddrPermanent
		case w.take("permanent"):
			a.Flags |= rtnl.AddrPermanent
		case w.take("flags"):
			a.Flags = uint32(w.number("flags", 32))
		default:
			addrFlag(w, &a)
		}
	}
	return &a
}

func addrFlag(w *words, a *rtnl.Addr) {
	for _, f := range addrFlags {
		if w.take(f.word) {
			a.Flags |= f.flag
			return
		}
	}
	w.fail("unexpected %q", w.peek())
}

func appendAddr(b []byte, a *rtnl.Addr, links *Links) []byte {
	plain := plainAddr(a.Local, a.Net, a.Link, links)
	if a.Net == netip.PrefixFrom(a.Local, a.Net.Bits()).Masked() {
		b = fmt.Appendf(b, "%s/%d", a.Local, a.Net.Bits())
	} else {
		b = fmt.Appendf(b, "%s peer %s", a.Local, a.Net)
	}
	b = fmt.Appendf(b, " dev %s", links.Name(a.Link))
	if a.Scope != plain.Scope {
		b = fmt.Appendf(b, " scope %s", rtnl.ScopeName(a.Scope))
	}
	switch {
	case a.Label == plain.Label:
	case a.Label == "":
		b = append(b, " nolabel"...)
	default:
		b = fmt.Appendf(b, " label %s", a.Label)
	}
	known := uint32(rtnl.AddrPermanent)
	for _, f := range addrFlags {
		known |= f.flag
	}
	if a.Flags&^known != 0 {
		return fmt.Appendf(b, " flags %#x", a.Flags)
	}
	for _, f := range addrFlags {
		if a.Flags&f.flag != 0 {
			b = append(append(b, ' '), f.word...)
		}
	}
	if a.Flags&rtnl.AddrPermanent == 0 {
		b = append(b, " dynamic"...)
	}
	return b
}
