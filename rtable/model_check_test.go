package rtable_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/netmond/netmond/internal/iproute"
	"github.com/netmond/netmond/rtable"
	"github.com/netmond/netmond/rtnl"
)

// The model is held against what ip and the kernel are known to do, worked out by
// hand. What it says of a Table is worth no more than this.

func modelOf(t *testing.T, links *iproute.Links, batches ...string) *model {
	t.Helper()
	m := new(model)
	for i, text := range batches {
		events, err := iproute.Events(text, links)
		if err != nil {
			t.Fatal(err)
		}
		m.apply(rtnl.Batch{Full: i == 0, Events: events})
	}
	return m
}

func TestModelState(t *testing.T) {
	for name, tt := range map[string]struct {
		batches []string
		want    string
	}{
		"order": {
			batches: []string{"link a up", `
				add default via 192.0.2.1 dev a
				append default via 192.0.2.2 dev a
				prepend default via 192.0.2.3 dev a
				add default via 192.0.2.4 dev a metric 5
				add default tos 0x10 via 192.0.2.5 dev a
				replace default via 192.0.2.6 dev a`},
			want: `
				default tos 0x10 via 192.0.2.5 dev a
				default via 192.0.2.6 dev a
				default via 192.0.2.1 dev a
				default via 192.0.2.2 dev a
				default via 192.0.2.4 dev a metric 5`,
		},
		"legs": {
			batches: []string{"link a up\nlink b up", `
				add 2001:db8::/32 via fe80::1 dev a
				append 2001:db8::/32 nexthop via fe80::2 dev b weight 1 nexthop via fe80::1 dev a weight 1
				add 2001:db8::/32 dev a metric 5
				append 2001:db8::/32 dev b metric 5
				del 2001:db8::/32 via fe80::1 dev a`},
			want: `
				2001:db8::/32 via fe80::2 dev b
				2001:db8::/32 dev a metric 5
				2001:db8::/32 dev b metric 5`,
		},
		"link down": {
			batches: []string{"link a up\nlink b up\naddr 192.0.2.9/24 dev a", `
				add default via 192.0.2.1 dev a
				add 198.51.100.0/24 nexthop via 192.0.2.1 dev a weight 1 nexthop via 203.0.113.1 dev b weight 1
				add local 192.0.2.9 dev a table local scope host
				add unreachable 203.0.113.0/24
				add -6 default via fe80::1 dev a`, "link a down"},
			want: `
				198.51.100.0/24 nexthop via 192.0.2.1 dev a weight 1 nexthop via 203.0.113.1 dev b weight 1
				unreachable 203.0.113.0/24
				local 192.0.2.9 dev a table local scope host`,
		},
		"last address": {
			batches: []string{"link a up\nlink b up\naddr 192.0.2.9/24 dev a\naddr 192.0.2.10/24 dev a\naddr 2001:db8::9/64 dev a", `
				add default via 192.0.2.1 dev a
				add 198.51.100.0/24 dev b src 192.0.2.10
				add 203.0.113.0/24 dev b
				add -6 default via fe80::1 dev b src 2001:db8::9`, "del addr 192.0.2.10/24 dev a", "del addr 192.0.2.9/24 dev a\ndel addr 2001:db8::9/64 dev a"},
			want: `
				203.0.113.0/24 dev b
				default via fe80::1 dev b`,
		},
		"objects": {
			batches: []string{"link a up\nlink b up\nnexthop id 1 via 192.0.2.1 dev a\nnexthop id 2 dev b\nnexthop id 3 group 1/2", `
				add 198.51.100.0/24 nhid 1
				add 203.0.113.0/24 nhid 3`, "link a up nocarrier"},
			want: `
				203.0.113.0/24 nhid 3 dev b`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			var links iproute.Links
			m := modelOf(t, &links, tt.batches...)
			if got, want := m.String(), strings.ReplaceAll(strings.TrimSpace(tt.want), "\t", "")+"\n"; got != want {
				t.Errorf("the model holds\n%swant\n%s", got, want)
			}
		})
	}
}

func TestModelLookup(t *testing.T) {
	var links iproute.Links
	m := modelOf(t, &links, `
		link lo up
		link a up
		link b up
		addr 192.0.2.9/24 dev a
		rule 0: from all lookup local
		rule 10: from all fwmark 0x1 goto 30
		rule 20: from all to 203.0.113.0/24 lookup 100 suppress_prefixlength 0
		rule 30: from all lookup main
		local 192.0.2.9 dev a table local scope host
		192.0.2.0/24 dev a scope link
		default via 192.0.2.1 dev a
		198.51.100.0/25 via 192.0.2.2 dev a
		unreachable 198.51.100.128/25
		default dev b table 100
		203.0.113.128/25 dev b table 100
		-6 rule 30: from all lookup main
		-6 default from 2001:db8::/32 via fe80::1 dev a
		-6 default via fe80::2 dev b metric 5`)
	a := netip.MustParseAddr
	for _, tt := range []struct {
		q    rtable.Query
		want string
	}{
		{rtable.Query{Dst: a("192.0.2.9")}, "0: local dev a"},
		{rtable.Query{Dst: a("192.0.2.8")}, "30: dev a"},
		{rtable.Query{Dst: a("198.51.100.1")}, "30: via 192.0.2.2 dev a"},
		{rtable.Query{Dst: a("198.51.100.129")}, "30: EHOSTUNREACH unreachable 198.51.100.128/25"},
		{rtable.Query{Dst: a("198.51.100.1"), Src: a("192.0.2.10")}, "ENETUNREACH"},
		{rtable.Query{Dst: a("198.51.100.1"), Oif: links.Index("b")}, "ENETUNREACH"},
		{rtable.Query{Dst: a("203.0.113.129")}, "20: dev b"},
		{rtable.Query{Dst: a("203.0.113.129"), Mark: 1}, "30: via 192.0.2.1 dev a"},
		{rtable.Query{Dst: a("203.0.113.1")}, "30: via 192.0.2.1 dev a"},
		{rtable.Query{Dst: a("2001:db8:1::1")}, "30: via fe80::2 dev b"},
		{rtable.Query{Dst: a("2001:db8:1::1"), Src: a("2001:db8::9")}, "30: via fe80::1 dev a"},
		{rtable.Query{Dst: a("2001:db8:1::1"), Oif: 99}, "ENODEV"},
	} {
		ans, ok := m.lookup(tt.q)
		if got := answer(ans, m.linkName); got != tt.want || ok != (ans.Errno == 0) {
			t.Errorf("lookup(%+v) = %s, %v, want %s", tt.q, got, ok, tt.want)
		}
	}
}
