package iproute

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/netmond/netmond/rtnl"
)

func TestParseReadsWhatFormatPrints(t *testing.T) {
	for seed := range uint64(20) {
		g := newGen(seed)
		for range 500 {
			e := g.event()
			line := Format(e, g.links)
			got, err := Parse(line, g.links)
			if err != nil {
				t.Fatalf("seed %d: Parse(Format(%+v)) = %v", seed, e, err)
			}
			if !reflect.DeepEqual(got, e) {
				t.Fatalf("seed %d: Parse(%q) = %s %#x %+v, want %s %#x %+v", seed, line,
					got.Op, got.Flags, got.Message, e.Op, e.Flags, e.Message)
			}
		}
	}
}

func pfx(s string) netip.Prefix { return netip.MustParsePrefix(s) }
func ip(s string) netip.Addr    { return netip.MustParseAddr(s) }

// hop is a next hop of weight 1; gateway may be empty.
func hop(gateway string, oif uint32) rtnl.NextHop {
	h := rtnl.NextHop{Oif: oif, Weight: 1}
	if gateway != "" {
		h.Gateway = ip(gateway)
	}
	return h
}

// route is what ParseRoute makes of dst alone, changed by f.
func route(dst string, f func(*rtnl.Route)) *rtnl.Route {
	r := &rtnl.Route{Dst: pfx(dst), Type: rtnl.Unicast, Table: rtnl.TableMain, Protocol: protoBoot}
	f(r)
	return r
}

// The left side is what iproute2 6.1 prints, but for the last two; wan is 2.
func TestParseRoute(t *testing.T) {
	for _, tt := range []struct {
		line string
		want *rtnl.Route
	}{
		{"default via 192.0.2.1 dev wan proto static metric 100 ", route("0.0.0.0/0", func(r *rtnl.Route) {
			r.Protocol, r.Priority, r.NextHops = 4, 100, []rtnl.NextHop{hop("192.0.2.1", 2)}
		})},
		{"unicast 192.0.2.0/24 dev wan table main proto kernel scope link src 192.0.2.9 ", route("192.0.2.0/24", func(r *rtnl.Route) {
			r.Protocol, r.Scope, r.PrefSrc, r.NextHops = 2, rtnl.ScopeLink, ip("192.0.2.9"), []rtnl.NextHop{hop("", 2)}
		})},
		{"2 127.0.0.1 dev lo table 255 proto 2 scope 254 src 127.0.0.1 ", route("127.0.0.1/32", func(r *rtnl.Route) {
			r.Type, r.Table, r.Protocol, r.Scope = rtnl.Local, rtnl.TableLocal, 2, rtnl.ScopeHost
			r.PrefSrc, r.NextHops = ip("127.0.0.1"), []rtnl.NextHop{hop("", 1)}
		})},
		{"203.0.113.0/24 via inet6 fe80::1 dev wan onlink mtu lock 1400 ", route("203.0.113.0/24", func(r *rtnl.Route) {
			h := hop("fe80::1", 2)
			h.Flags = rtnl.HopOnlink
			r.NextHops = []rtnl.NextHop{h}
		})},
		{"198.51.100.0/24 tos 0x10 \tnexthop via 192.0.2.1 dev wan weight 3 \tnexthop via 192.0.2.2 dev if7 weight 1 dead onlink linkdown ", route("198.51.100.0/24", func(r *rtnl.Route) {
			a, b := hop("192.0.2.1", 2), hop("192.0.2.2", 7)
			a.Weight, b.Flags = 3, rtnl.HopDead|rtnl.HopOnlink
			r.TOS, r.NextHops = 0x10, []rtnl.NextHop{a, b}
		})},
		{"198.51.100.0/24 tos CS6 dev wan scope link", route("198.51.100.0/24", func(r *rtnl.Route) {
			r.TOS, r.Scope, r.NextHops = 0xc0, rtnl.ScopeLink, []rtnl.NextHop{hop("", 2)}
		})},
		{"blackhole 198.51.103.0/24 nhid 30 dev lo ", route("198.51.103.0/24", func(r *rtnl.Route) {
			r.Type, r.NHID, r.NextHops = rtnl.Blackhole, 30, []rtnl.NextHop{hop("", 1)}
		})},
		{"throw 198.51.104.0/24 table 100 proto boot scope global ", route("198.51.104.0/24", func(r *rtnl.Route) {
			r.Type, r.Table = rtnl.Throw, 100
		})},
		{"2001:db8:1::/48 from 2001:db8:2::/48 via 2001:db8::1 dev wan metric 1024 pref medium", route("2001:db8:1::/48", func(r *rtnl.Route) {
			r.Src, r.Priority, r.NextHops = pfx("2001:db8:2::/48"), 1024, []rtnl.NextHop{hop("2001:db8::1", 2)}
		})},
		{"unreachable default dev lo metric 4294967295 error -101 pref medium", route("::/0", func(r *rtnl.Route) {
			r.Type, r.Priority, r.NextHops = rtnl.Unreachable, 1<<32-1, []rtnl.NextHop{hop("", 1)}
		})},
		{"default via fe80::1 dev wan proto ra metric 1024 expires 1799sec hoplimit 64 pref high", route("::/0", func(r *rtnl.Route) {
			r.Protocol, r.Priority, r.Pref, r.NextHops = 9, 1024, 1, []rtnl.NextHop{hop("fe80::1", 2)}
		})},
		{"multicast ff00::/8 dev wan table local proto kernel scope global metric 256 pref medium", route("ff00::/8", func(r *rtnl.Route) {
			r.Type, r.Table, r.Protocol, r.Priority = rtnl.Multicast, rtnl.TableLocal, 2, 256
			r.NextHops = []rtnl.NextHop{hop("", 2)}
		})},
		// What ip never prints, read as what the kernel makes of it.
		{"198.51.100.0/24 nexthop via 192.0.2.1 dev wan weight 9", route("198.51.100.0/24", func(r *rtnl.Route) {
			r.NextHops = []rtnl.NextHop{hop("192.0.2.1", 2)}
		})},
		{"::/0 dev wan", route("::/0", func(r *rtnl.Route) { r.NextHops = []rtnl.NextHop{hop("", 2)} })},
	} {
		var links Links
		links.Index("wan")
		if got, err := ParseRoute(tt.line, 0, &links); err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("ParseRoute(%q) = %+v, %v, want %+v", tt.line, got, err, tt.want)
		}
	}
}

func TestParseRouteTakesFamilyWhereNoAddressSaysIt(t *testing.T) {
	for fam, want := range map[uint8]string{0: "0.0.0.0/0", rtnl.IPv4: "0.0.0.0/0", rtnl.IPv6: "::/0"} {
		if r, err := ParseRoute("default dev wan", fam, new(Links)); err != nil || r.Dst != pfx(want) {
			t.Errorf("ParseRoute(default dev wan, family %d) = %v, %v, want %s", fam, r, err, want)
		}
	}
}

func TestParseEvent(t *testing.T) {
	links := new(Links)
	links.Index("wan")
	def := route("0.0.0.0/0", func(r *rtnl.Route) { r.NextHops = []rtnl.NextHop{hop("192.0.2.1", 2)} })
	rule := func(f func(*rtnl.Rule)) *rtnl.Rule {
		r := &rtnl.Rule{
			Family: rtnl.IPv4, Priority: 100, Action: rtnl.ActionTable, Table: rtnl.TableMain,
			SuppressPrefixLen: -1, SuppressIfGroup: -1,
		}
		f(r)
		return r
	}
	upFlags := uint32(rtnl.FlagUp | rtnl.FlagRunning | rtnl.FlagLowerUp)
	for _, tt := range []struct {
		line string
		want rtnl.Event
	}{
		{"default via 192.0.2.1 dev wan", rtnl.Event{Op: rtnl.New, Message: def}},
		{"add default via 192.0.2.1 dev wan", rtnl.Event{Op: rtnl.New, Flags: 0x600, Message: def}},
		{"append default via 192.0.2.1 dev wan", rtnl.Event{Op: rtnl.New, Flags: 0xc00, Message: def}},
		{"prepend default via 192.0.2.1 dev wan", rtnl.Event{Op: rtnl.New, Flags: 0x400, Message: def}},
		{"replace route default via 192.0.2.1 dev wan", rtnl.Event{Op: rtnl.New, Flags: 0x100, Message: def}},
		{"change default via 192.0.2.1 dev wan", rtnl.Event{Op: rtnl.New, Flags: 0x100, Message: def}},
		{"del default via 192.0.2.1 dev wan", rtnl.Event{Op: rtnl.Del, Message: def}},
		{"link wan up", rtnl.Event{Op: rtnl.New, Message: &rtnl.Link{
			Index: 2, Name: "wan", Flags: upFlags, Type: 1, MTU: 1500, OperState: 6, Carrier: true,
		}}},
		{"link wan up nocarrier", rtnl.Event{Op: rtnl.New, Message: &rtnl.Link{
			Index: 2, Name: "wan", Flags: rtnl.FlagUp, Type: 1, MTU: 1500, OperState: 2,
		}}},
		{"link wan down name wan9", rtnl.Event{Op: rtnl.New, Message: &rtnl.Link{
			Index: 2, Name: "wan9", Type: 1, MTU: 1500, OperState: 2,
		}}},
		{"del link wan", rtnl.Event{Op: rtnl.Del, Message: &rtnl.Link{
			Index: 2, Name: "wan", Type: 1, MTU: 1500, OperState: 2,
		}}},
		{"link lo up", rtnl.Event{Op: rtnl.New, Message: &rtnl.Link{
			Index: 1, Name: "lo", Flags: upFlags | rtnl.FlagLoopback, Type: 772, MTU: 65536, OperState: 6, Carrier: true,
		}}},
		{"link br0 up kind bridge", rtnl.Event{Op: rtnl.New, Message: &rtnl.Link{
			Index: 3, Name: "br0", Flags: upFlags, Type: 1, MTU: 1500, OperState: 6, Carrier: true, Kind: "bridge",
		}}},
		{"add link p1 up master br0", rtnl.Event{Op: rtnl.New, Message: &rtnl.Link{
			Index: 4, Name: "p1", Flags: upFlags, Type: 1, MTU: 1500, OperState: 6, Carrier: true, Master: 3,
		}}},
		{"addr 192.0.2.9/24 dev wan", rtnl.Event{Op: rtnl.New, Message: &rtnl.Addr{
			Link: 2, Local: ip("192.0.2.9"), Net: pfx("192.0.2.0/24"), Flags: rtnl.AddrPermanent, Label: "wan",
		}}},
		{"del addr 192.0.2.9/24 dev wan secondary deprecated", rtnl.Event{Op: rtnl.Del, Message: &rtnl.Addr{
			Link: 2, Local: ip("192.0.2.9"), Net: pfx("192.0.2.0/24"), Label: "wan",
			Flags: rtnl.AddrPermanent | rtnl.AddrSecondary | rtnl.AddrDeprecated,
		}}},
		{"addr fe80::1/64 dev wan tentative dynamic", rtnl.Event{Op: rtnl.New, Message: &rtnl.Addr{
			Link: 2, Local: ip("fe80::1"), Net: pfx("fe80::/64"), Scope: rtnl.ScopeLink, Flags: rtnl.AddrTentative,
		}}},
		{"addr 192.0.2.1 peer 192.0.2.2/32 dev ppp0", rtnl.Event{Op: rtnl.New, Message: &rtnl.Addr{
			Link: 5, Local: ip("192.0.2.1"), Net: pfx("192.0.2.2/32"), Flags: rtnl.AddrPermanent, Label: "ppp0",
		}}},
		{"add rule 100: from all lookup main", rtnl.Event{Op: rtnl.New, Message: rule(func(*rtnl.Rule) {})}},
		{"del -6 rule 100: from all lookup main", rtnl.Event{Op: rtnl.Del, Message: rule(func(r *rtnl.Rule) { r.Family = rtnl.IPv6 })}},
		{"nexthop id 10 via 192.0.2.1 dev wan scope link", rtnl.Event{Op: rtnl.New, Message: &rtnl.NextHopObject{
			ID: 10, Hop: hop("192.0.2.1", 2),
		}}},
		{"replace nexthop id 20 group 10/11,5", rtnl.Event{Op: rtnl.New, Flags: 0x500, Message: &rtnl.NextHopObject{
			ID: 20, Hop: hop("", 0), Group: []rtnl.NextHopMember{{ID: 10, Weight: 1}, {ID: 11, Weight: 5}},
		}}},
		{"netconf inet6 all forwarding off ignore_routes_with_linkdown on", rtnl.Event{Op: rtnl.New, Message: &rtnl.Netconf{
			Family: rtnl.IPv6, Link: rtnl.NetconfAll, IgnoreLinkdown: true,
		}}},
	} {
		if got, err := Parse(tt.line, links); err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("Parse(%q) = %+v %+v, %v, want %+v %+v", tt.line, got, got.Message, err, tt.want, tt.want.Message)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for line, want := range map[string]string{
		"":                                       "destination missing",
		"default via":                            "via missing",
		"default via 192.0.2.300":                "no address",
		"default via fe80::1%wan":                "no address",
		"192.0.2.1/24 dev wan":                   "bits beyond",
		"192.0.2.0/24 via 2001:db8::1":           "another family",
		"2001:db8::/64 via 192.0.2.1":            "another family",
		"192.0.2.0/24 via inet6 192.0.2.1":       "another family",
		"192.0.2.0/24 dev wan pref high":         "another family",
		"default dev wan metrik 5":               `unexpected "metrik"`,
		"default dev wan metric 4294967296":      "32 bits",
		"default dev wan weight 2":               "unexpected",
		"default nexthop dev wan weight 257":     "1 to 256",
		"default nexthop weight 1":               "without via and dev",
		"default dev wan nexthop dev lan":        "before the first nexthop",
		"default onlink":                         "without a next hop",
		"default dev wan proto 300":              "above 255",
		"rule 100: from all":                     "without an action",
		"rule 100: from all lookup main nop":     "two actions",
		"rule x: from all lookup main":           "32 bits",
		"rule 1: sport 9-8 lookup main":          "above",
		"nexthop via 192.0.2.1":                  "id missing",
		"nexthop id 0":                           "0 is none",
		"nexthop id 1 group 2,0":                 "weight 0",
		"addr 192.0.2.9/24":                      "dev missing",
		"addr 192.0.2.9/24 peer 192.0.2.1 dev a": "belongs to the peer",
		"link":                                   "dev missing",
		"link wan sideways":                      "unexpected",
		"netconf wan":                            "inet or inet6 missing",
	} {
		e, err := Parse(line, new(Links))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%q) = %+v, %v, want an error about %q", line, e.Message, err, want)
		}
	}
}

// What `ip route show table all` and `ip rule show` print at once.
func TestRoutesAndRulesReadWholeOutputs(t *testing.T) {
	routes, err := Routes(`default via 192.0.2.1 dev wan proto static metric 100 
198.51.100.0/24 tos 0x10 
	nexthop via 192.0.2.1 dev wan weight 3 
	nexthop via 192.0.2.2 dev wan weight 1 
unicast 198.51.102.0/24 nhid 10 via 192.0.2.1 dev wan table main proto boot scope global 
	nh_info id 10 via 192.0.2.1 dev wan scope link proto unspec 

`, rtnl.IPv4, new(Links))
	if err != nil || len(routes) != 3 || len(routes[1].NextHops) != 2 || routes[2].NHID != 10 {
		t.Errorf("Routes = %v, %v, want three, the second with two legs, the third by nexthop 10", routes, err)
	}
	rules, err := Rules("0:\tfrom all lookup local\n101:\tfrom all lookup [l3mdev-table] proto static\n"+
		"103:\tfrom all tun_id 7 6\n32767:\tfrom all ipproto ipproto-58 iif x [detached] lookup 253\n", rtnl.IPv6)
	if err != nil || len(rules) != 4 || rules[0].Family != rtnl.IPv6 || !rules[1].L3mdev ||
		rules[2].Action != rtnl.ActionBlackhole || rules[3].IPProto != 58 {
		t.Errorf("Rules = %v, %v, want four IPv6 rules", rules, err)
	}
	events, err := Events("# a comment\nlink wan up\n\ndefault\n  nexthop dev wan # tail\n  nexthop dev lan\nnexthop id 1 dev wan\n", new(Links))
	if err != nil || len(events) != 3 {
		t.Errorf("Events = %v, %v, want a link, a route and a nexthop object", events, err)
	}
	if _, err := Events("link wan up\nnonsense\n", new(Links)); err == nil {
		t.Error("Events(nonsense) = nil, want an error")
	}
}

func TestLinksNumberNames(t *testing.T) {
	var l Links
	for _, tt := range []struct {
		name string
		want uint32
	}{{"wan", 2}, {"if3", 3}, {"lan", 4}, {"lo", 1}, {"wan", 2}, {"if4", 4}, {"if04", 5}, {"if0", 6}, {"if1", 1}} {
		if got := l.Index(tt.name); got != tt.want {
			t.Errorf("Index(%s) = %d, want %d", tt.name, got, tt.want)
		}
	}
	l.Set(2, "uplink")
	for i, want := range map[uint32]string{1: "lo", 2: "uplink", 3: "if3", 4: "lan", 9: "if9"} {
		if got := l.Name(i); got != want {
			t.Errorf("Name(%d) = %s, want %s", i, got, want)
		}
	}
	if i := l.Index("wan"); l.Name(i) != "wan" || i == 2 {
		t.Errorf("Index(wan) after its rename = %d, want a new number", i)
	}
}
