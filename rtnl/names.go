package rtnl

import "strconv"

// typeNames are iproute2's names of the route types (rtnl_rtntype_n2a).
var typeNames = [...]string{
	Unicast: "unicast", Local: "local", Broadcast: "broadcast", Anycast: "anycast", Multicast: "multicast",
	Blackhole: "blackhole", Unreachable: "unreachable", Prohibit: "prohibit", Throw: "throw",
}

func (t RouteType) String() string {
	if int(t) < len(typeNames) && typeNames[t] != "" {
		return typeNames[t]
	}
	return strconv.Itoa(int(t))
}

// TableName is the name of a routing table, or its number where it has none
// that every system shares (/etc/iproute2/rt_tables).
func TableName(table uint32) string {
	switch table {
	case TableDefault:
		return "default"
	case TableMain:
		return "main"
	case TableLocal:
		return "local"
	}
	return strconv.FormatUint(uint64(table), 10)
}

// protocolNames are the names of the routing protocols that the kernel and
// iproute2 know (RTPROT_*).
var protocolNames = map[uint8]string{
	0: "unspec", 1: "redirect", 2: "kernel", 3: "boot", 4: "static", 8: "gated", 9: "ra", 10: "mrt", 11: "zebra",
	12: "bird", 13: "dnrouted", 14: "xorp", 15: "ntk", 16: "dhcp", 17: "mrouted", 18: "keepalived", 42: "babel", 99: "openr",
	186: "bgp", 187: "isis", 188: "ospf", 189: "rip", 192: "eigrp",
}

// protocolBoot is what a route gets whose maker said nothing (RTPROT_BOOT);
// iproute2 does not print it.
const protocolBoot = 3

// protocolRA is what the kernel's routes from router advertisements have (RTPROT_RA).
const protocolRA = 9

// ProtocolName is the name of who made a route, or its number.
func ProtocolName(protocol uint8) string {
	if n, ok := protocolNames[protocol]; ok {
		return n
	}
	return strconv.Itoa(int(protocol))
}

// ScopeName is the name of a scope, or its number.
func ScopeName(scope uint8) string {
	switch scope {
	case ScopeUniverse:
		return "global"
	case ScopeSite:
		return "site"
	case ScopeLink:
		return "link"
	case ScopeHost:
		return "host"
	case ScopeNowhere:
		return "nowhere"
	}
	return strconv.Itoa(int(scope))
}
