package iproute

import (
	"fmt"
	"strings"

	"github.com/netmond/netmond/rtnl"
)

// parseNextHop reads a nexthop object as `ip nexthop show` prints it.
func parseNextHop(w *words, links *Links) *rtnl.NextHopObject {
	n := &rtnl.NextHopObject{Hop: rtnl.NextHop{Weight: 1}}
	if !w.take("id") {
		w.fail("id missing")
	}
	n.ID = uint32(w.number("id", 32))
	if n.ID == 0 {
		w.fail("id: 0 is none")
	}
	for w.more() {
		switch {
		case w.take("via"):
			n.Hop.Gateway = w.addr("via")
		case w.take("dev"):
			n.Hop.Oif = w.dev(links)
		case w.take("group"):
			n.Group = members(w)
		case w.take("blackhole"):
			n.Blackhole = true
		case w.take("fdb"):
			n.FDB = true
		case w.take("onlink"):
			n.Hop.Flags |= rtnl.HopOnlink
		case w.take("proto"):
			n.Protocol = w.protocol()
		case w.take("scope"), w.take("type"), w.take("buckets"), w.take("idle_timer"), w.take("unbalanced_timer"),
			w.take("unbalanced_time"):
			w.next("value")
		case w.take("dead"), w.take("linkdown"), w.take("offload"), w.take("trap"):
		default:
			w.fail("unexpected %q", w.peek())
		}
	}
	return n
}

// members reads ID[,WEIGHT] separated by slashes.
func members(w *words) []rtnl.NextHopMember {
	var list []rtnl.NextHopMember
	for _, word := range strings.Split(w.next("group"), "/") {
		id, weight, weighted := strings.Cut(word, ",")
		m := rtnl.NextHopMember{ID: uint32(w.parse("group", id, 32)), Weight: 1}
		if weighted {
			m.Weight = uint16(w.parse("group", weight, 16))
		}
		if m.Weight == 0 {
			w.fail("group: weight 0")
		}
		list = append(list, m)
	}
	return list
}

func appendNextHop(b []byte, n *rtnl.NextHopObject, links *Links) []byte {
	b = fmt.Appendf(b, "id %d", n.ID)
	for i, m := range n.Group {
		sep := "/"
		if i == 0 {
			sep = " group "
		}
		b = fmt.Appendf(b, "%s%d", sep, m.ID)
		if m.Weight != 1 {
			b = fmt.Appendf(b, ",%d", m.Weight)
		}
	}
	if n.Blackhole {
		b = append(b, " blackhole"...)
	}
	if n.Hop.Gateway.IsValid() {
		b = fmt.Appendf(b, " via %s", n.Hop.Gateway)
	}
	if n.Hop.Oif != 0 {
		b = fmt.Appendf(b, " dev %s", links.Name(n.Hop.Oif))
	}
	if n.Protocol != 0 {
		b = fmt.Appendf(b, " proto %s", rtnl.ProtocolName(n.Protocol))
	}
	if n.Hop.Flags&rtnl.HopOnlink != 0 {
		b = append(b, " onlink"...)
	}
	if n.FDB {
		b = append(b, " fdb"...)
	}
	return b
}
