package rtnl_test

import (
	"context"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/netmond/netmond/internal/iproute"
	"github.com/netmond/netmond/rtnl"
)

// scene is a namespace with something of everything that has a text.
const scene = `
ip link set lo up
ip link add wan type veth peer name p
sysctl -qw net.ipv6.conf.wan.addr_gen_mode=1 net.ipv6.conf.p.addr_gen_mode=1
ip link set p up; ip link set wan up
ip addr add 192.0.2.9/24 dev wan; ip -6 addr add 2001:db8::9/64 dev wan nodad

ip route add default via 192.0.2.1 metric 100 proto static
ip route append default via 192.0.2.2 metric 100 proto 77
ip route add 198.51.100.0/24 tos 0x10 nexthop via 192.0.2.1 dev wan weight 3 nexthop via inet6 fe80::1 dev wan onlink
ip route add 203.0.113.0/24 via inet6 fe80::1 dev wan onlink mtu lock 1400
ip route add 203.0.113.7 dev p scope link src 192.0.2.9
for t in throw prohibit blackhole unreachable; do ip route add $t 198.51.101.0/24 table 10$(echo $t | wc -c); done
ip nexthop add id 10 via 192.0.2.1 dev wan; ip nexthop add id 11 via 192.0.2.2 dev wan proto static
ip nexthop add id 20 group 10/11,5; ip nexthop add id 30 blackhole; ip nexthop add id 40 via 2001:db8::1 dev wan onlink
ip nexthop add id 50 via 192.0.2.7 fdb
ip route add 198.51.102.0/24 nhid 20; ip route add 198.51.103.0/24 nhid 10; ip route add 198.51.104.0/24 nhid 30

ip -6 route add default via fe80::1 dev wan proto ra metric 1024 expires 1800 pref high
ip -6 route add default from 2001:db8:2::/48 via 2001:db8::1 pref low
ip -6 route add 2001:db8:1::/48 nexthop via 2001:db8::1 nexthop via 2001:db8::2 weight 4
ip -6 route add 2001:db8:3::/48 nhid 40; ip -6 route add 2001:db8:4::/48 dev wan table 51820 src 2001:db8::9
for t in throw prohibit blackhole unreachable; do ip -6 route add $t 2001:db8:5::/48 table 10$(echo $t | wc -c); done

ip link add gone type veth peer name q; ip link set gone up; ip link set q up
ip addr add 192.0.2.130/25 dev gone; ip -6 addr add 2001:db8:9::9/64 dev gone nodad
ip route add 198.51.105.0/24 nexthop via 192.0.2.1 dev wan nexthop via 192.0.2.129 dev gone
ip -6 route add 2001:db8:6::/48 nexthop via 2001:db8::1 nexthop via 2001:db8:9::1
ip link set gone down

ip rule add not from 192.0.2.0/25 to 198.51.100.0/24 tos 0x10 fwmark 5/0xff iif wan oif tun9 uidrange 0-0 ipproto tcp sport 1-2 dport 53 pref 100 lookup 51820 suppress_prefixlength 0 suppress_ifgroup 3
ip rule add pref 101 l3mdev uidrange 0-0 protocol static; ip rule add pref 102 goto 32766; ip rule add pref 103 tun_id 7 blackhole
ip rule add pref 104 nop; ip rule add pref 105 unreachable fwmark 5/0; ip rule add pref 106 fwmark 0/1 prohibit; ip rule add pref 107 goto 200
ip -6 rule add not fwmark 0xca6c pref 102 lookup 51820; ip -6 rule add pref 103 lookup main suppress_prefixlength 0 iif lo from 2001:db8::9
`

// ip prints more than rtnl keeps, and what goes without saying.
var (
	unsaid = regexp.MustCompile(` pref medium| metric 0\b| mtu lock \d+| expires -?\d+sec| error -?\d+| linkdown` +
		`| \[detached\]| \[unresolved\]`)
	legs   = regexp.MustCompile(`\s*\n\s+nexthop `)
	spaces = regexp.MustCompile(`[ \t]+`)
)

// normal is ip's output, a line an object, without what rtnl leaves out.
func normal(out string) []string {
	var lines []string
	for _, line := range strings.Split(strings.TrimSpace(legs.ReplaceAllString(out, " nexthop ")), "\n") {
		line = unsaid.ReplaceAllString(spaces.ReplaceAllString(line, " "), "")
		lines = append(lines, strings.TrimSpace(strings.Replace(line, "ipproto tcp", "ipproto 6", 1)))
	}
	return lines
}

// What Watch reads of a namespace prints as ip prints it, and internal/iproute
// reads from ip's output what Watch reads from the kernel.
func TestTextIsWhatIPPrints(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	sh(t, scene)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var (
		links    iproute.Links
		routes   = map[uint8][]*rtnl.Route{}
		rules    = map[uint8][]*rtnl.Rule{}
		nexthops []*rtnl.NextHopObject
	)
	for batch, err := range rtnl.Watch(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range batch.Events {
			switch m := e.Message.(type) {
			case *rtnl.Link:
				links.Set(m.Index, m.Name)
			case *rtnl.Route:
				r := *m
				r.Expires = 0 // ip's is in the past
				routes[r.Family()] = append(routes[r.Family()], &r)
			case *rtnl.Rule:
				rules[m.Family] = append(rules[m.Family], m)
			case *rtnl.NextHopObject:
				nexthops = append(nexthops, m)
			}
		}
		if !batch.More {
			break
		}
	}
	for fam, option := range map[uint8]string{rtnl.IPv4: "-4", rtnl.IPv6: "-6"} {
		var text []string
		for _, r := range routes[fam] {
			text = append(text, string(r.Append(nil, links.Name)))
		}
		compare(t, "route", text, normal(sh(t, "ip "+option+" route show table all")))
		read, err := iproute.Routes(sh(t, "ip -d "+option+" route show table all"), fam, &links)
		if err != nil {
			t.Error(err)
		}
		compare(t, "route read by iproute", routes[fam], read)

		text = nil
		for _, r := range rules[fam] {
			text = append(text, r.String())
		}
		compare(t, "rule", text, normal(sh(t, "ip "+option+" rule show")))
		readRules, err := iproute.Rules(sh(t, "ip -d "+option+" rule show"), fam)
		if err != nil {
			t.Error(err)
		}
		compare(t, "rule read by iproute", rules[fam], readRules)
	}
	var read []*rtnl.NextHopObject
	for _, line := range normal(sh(t, "ip nexthop show")) {
		e, err := iproute.Parse("nexthop "+line, &links)
		if err != nil {
			t.Error(err)
			continue
		}
		read = append(read, e.Message.(*rtnl.NextHopObject))
	}
	compare(t, "nexthop read by iproute", nexthops, read)
	if len(routes[rtnl.IPv4]) < 15 || len(routes[rtnl.IPv6]) < 12 || len(rules[rtnl.IPv4]) != 11 || len(nexthops) != 6 {
		t.Errorf("%d and %d routes, %d IPv4 rules, %d nexthops: the scene is not complete", len(routes[rtnl.IPv4]),
			len(routes[rtnl.IPv6]), len(rules[rtnl.IPv4]), len(nexthops))
	}
}

// compare holds two lists against each other, in order.
func compare[T any](t *testing.T, what string, got, want []T) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			t.Errorf("%s %d missing, want %+v", what, i, want[i])
		case i >= len(want):
			t.Errorf("%s %d = %+v, want none", what, i, got[i])
		case !reflect.DeepEqual(got[i], want[i]):
			t.Errorf("%s %d = %+v, want %+v", what, i, got[i], want[i])
		}
	}
}
