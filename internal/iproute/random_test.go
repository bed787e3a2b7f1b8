package iproute

import (
	"math/rand/v2"
	"net/netip"

	"github.com/netmond/netmond/rtnl"
)

// gen makes random values of the kinds that ip's text can say in full.
type gen struct {
	*rand.Rand
	links *Links
}

func newGen(seed uint64) gen {
	return gen{Rand: rand.New(rand.NewPCG(seed, 0)), links: new(Links)}
}

// some answers true one time in n.
func (g gen) some(n int) bool { return g.IntN(n) == 0 }

func (g gen) addr(fam uint8) netip.Addr {
	if fam == rtnl.IPv4 {
		return netip.AddrFrom4([4]byte{192, 0, 2, byte(g.IntN(256))})
	}
	return netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 0, byte(g.IntN(256)), 15: byte(g.IntN(256))})
}

// prefix makes a prefix of at least min bits.
func (g gen) prefix(fam uint8, min int) netip.Prefix {
	a := g.addr(fam)
	p, _ := a.Prefix(min + g.IntN(a.BitLen()+1-min))
	return p
}

func (g gen) dev() uint32 {
	if g.some(4) {
		return 100 + g.Uint32N(5) // prints as ifN
	}
	return g.links.Index([]string{"lo", "wan", "wan0", "br-lan", "wg0"}[g.IntN(5)])
}

func (g gen) family() uint8 {
	if g.some(2) {
		return rtnl.IPv4
	}
	return rtnl.IPv6
}

func (g gen) hop(fam uint8, weight uint16) rtnl.NextHop {
	h := rtnl.NextHop{Weight: weight, Flags: []uint8{0, 0, rtnl.HopDead, rtnl.HopOnlink, rtnl.HopPervasive, 7}[g.IntN(6)]}
	if g.some(2) {
		h.Oif = g.dev()
	}
	if h.Oif == 0 || g.some(2) {
		if h.Gateway = g.addr(fam); fam == rtnl.IPv4 && g.some(4) {
			h.Gateway = g.addr(rtnl.IPv6)
		}
	}
	return h
}

func (g gen) route() *rtnl.Route {
	fam := g.family()
	r := &rtnl.Route{
		Dst:      g.prefix(fam, 0),
		Table:    []uint32{rtnl.TableMain, rtnl.TableLocal, rtnl.TableDefault, 0, 100, 51820}[g.IntN(6)],
		Priority: []uint32{0, 100, 1024, ^uint32(0)}[g.IntN(4)],
		Type:     []rtnl.RouteType{rtnl.Unicast, 1 + rtnl.RouteType(g.IntN(9)), rtnl.RouteType(g.IntN(256))}[g.IntN(3)],
		Protocol: uint8(g.IntN(256)),
	}
	if g.some(8) {
		r.Dst = netip.PrefixFrom(r.Dst.Addr(), 0).Masked()
	}
	if fam == rtnl.IPv4 {
		r.Scope = []uint8{0, rtnl.ScopeLink, rtnl.ScopeHost, uint8(g.IntN(256))}[g.IntN(4)]
		r.TOS = []uint8{0, uint8(g.IntN(256))}[g.IntN(2)]
	} else {
		r.Pref = []uint8{0, 1, 3}[g.IntN(3)]
		if g.some(4) {
			r.Src = g.prefix(fam, 1)
		}
	}
	if g.some(3) {
		r.PrefSrc = g.addr(fam)
	}
	if g.some(4) {
		r.NHID = g.Uint32()
	}
	switch n := g.IntN(5); n {
	case 0:
	case 1, 2:
		r.NextHops = []rtnl.NextHop{g.hop(fam, 1)}
	default:
		for range n - 1 {
			r.NextHops = append(r.NextHops, g.hop(fam, 1+uint16(g.IntN(256))))
		}
	}
	return r
}

func (g gen) rule() *rtnl.Rule {
	r := &rtnl.Rule{
		Family: g.family(), Priority: g.Uint32(), Protocol: uint8(g.IntN(256)), Invert: g.some(2),
		SuppressPrefixLen: -1, SuppressIfGroup: -1,
	}
	if g.some(2) {
		r.Src = g.prefix(r.Family, 1)
	}
	if g.some(2) {
		r.Dst = g.prefix(r.Family, 1)
	}
	if g.some(3) {
		r.TOS = uint8(g.IntN(256))
	}
	if g.some(2) {
		r.Mark, r.Mask = g.Uint32N(3), []uint32{0xff, ^uint32(0)}[g.IntN(2)]
		if r.Mark != 0 && g.some(3) {
			r.Mask = 0
		}
	}
	if g.some(3) {
		r.Iif = "lan"
	}
	if g.some(3) {
		r.Oif = "wan"
	}
	if g.some(3) {
		r.TunID = g.Uint64()
	}
	if g.some(3) {
		r.UID = &rtnl.UIDRange{First: g.Uint32N(100), Last: 100 + g.Uint32N(1000)}
	}
	if g.some(3) {
		r.IPProto = uint8(g.IntN(256))
	}
	if g.some(3) {
		r.Sport.First = 1 + uint16(g.IntN(100))
		r.Sport.Last = r.Sport.First
	}
	if g.some(3) {
		r.Dport = rtnl.PortRange{First: 1024, Last: 65535}
	}
	switch g.IntN(6) {
	case 0:
		r.Action, r.Goto = rtnl.ActionGoto, g.Uint32()
	case 1:
		r.Action = []rtnl.RuleAction{
			rtnl.ActionNop, rtnl.ActionBlackhole, rtnl.ActionUnreachable, rtnl.ActionProhibit,
		}[g.IntN(4)]
	default:
		r.Action = rtnl.ActionTable
		if r.L3mdev = g.some(4); !r.L3mdev {
			r.Table = 253 + g.Uint32N(4)
		}
		if g.some(3) {
			r.SuppressPrefixLen = int32(g.IntN(129))
		}
		if g.some(3) {
			r.SuppressIfGroup = int32(g.IntN(10))
		}
	}
	return r
}

func (g gen) link() *rtnl.Link {
	l := plainLink(g.dev(), "", g.some(2), g.some(2))
	l.Name = g.links.Name(l.Index)
	if g.some(4) {
		l.Name = "renamed"
	}
	if g.some(3) {
		l.Kind, l.VRFTable = "vrf", 100
	}
	if g.some(3) {
		l.Master = g.dev()
	}
	if g.some(3) {
		l.Parent = g.dev()
	}
	if g.some(4) {
		l.Type, l.Flags, l.OperState = uint16(g.IntN(1<<16)), g.Uint32(), uint8(g.IntN(256))
		l.Group, l.MTU, l.Carrier = g.Uint32(), g.Uint32(), g.some(2)
	}
	return &l
}

func (g gen) address() *rtnl.Addr {
	fam := g.family()
	local := g.addr(fam)
	net, _ := local.Prefix(1 + g.IntN(local.BitLen()))
	if g.some(4) {
		net = g.prefix(fam, 1)
	}
	a := plainAddr(local, net, g.dev(), g.links)
	if g.some(3) {
		a.Flags = g.Uint32() >> g.IntN(32)
	}
	if g.some(4) {
		a.Label = []string{"", "wan:1"}[g.IntN(2)]
	}
	if g.some(4) {
		a.Scope = uint8(g.IntN(256))
	}
	return &a
}

func (g gen) nexthop() *rtnl.NextHopObject {
	n := &rtnl.NextHopObject{
		ID: 1 + g.Uint32N(1000), Protocol: uint8(g.IntN(256)), Blackhole: g.some(4), FDB: g.some(4),
		Hop: rtnl.NextHop{Weight: 1, Flags: []uint8{0, rtnl.HopOnlink}[g.IntN(2)]},
	}
	if g.some(2) {
		n.Hop.Gateway, n.Hop.Oif = g.addr(g.family()), g.dev()
	}
	for range g.IntN(4) {
		n.Group = append(n.Group, rtnl.NextHopMember{ID: g.Uint32(), Weight: 1 + uint16(g.IntN(1<<16-1))})
	}
	return n
}

func (g gen) netconf() *rtnl.Netconf {
	link := int32(g.dev())
	if g.some(2) {
		link = []int32{rtnl.NetconfAll, rtnl.NetconfDefault}[g.IntN(2)]
	}
	return &rtnl.Netconf{Family: g.family(), Link: link, IgnoreLinkdown: g.some(2)}
}

// event makes an event with the flags that a verb stands for.
func (g gen) event() rtnl.Event {
	e := rtnl.Event{Op: rtnl.New}
	if g.some(4) {
		e.Op = rtnl.Del
	}
	switch g.IntN(7) {
	case 0:
		e.Message = g.link()
	case 1:
		e.Message = g.address()
	case 2:
		e.Message = g.rule()
	case 3:
		e.Message = g.netconf()
	case 4:
		e.Message = g.nexthop()
		if e.Op == rtnl.New {
			e.Flags = []uint16{
				0, rtnl.FlagCreate | rtnl.FlagExcl, rtnl.FlagCreate | rtnl.FlagReplace,
			}[g.IntN(3)]
		}
	default:
		e.Message = g.route()
		if v := verbs[g.IntN(len(verbs))]; e.Op == rtnl.New && v.op == rtnl.New {
			e.Flags = v.flags
		}
	}
	return e
}
