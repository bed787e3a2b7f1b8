//go:build linux

package kernel

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// generator makes random commands: lines for ip, or "sysctl KEY VALUE". It does
// not know the kernel's state, so many commands are refused; the pools are small,
// so that enough of them meet.
type generator struct {
	*rand.Rand
	uids bool // the namespace has more than one user
}

func newGenerator(seed uint64) generator {
	return generator{Rand: rand.New(rand.NewPCG(seed, 1)), uids: true}
}

// oneOf picks one of the words.
func (g generator) oneOf(words ...string) string { return words[g.IntN(len(words))] }

// maybe answers s once in n times, else "".
func (g generator) maybe(n int, s string) string {
	if g.IntN(n) == 0 {
		return s
	}
	return ""
}

func (g generator) link() string {
	return g.oneOf("wan0", "wan0", "wan1", "wan1", "v2", "v3", "br0", "mac0", "tun0")
}

// begin is what every sequence starts with, on top of the topology: links whose
// gateways need no neighbour, since neighbours are no part of the table.
func (g generator) begin() []string {
	return []string{
		"link set wan0 arp off", "link set wan1 arp off",
		"link add v2 type veth peer name v3", "link set v2 arp off up", "link set v3 arp off up",
		"address add 203.0.113.2/24 dev v2", "-6 address add 2001:db8:2::2/64 dev v2 nodad",
		"route add default via 192.0.2.1", "-6 route add default via 2001:db8::1",
	}
}

// next is one random operation: commands that belong together.
func (g generator) next() []string {
	switch n := g.IntN(100); {
	case n < 40:
		return []string{g.route4()}
	case n < 64:
		return []string{g.route6()}
	case n < 72:
		return []string{g.nexthop()}
	case n < 84:
		return []string{g.rule()}
	case n < 92:
		return []string{g.address()}
	case n < 95:
		return []string{"link set " + g.link() + " " + g.oneOf("up", "up", "down")}
	case n < 97:
		return []string{g.oneOf("-n peer link set peer0 ", "-n peer link set peer1 ", "link set v3 ") + g.oneOf("up", "down")}
	}
	return g.linkOp()
}

func (g generator) linkOp() []string {
	switch g.IntN(12) {
	case 0:
		return []string{"link add br0 type bridge", "link set br0 arp off up", "address add 10.8.0.1/24 dev br0"}
	case 1:
		return []string{"link add mac0 link wan1 type macvlan mode bridge", "link set mac0 arp off up", "address add 10.7.0.1/24 dev mac0"}
	case 2:
		return []string{"tuntap add mode tun dev tun0", "link set tun0 up", "address add 10.6.0.1/24 dev tun0"}
	case 3:
		return []string{"link del " + g.oneOf("br0", "mac0", "tun0", "v2")}
	case 4:
		return []string{"link add v2 type veth peer name v3", "link set v2 arp off up", "link set v3 arp off up"}
	case 5:
		return []string{"link set " + g.oneOf("wan1", "v2") + " " + g.oneOf("master br0", "nomaster")}
	case 6:
		return []string{"link set wan0 down", "link set wan0 name wan9", "link set wan9 name wan0", "link set wan0 up"}
	case 7:
		return []string{"link set mac0 name mac1", "link set mac1 name mac0"}
	case 8:
		return []string{"link set v2 netns peer", "-n peer link set v2 netns " + pid(), "link set v2 arp off up"}
	case 9:
		return []string{"link set " + g.link() + " group " + g.oneOf("0", "7")}
	default:
		return []string{fmt.Sprintf("sysctl net/ipv%s/conf/%s/ignore_routes_with_linkdown %d", g.oneOf("4", "6"), g.oneOf("all", "wan0", "wan1", "v2"), g.IntN(2))}
	}
}

func (g generator) address() string {
	verb := g.oneOf("add", "add", "del")
	link := g.oneOf("wan0", "wan1", "v2", "br0", "mac0")
	if g.IntN(3) == 0 {
		a := g.oneOf("2001:db8::2/64", "2001:db8:1::2/64", "2001:db8:2::2/64", "2001:db8::3/64", "2001:db8:2::9/128")
		if verb == "add" {
			a += " nodad"
		}
		return "-6 address " + verb + " " + strings.Replace(a, " nodad", "", 1) + " dev " + link + strings.Repeat(" nodad", strings.Count(a, "nodad"))
	}
	return "address " + verb + " " + g.oneOf("192.0.2.2/25", "192.0.2.3/25", "192.0.2.130/25", "203.0.113.2/24", "203.0.113.3/32") + " dev " + link
}

func (g generator) table() string {
	return g.oneOf("", "", "", "", " table 100", " table 100", " table 101", " table default", " table local")
}

func (g generator) verb() string {
	return g.oneOf("add", "add", "add", "append", "append", "prepend", "replace", "change", "del", "del")
}

// route4 is a command on an IPv4 route.
func (g generator) route4() string {
	var b strings.Builder
	verb := g.verb()
	b.WriteString("route " + verb + " ")
	refuses := g.IntN(8) == 0
	switch {
	case refuses:
		b.WriteString(g.oneOf("unreachable ", "prohibit ", "blackhole ", "throw "))
	case g.IntN(20) == 0:
		// Not to a prefix that holds gateways: a gateway that is the device's own is
		// not used as one (fib_check_nh_v4_gw, rt_set_nexthop), which no dump tells.
		return "route " + verb + g.oneOf(" local ", " broadcast ", " multicast ") + g.oneOf("198.51.100.0/24", "198.51.100.128/25", "198.51.100.7") +
			g.table() + " dev " + g.link()
	}
	b.WriteString(g.oneOf("default", "default", "198.51.100.0/24", "198.51.100.128/25", "198.51.100.7", "203.0.113.0/24", "203.0.113.7", "10.0.0.0/8", "192.0.2.64/26"))
	b.WriteString(g.table() + g.maybe(6, " tos 0x10") + g.oneOf("", "", "", " metric 10", " metric 20") + g.maybe(6, " proto static"))
	if !refuses && !(verb == "del" && g.IntN(2) == 0) {
		b.WriteString(g.hops4())
		b.WriteString(g.maybe(10, " src "+g.oneOf("192.0.2.2", "192.0.2.130", "203.0.113.2", "203.0.113.3")))
	}
	return b.String()
}

func (g generator) hops4() string {
	switch n := g.IntN(20); {
	case n < 9:
		return " via " + g.gateway4() + g.maybe(3, " dev "+g.link())
	case n < 12:
		return " dev " + g.link()
	case n < 13:
		return " via " + g.oneOf("10.1.1.1", "203.0.113.99") + " dev " + g.link() + " onlink"
	case n < 14:
		return " via inet6 " + g.oneOf("2001:db8::1", "fe80::1") + " dev " + g.link()
	case n < 17:
		legs := ""
		for range 2 + g.IntN(2) {
			legs += " nexthop via " + g.gateway4() + g.maybe(3, fmt.Sprintf(" weight %d", 1+g.IntN(3)))
		}
		return legs
	}
	return fmt.Sprintf(" nhid %d", 1+g.IntN(9))
}

func (g generator) gateway4() string {
	return g.oneOf("192.0.2.1", "192.0.2.129", "203.0.113.1", "192.0.2.131", "192.0.2.9", "10.8.0.9", "10.6.0.9")
}

// route6 is a command on an IPv6 route.
func (g generator) route6() string {
	var b strings.Builder
	verb := g.verb()
	b.WriteString("-6 route " + verb + " ")
	refuses := g.IntN(8) == 0
	switch {
	case refuses:
		b.WriteString(g.oneOf("unreachable ", "prohibit ", "blackhole ", "throw "))
	case g.IntN(20) == 0:
		b.WriteString(g.oneOf("local ", "anycast "))
	}
	b.WriteString(g.oneOf("default", "default", "2001:db8:ff::/48", "2001:db8:ff:1::/64", "2001:db8:ff::7", "2001:db8:fe::/48", "2001:db8::/32"))
	if g.IntN(4) == 0 {
		b.WriteString(" from " + g.oneOf("2001:db8::/64", "2001:db8:1::/64", "2001:db8::/32", "2001:db8::2"))
	}
	b.WriteString(g.table() + g.oneOf("", "", "", " metric 10", " metric 20"))
	if !refuses && !(verb == "del" && g.IntN(2) == 0) {
		b.WriteString(g.hops6())
		b.WriteString(g.maybe(10, " src "+g.oneOf("2001:db8::2", "2001:db8:1::2", "2001:db8:2::9")))
		b.WriteString(g.maybe(10, " pref "+g.oneOf("low", "medium", "high")))
	}
	return b.String()
}

func (g generator) hops6() string {
	switch n := g.IntN(20); {
	case n < 9:
		return " via " + g.gateway6() + g.maybe(3, " dev "+g.link())
	case n < 12:
		return " dev " + g.link()
	case n < 13:
		return " via 2001:db8:9::1 dev " + g.link() + " onlink"
	case n < 17:
		legs := ""
		for range 2 + g.IntN(2) {
			legs += " nexthop via " + g.gateway6() + g.maybe(3, fmt.Sprintf(" weight %d", 1+g.IntN(3)))
		}
		return legs
	}
	return fmt.Sprintf(" nhid %d", 11+g.IntN(9))
}

func (g generator) gateway6() string {
	return g.oneOf("2001:db8::1", "2001:db8:1::1", "2001:db8:2::1", "2001:db8::9", "2001:db8:1::9")
}

// nexthop is a command on a nexthop object: ids from 1 are IPv4's, from 11 IPv6's.
func (g generator) nexthop() string {
	id := 1 + g.IntN(5)
	group := 6 + g.IntN(4)
	v6 := g.IntN(2) == 0
	if v6 {
		id, group = id+10, group+10
	}
	member := func() int {
		if v6 {
			return 11 + g.IntN(5)
		}
		return 1 + g.IntN(5)
	}
	switch n := g.IntN(10); {
	case n < 2:
		return fmt.Sprintf("nexthop del id %d", []int{id, group}[g.IntN(2)])
	case n < 5:
		return fmt.Sprintf("nexthop %s id %d group %d,%d/%d", g.oneOf("add", "replace"), group, member(), 1+g.IntN(3), member())
	case n < 6 && v6:
		return fmt.Sprintf("-6 nexthop %s id %d blackhole", g.oneOf("add", "replace"), id)
	case n < 6:
		return fmt.Sprintf("nexthop %s id %d blackhole", g.oneOf("add", "replace"), id)
	case v6:
		return fmt.Sprintf("nexthop %s id %d via %s dev %s", g.oneOf("add", "replace"), id, g.gateway6(), g.link())
	case n < 7:
		return fmt.Sprintf("nexthop add id %d dev %s", id, g.link())
	}
	return fmt.Sprintf("nexthop %s id %d via %s dev %s", g.oneOf("add", "replace"), id, g.gateway4(), g.link())
}

// rule is a command on a rule.
func (g generator) rule() string {
	fam, net, host := "-4 ", "198.51.100.0/24", "192.0.2.2"
	if g.IntN(2) == 0 {
		fam, net, host = "-6 ", "2001:db8:ff::/48", "2001:db8::2"
	}
	pref := g.oneOf("5", "10", "10", "20", "30", "32000")
	if g.IntN(3) == 0 {
		return fam + "rule del priority " + pref
	}
	var b strings.Builder
	b.WriteString(fam + "rule add priority " + pref + g.maybe(5, " not"))
	if g.IntN(12) == 0 { // the pair that wg-quick puts up
		return fam + "rule add priority " + pref + g.oneOf(" not fwmark 0xca6c lookup 100", " lookup main suppress_prefixlength 0")
	}
	for range 1 + g.IntN(2) {
		switch g.IntN(10) {
		case 0, 1:
			b.WriteString(" from " + g.oneOf(net, host))
		case 2, 3:
			b.WriteString(" to " + net)
		case 4:
			b.WriteString(" fwmark " + g.oneOf("0x1", "0x10/0xf0", "0x0/0x1"))
		case 5:
			b.WriteString(" oif " + g.link())
		case 6:
			b.WriteString(" iif " + g.oneOf("lo", "wan0"))
		case 7:
			if g.uids {
				b.WriteString(" uidrange " + g.oneOf("0-0", "1000-2000"))
			}
		case 8:
			b.WriteString(" ipproto " + g.oneOf("tcp", "udp") + g.maybe(2, " dport "+g.oneOf("443", "100-500")) + g.maybe(3, " sport 4000-5000"))
		case 9:
			b.WriteString(" tos 0x10")
		}
	}
	switch n := g.IntN(20); {
	case n < 10:
		b.WriteString(" lookup " + g.oneOf("100", "101", "main"))
	case n < 13:
		b.WriteString(" lookup " + g.oneOf("100", "main") + g.oneOf(" suppress_prefixlength 0", " suppress_prefixlength 24", " suppress_ifgroup 7"))
	case n < 15:
		b.WriteString(" goto " + g.oneOf("20", "30", "32000", "32766"))
	case n < 16:
		b.WriteString(" nop")
	case n < 17:
		return fam + "rule add priority " + pref + " l3mdev"
	default:
		b.WriteString(" " + g.oneOf("unreachable", "prohibit", "blackhole"))
	}
	return b.String()
}
