package iproute

import (
	"fmt"

	"github.com/netmond/netmond/rtnl"
)

// What a link has that its line does not mention.
const (
	etherType, loopbackType = 1, 772 // ARPHRD_*
	etherMTU, loopbackMTU   = 1500, 65536
	operDown, operUp        = 2, 6 // IF_OPER_*
)

// plainLink is a link about which only its state is said. An Ethernet, or lo.
func plainLink(ifindex uint32, name string, up, carrier bool) rtnl.Link {
	l := rtnl.Link{Index: ifindex, Name: name, Type: etherType, MTU: etherMTU, OperState: operDown}
	if ifindex == loopback {
		l.Type, l.MTU, l.Flags = loopbackType, loopbackMTU, rtnl.FlagLoopback
	}
	if up {
		l.Flags |= rtnl.FlagUp
	}
	if up && carrier {
		l.Flags |= rtnl.FlagRunning | rtnl.FlagLowerUp
		l.OperState, l.Carrier = operUp, true
	}
	return l
}

// parseLink reads NAME, then up, up nocarrier or down, and then what else is to
// be said: name (after a rename), kind, master, parent, group, mtu, table (of a
// VRF), and, raw, type, flags, operstate and carrier. The words after the state
// change it, so their order counts only there. Without a state it is down.
func parseLink(w *words, links *Links) *rtnl.Link {
	ifindex := w.dev(links)
	up := w.take("up")
	if !up {
		w.take("down")
	}
	l := plainLink(ifindex, links.Name(ifindex), up, !w.take("nocarrier"))
	for w.more() {
		switch {
		case w.take("name"):
			l.Name = w.next("name")
		case w.take("kind"):
			l.Kind = w.next("kind")
		case w.take("master"):
			l.Master = w.dev(links)
		case w.take("parent"):
			l.Parent = w.dev(links)
		case w.take("group"):
			l.Group = uint32(w.number("group", 32))
		case w.take("mtu"):
			l.MTU = uint32(w.number("mtu", 32))
		case w.take("table"):
			l.VRFTable = w.table()
		case w.take("type"):
			l.Type = uint16(w.number("type", 16))
		case w.take("flags"):
			l.Flags = uint32(w.number("flags", 32))
		case w.take("operstate"):
			l.OperState = uint8(w.number("operstate", 8))
		case w.take("carrier"):
			l.Carrier = w.number("carrier", 1) != 0
		default:
			w.fail("unexpected %q", w.peek())
		}
	}
	return &l
}

// appendLink prints the state, and what a plain link in that state has not.
func appendLink(b []byte, l *rtnl.Link, links *Links) []byte {
	name := links.Name(l.Index)
	plain := plainLink(l.Index, name, l.Up(), l.Carrier)
	b = append(b, name...)
	switch {
	case !l.Up():
		b = append(b, " down"...)
	case plain.Carrier:
		b = append(b, " up"...)
	default:
		b = append(b, " up nocarrier"...)
	}
	if l.Name != name {
		b = fmt.Appendf(b, " name %s", l.Name)
	}
	if l.Kind != "" {
		b = fmt.Appendf(b, " kind %s", l.Kind)
	}
	if l.Master != 0 {
		b = fmt.Appendf(b, " master %s", links.Name(l.Master))
	}
	if l.Parent != 0 {
		b = fmt.Appendf(b, " parent %s", links.Name(l.Parent))
	}
	if l.VRFTable != 0 {
		b = fmt.Appendf(b, " table %s", rtnl.TableName(l.VRFTable))
	}
	b = appendOther(b, "group", l.Group, plain.Group)
	b = appendOther(b, "mtu", l.MTU, plain.MTU)
	b = appendOther(b, "type", uint32(l.Type), uint32(plain.Type))
	if l.Flags != plain.Flags {
		b = fmt.Appendf(b, " flags %#x", l.Flags)
	}
	b = appendOther(b, "operstate", uint32(l.OperState), uint32(plain.OperState))
	if l.Carrier != plain.Carrier {
		b = fmt.Appendf(b, " carrier %d", map[bool]int{true: 1}[l.Carrier])
	}
	return b
}

// appendOther prints a number that is not the plain one.
func appendOther(b []byte, word string, n, plain uint32) []byte {
	if n == plain {
		return b
	}
	return fmt.Appendf(b, " %s %d", word, n)
}
