package conn_test

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/netmond/netmond/conn"
	"github.com/netmond/netmond/rtable"
)

// random tells stories by chance, in a world so small that flows, routes and
// changes meet. What it has told is the proof when a property fails.
type random struct {
	*rand.Rand
	*world
	told   strings.Builder
	latest string // line
}

const worldLinks = `link lo up
link wan up
link lte up
link lan up flags 0x100c1
link br0 up kind bridge
addr 127.0.0.1/8 dev lo
addr ::1/128 dev lo
`

// Lines to draw from. A ! stands for a verb that the kind of line knows.
var (
	worldStates = lines(`
		link wan up
		link wan up
		link wan down
		link wan up nocarrier
		link wan up master br0
		link lte up
		link lte up
		link lte down
		link lte up nocarrier
		link lan up flags 0x100c1
		link lan up master br0
		del link lan
		link br0 up kind bridge
		link br0 up nocarrier kind bridge`)
	worldAddrs = lines(`
		! addr 192.0.2.2/25 dev wan
		! addr 192.0.2.2/25 dev br0
		! addr 192.0.2.2/32 dev lo
		! addr 192.0.2.130/25 dev lte
		! addr 192.0.2.130/25 dev lan
		! addr 192.168.1.2/24 dev wan
		! addr 192.168.1.2/24 dev br0
		! addr 192.0.2.2/25 dev wan deprecated
		! addr 2001:db8::2/64 dev wan
		! addr 2001:db8::2/64 dev wan deprecated
		! addr 2001:db8:1::2/64 dev lte
		! addr 2001:db8:1::2/64 dev br0
		! addr fd00::2/64 dev wan`)
	worldRoutes = lines(`
		! default via 192.0.2.1 dev wan metric 10
		! default via 192.0.2.3 dev wan metric 10
		! default via 192.168.1.1 dev wan metric 10
		! default via 192.168.1.9 dev wan metric 10
		! default via 192.168.1.1 dev br0 metric 10
		! default via 192.0.2.129 dev lte metric 20
		! default via 192.0.2.129 dev lte metric 10
		! default via 192.0.2.129 dev lan metric 5
		! default via 192.0.2.129 dev lte src 192.0.2.2 metric 10
		! default dev br0 scope link metric 20
		! default nexthop via 192.0.2.1 dev wan weight 1 nexthop via 192.0.2.129 dev lte weight 1
		! default metric 10 nexthop via 192.168.1.1 dev wan weight 1 nexthop via 192.168.1.9 dev wan weight 1
		! default via 192.0.2.129 dev lte table 7
		! default via 192.168.1.1 dev wan table 7
		! default nhid 10 via 192.0.2.1 dev wan metric 5
		! 198.51.100.0/24 via 192.0.2.1 dev wan
		! 198.51.100.0/24 via 192.0.2.129 dev lte
		! 198.51.100.0/24 via 192.0.2.9 dev br0 metric 5
		! unreachable 198.51.100.0/24 metric 9
		! blackhole 203.0.113.7
		! throw 203.0.113.0/24
		! throw 198.51.100.0/24 table 7
		! local 203.0.113.9 dev lo table local
		! -6 default via fe80::1 dev wan metric 10
		! -6 default via fe80::2 dev wan metric 10
		! -6 default via fe80::9 dev lte metric 10
		! -6 default via 2001:db8:1::1 dev lte metric 20
		! -6 default from 2001:db8:1::/64 via fe80::1 dev lte metric 30
		! -6 default via 2001:db8::1 dev br0 metric 5
		! -6 default via 2001:db8:1::1 dev lte src 2001:db8::2 metric 5
		! 2001:db8:ff::/48 via 2001:db8::1 dev wan metric 1024
		! 2001:db8:ff::/48 via fe80::1 dev lte metric 512
		! unreachable 2001:db8:ff::/48 dev lo metric 100
		! -6 default via fe80::9 dev lte metric 10 table 7`)
	worldRules = lines(`
		! rule 100: from all fwmark 0x7 lookup 7
		! rule 101: from 192.0.2.130 lookup 7
		! rule 102: from all uidrange 1000-1999 lookup 7
		! rule 103: from all to 203.0.113.0/24 prohibit
		! rule 104: from all lookup 7 suppress_prefixlength 0
		! rule 105: not from all fwmark 0x7 lookup 7
		! rule 106: from all ipproto tcp dport 443 lookup 7
		! rule 107: from all goto 32766
		! -6 rule 100: from all fwmark 0x7/0xff lookup 7
		! -6 rule 101: from 2001:db8:1::2 lookup 7`)
	worldOthers = lines(`
		! nexthop id 10 via 192.0.2.1 dev wan
		replace nexthop id 10 via 192.0.2.129 dev lte
		replace nexthop id 10 blackhole
		netconf inet wan ignore_routes_with_linkdown on
		netconf inet wan ignore_routes_with_linkdown off
		netconf inet6 lte ignore_routes_with_linkdown on`)
	worldStandingRules = lines(`
		rule 0: from all lookup local
		rule 32766: from all lookup main
		-6 rule 0: from all lookup local
		-6 rule 32766: from all lookup main`)

	worldLocals = strings.Fields(`192.0.2.2 192.0.2.2 192.0.2.130 192.168.1.2 192.168.1.2 203.0.113.9 127.0.0.1
		2001:db8::2 2001:db8::2 2001:db8:1::2 fd00::2 ::1`)
	worldRemotes = strings.Fields(`198.51.100.7 198.51.100.7 203.0.113.7 203.0.113.9 10.9.9.9 100.64.0.9 192.0.2.130
		2001:db8:ff::7 2001:db8:ff::7 2001:db8:fe::7 fd01::7 2001:db8:1::2`)
)

func lines(text string) (list []string) {
	for _, l := range strings.Split(strings.TrimSpace(text), "\n") {
		list = append(list, strings.TrimSpace(l))
	}
	return list
}

func pick[T any](r *random, from ...T) T { return from[r.IntN(len(from))] }

// one says yes once in n times.
func (r *random) one(n int) bool { return r.IntN(n) == 0 }

// newRandom is a world in some state.
func newRandom(t testing.TB, seed uint64) *random {
	r := &random{Rand: rand.New(rand.NewPCG(seed, 0)), world: newWorld(t)}
	r.events(worldLinks)
	if r.one(2) {
		for _, l := range worldStandingRules {
			r.tell(l)
		}
	}
	for _, l := range worldAddrs {
		if !r.one(3) {
			r.tell(strings.TrimPrefix(l, "! "))
		}
	}
	for range 4 + r.IntN(8) {
		r.tell(strings.TrimPrefix(pick(r, worldRoutes...), "! "))
	}
	for range r.IntN(6) {
		r.change()
	}
	r.flush()
	return r
}

func (r *random) tell(line string) {
	if strings.Contains(line, " nhid 10 ") { // no route is there without its object
		r.tell("nexthop id 10 via 192.0.2.1 dev wan")
	}
	r.told.WriteString(line + "\n")
	r.event(line)
	r.latest = line
}

// takeBack tells the opposite of what was told last, or anything where that has none.
func (r *random) takeBack() {
	verb, what, _ := strings.Cut(r.latest, " ")
	switch verb {
	case "add", "replace", "append", "prepend":
		r.tell("del " + what)
	case "del":
		r.tell("add " + what)
	default:
		r.change()
	}
}

// change tells something of any kind.
func (r *random) change() {
	switch n := r.IntN(20); {
	case n < 10:
		r.tell(strings.Replace(pick(r, worldRoutes...), "!", pick(r, "add", "replace", "append", "prepend", "del", "del"), 1))
	case n < 13:
		r.tell(strings.Replace(pick(r, worldAddrs...), "!", pick(r, "add", "del"), 1))
	case n < 17:
		r.tell(pick(r, worldStates...))
	case n < 19:
		r.tell(strings.Replace(pick(r, worldRules...), "!", pick(r, "add", "del"), 1))
	default:
		r.tell(strings.Replace(pick(r, worldOthers...), "!", pick(r, "add", "del"), 1))
	}
}

// step makes n changes at once, and returns the tables around them and what has
// changed.
func (r *random) step(n int) (old, cur *rtable.Table, changes rtable.Changes) {
	old = r.cur
	r.told.WriteString("then\n")
	for range n {
		r.change()
	}
	changes = r.flush()
	return old, r.cur, changes
}

// flows are all that two addresses of a family can be, each with one of the
// properties that steer or exempt it.
func (r *random) flows() (list []conn.Flow) {
	for i, l := range worldLocals {
		for j, p := range worldRemotes {
			local, remote := netip.MustParseAddr(l), netip.MustParseAddr(p)
			if local.Is4() != remote.Is4() {
				continue
			}
			f := conn.Flow{
				Proto: conn.TCP, State: conn.Established, MarkKnown: true, Cookie: uint64(i)<<8 | uint64(j) + 1,
				Local: netip.AddrPortFrom(local, 4000), Remote: netip.AddrPortFrom(remote, 443),
			}
			switch r.IntN(16) {
			case 0, 1:
				f.Mark = 7
			case 2, 3:
				f.MarkKnown = false
			case 4:
				f.UID = 1500
			case 5:
				f.Oif = r.links.Index(pick(r, "wan", "lte", "br0", "lan"))
			case 6:
				f.Transparent = true
			case 7:
				f.State = conn.State(r.IntN(int(conn.Closing) + 1))
			case 8:
				f.Mapped = local.Is4()
			case 9:
				f.Remote = netip.AddrPortFrom(remote, 0)
			case 10:
				f.Remote = netip.AddrPortFrom(local, 443)
			}
			list = append(list, f)
		}
	}
	return list
}
