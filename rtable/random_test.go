package rtable_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"

	"github.com/netmond/netmond/rtable"
	"github.com/netmond/netmond/rtnl"
)

// random makes events and queries in a world so small that they meet: five links,
// six tables' worth of nested prefixes, a few addresses and nexthop objects. The
// model it carries is the state after the events made so far. For one goroutine.
type random struct {
	*rand.Rand
	model
}

func newRandom(seed uint64) *random {
	return &random{Rand: rand.New(rand.NewPCG(seed, 0))}
}

func pick[T any](r *random, from ...T) T { return from[r.IntN(len(from))] }

// one says yes once in n times.
func (r *random) one(n int) bool { return r.IntN(n) == 0 }

var (
	worldAddrs = [2][]netip.Addr{
		addrs("192.0.2.1 192.0.2.2 192.0.2.3 198.51.100.1 203.0.113.1"),
		addrs("2001:db8::1 2001:db8::2 2001:db8:1::1 2001:db8:2::1 fe80::1"),
	}
	worldNets = [2][]netip.Prefix{
		prefixes("0.0.0.0/0 192.0.2.0/24 192.0.2.0/30 192.0.2.2/32 198.51.100.0/24 192.0.0.0/8"),
		prefixes("::/0 2001:db8::/32 2001:db8::/64 2001:db8::2/128 2001:db8:1::/48 fe80::/64"),
	}
	worldTables = []uint32{rtnl.TableMain, rtnl.TableMain, rtnl.TableMain, rtnl.TableLocal, rtnl.TableDefault, 100}
)

const worldLinks = 5 // lo is 1; 4 is a VRF

func (r *random) oif() uint32 { return uint32(1 + r.IntN(worldLinks)) }

// event makes one of any kind, sensible or not.
func (r *random) event() rtnl.Event {
	e := rtnl.Event{Op: pick(r, rtnl.New, rtnl.New, rtnl.Del)}
	switch n := r.IntN(20); {
	case n < 11:
		return r.routeEvent(r.IntN(2))
	case n < 14:
		l := r.link(2 + r.oif()%(worldLinks-1)) // lo stays as it is
		e.Message = &l
		if e.Op == rtnl.Del && !r.one(4) {
			e.Op = rtnl.New
		}
	case n < 16:
		a := r.addr(r.IntN(2))
		if e.Op == rtnl.Del && len(r.addrs) > 0 {
			a = pick(r, r.addrs...)
		}
		e.Message = &a
	case n < 18:
		o := r.nextHopObject()
		e.Message = &o
	case n < 19:
		x := r.rule()
		if e.Op == rtnl.Del && len(r.rules) > 0 {
			x = pick(r, r.rules...)
		}
		e.Message = &x
	default:
		e.Op = rtnl.New
		e.Message = &rtnl.Netconf{
			Family: pick(r, rtnl.IPv4, rtnl.IPv6), IgnoreLinkdown: r.one(2),
			Link: pick(r, rtnl.NetconfAll, rtnl.NetconfDefault, int32(r.oif())),
		}
	}
	return e
}

// routeEvent adds a route in one of the ways that ip has, or deletes one.
func (r *random) routeEvent(fam int) rtnl.Event {
	x := r.route(fam)
	if len(r.routes) > 0 && r.one(3) {
		x = pick(r, r.routes...)
		if r.one(3) {
			x.Expires = int32(r.IntN(100))
		}
		if x.Family() == rtnl.IPv6 && len(x.NextHops) > 1 && r.one(2) {
			x.NextHops = x.NextHops[:1] // one leg of it
		}
		return rtnl.Event{Op: pick(r, rtnl.New, rtnl.Del, rtnl.Del), Message: &x}
	}
	flags := pick(r, 0, rtnl.FlagReplace, rtnl.FlagCreate, rtnl.FlagCreate|rtnl.FlagAppend, rtnl.FlagCreate|rtnl.FlagExcl)
	return rtnl.Event{Op: rtnl.New, Flags: flags, Message: &x}
}

func (r *random) route(fam int) rtnl.Route {
	x := rtnl.Route{
		Dst: pick(r, worldNets[fam]...), Table: pick(r, worldTables...), Protocol: pick[uint8](r, 2, 3, 9),
		Priority: pick[uint32](r, 0, 0, 100),
		Type:     pick(r, rtnl.Unicast, rtnl.Unicast, rtnl.Unicast, rtnl.Unicast, rtnl.Unreachable, rtnl.Blackhole, rtnl.Throw),
	}
	if x.Table == rtnl.TableLocal {
		x.Type = pick(r, rtnl.Local, rtnl.Local, rtnl.Broadcast)
		x.Scope = rtnl.ScopeHost
	}
	if fam == 0 {
		x.TOS = pick[uint8](r, 0, 0, 0, 0x10)
		x.Scope = pick[uint8](r, rtnl.ScopeUniverse, rtnl.ScopeUniverse, rtnl.ScopeLink, rtnl.ScopeHost)
	} else {
		x.Scope = 0
		x.Pref = pick[uint8](r, 0, 0, 1, 3)
		if r.one(4) {
			x.Src = pick(r, worldNets[fam][1:]...)
		}
	}
	if r.one(4) {
		x.PrefSrc = pick(r, worldAddrs[fam]...)
	}
	switch {
	case x.Type == rtnl.Unicast && len(r.objects) > 0 && r.one(6):
		x.NHID = pick(r, r.objects...).ID
	case x.Type == rtnl.Unicast, x.Type == rtnl.Local, x.Type == rtnl.Broadcast:
		legs := pick(r, 1, 1, 1, 2, 3)
		if fam == 1 && (x.Type != rtnl.Unicast || x.Protocol == 9) {
			legs = 1 // nor do those of router advertisements join
		}
		for range legs {
			h := rtnl.NextHop{Oif: r.oif(), Weight: 1}
			if r.one(2) || fam == 1 && legs > 1 { // IPv6 legs have gateways
				h.Gateway = pick(r, worldAddrs[fam]...)
			}
			x.NextHops = append(x.NextHops, h)
		}
	case fam == 1:
		x.NextHops = []rtnl.NextHop{{Oif: 1, Weight: 1}}
	}
	if r.one(8) {
		x.Expires = int32(1 + r.IntN(100))
	}
	return x
}

func (r *random) link(i uint32) rtnl.Link {
	l := rtnl.Link{Index: i, Name: fmt.Sprintf("eth%d", i), Flags: pick[uint32](r, 0, rtnl.FlagUp, 0x10041, 0x10041, 0x10041)}
	switch {
	case i == 1:
		l.Name, l.Flags = "lo", 0x10049
	case i == 4:
		l.Name, l.Kind, l.VRFTable = "red", "vrf", 100
	case r.one(4):
		l.Master = 4
	}
	if r.one(6) {
		l.Group = 7
	}
	if r.one(12) {
		l.Name = "wan"
	}
	return l
}

func (r *random) addr(fam int) rtnl.Addr {
	a := pick(r, worldAddrs[fam]...)
	net, _ := a.Prefix(a.BitLen() - 8)
	return rtnl.Addr{Link: r.oif(), Local: a, Net: net, Flags: pick[uint32](r, rtnl.AddrPermanent, rtnl.AddrTentative, rtnl.AddrDeprecated)}
}

func (r *random) nextHopObject() rtnl.NextHopObject {
	n := rtnl.NextHopObject{ID: uint32(1 + r.IntN(4)), Hop: rtnl.NextHop{Oif: r.oif(), Weight: 1}}
	switch {
	case n.ID == 4:
		n.Hop = rtnl.NextHop{Weight: 1}
		for id := range uint32(3) {
			if r.one(2) {
				n.Group = append(n.Group, rtnl.NextHopMember{ID: 1 + id, Weight: uint16(1 + r.IntN(3))})
			}
		}
		n.Blackhole = len(n.Group) == 0
	case r.one(5):
		n.Hop, n.Blackhole = rtnl.NextHop{Weight: 1}, true
	case r.one(2):
		n.Hop.Gateway = pick(r, worldAddrs[1]...) // of use to both families
	}
	return n
}

func (r *random) rule() rtnl.Rule {
	fam := r.IntN(2)
	x := rtnl.Rule{
		Family: []uint8{rtnl.IPv4, rtnl.IPv6}[fam], Priority: pick[uint32](r, 10, 20, 30, 40, 32766),
		Action: rtnl.ActionTable, Table: pick(r, worldTables...), SuppressPrefixLen: -1, SuppressIfGroup: -1, Invert: r.one(8),
	}
	switch r.IntN(12) {
	case 0:
		x.Src = pick(r, worldNets[fam][1:]...)
	case 1:
		x.Dst = pick(r, worldNets[fam][1:]...)
	case 2:
		x.Mark, x.Mask = 1, pick[uint32](r, 1, 0xff)
	case 3:
		x.UID = &rtnl.UIDRange{First: 1000, Last: 2000}
	case 4:
		x.Oif = pick(r, "eth2", "wan", "red")
	case 5:
		x.Iif = pick(r, "lo", "eth3")
	case 6:
		x.IPProto, x.Dport = 6, rtnl.PortRange{First: 443, Last: 443}
	case 7:
		x.Sport = rtnl.PortRange{First: 1000, Last: 2000}
	case 8:
		x.TOS = 0x10
	case 9:
		x.L3mdev, x.Table = true, 0
	}
	switch r.IntN(10) {
	case 0:
		x.SuppressPrefixLen = 0
	case 1:
		x.SuppressIfGroup = 7
	case 2:
		x.Action, x.Goto = rtnl.ActionGoto, x.Priority+10
	case 3:
		x.Action = pick(r, rtnl.ActionNop, rtnl.ActionUnreachable, rtnl.ActionProhibit, rtnl.ActionBlackhole)
	}
	return x
}

// query asks for one of the world's addresses, or one beside them.
func (r *random) query() rtable.Query {
	fam := r.IntN(2)
	q := rtable.Query{Dst: pick(r, worldAddrs[fam]...)}
	if r.one(3) {
		q.Dst = q.Dst.Next()
	}
	if r.one(2) {
		q.Src = pick(r, worldAddrs[fam]...)
	}
	if r.one(4) {
		q.Oif = r.oif()
	}
	if r.one(6) {
		q.Iif = r.oif()
	}
	if r.one(3) {
		q.Mark, q.UID, q.TOS, q.Proto, q.Sport, q.Dport = 1, 1500, 0x10, 6, 1500, 443
	}
	return q
}

// dump is the state as the answer to a dump: links first, routes in order.
func (m *model) dump() []rtnl.Event {
	var events []rtnl.Event
	add := func(msg rtnl.Message) { events = append(events, rtnl.Event{Op: rtnl.New, Message: msg}) }
	for _, x := range m.links {
		add(&x)
	}
	for _, x := range m.conf {
		add(&x)
	}
	for _, x := range m.addrs {
		add(&x)
	}
	for _, x := range m.objects {
		add(&x)
	}
	for _, x := range m.rules {
		add(&x)
	}
	for _, x := range m.inOrder() {
		x = m.shown(x)
		add(&x)
	}
	return events
}

// cut splits events into batches at random. The first is marked as head is, and
// all but the last have More set, if it is.
func (r *random) cut(head rtnl.Batch, events []rtnl.Event) []rtnl.Batch {
	var batches []rtnl.Batch
	more := head.Full || head.Part != nil
	for {
		n := min(len(events), r.IntN(12))
		head.Events, head.More = events[:n:n], more
		batches = append(batches, head)
		if events = events[n:]; len(events) == 0 {
			break
		}
		head = rtnl.Batch{}
	}
	if more {
		batches[len(batches)-1].More = false
		if len(batches) > 1 || r.one(2) { // what came meanwhile stands alone
			batches[len(batches)-1].More = true
			batches = append(batches, rtnl.Batch{})
		}
	}
	return slices.Clip(batches)
}
