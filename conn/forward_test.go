package conn_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/netmond/netmond/conn"
)

// router is the state in which each case begins: two uplinks, and a LAN whose
// flows are translated.
const router = `link lo up
link wan up
link lte up
link lan up
addr 127.0.0.1/8 dev lo
addr 192.0.2.2/25 dev wan
addr 192.0.2.130/25 dev lte
addr 10.0.0.1/24 dev lan
addr 2001:db8::2/64 dev wan
addr 2001:db8:1::2/64 dev lte
192.0.2.0/25 dev wan scope link src 192.0.2.2
192.0.2.128/25 dev lte scope link src 192.0.2.130
10.0.0.0/24 dev lan scope link src 10.0.0.1
2001:db8::/64 dev wan metric 256
2001:db8:1::/64 dev lte metric 256
fd00::/64 dev lan metric 256
rule 0: from all lookup local
rule 32766: from all lookup main
-6 rule 0: from all lookup local
-6 rule 32766: from all lookup main
`

func TestAssessForwarded(t *testing.T) {
	const wan, lte = "default via 192.0.2.1 dev wan", "default via 192.0.2.129 dev lte"
	const wan6, lte6 = "-6 default via 2001:db8::1 dev wan metric 1024", "-6 default via 2001:db8:1::1 dev lte metric 1024"
	for _, tt := range []struct {
		name          string
		before, after string // lines of events, parted by ";"
		local         string // of the flow; 192.0.2.2 by default
		remote        string // 198.51.100.7 by default
		client        string // 10.0.0.7 by default
		mark          uint32
		want          string // the reason, why it is exempt, and the link it left by
	}{
		{name: "nothing", before: wan, want: "keep by wan"},
		{name: "source gone", before: wan, after: "del addr 192.0.2.2/25 dev wan", want: "source-gone by wan"},
		{name: "source gone, no path before", after: "del addr 192.0.2.2/25 dev wan", want: "source-gone"},
		{name: "source gone, ipv6", before: wan6, after: "del addr 2001:db8::2/64 dev wan",
			local: "2001:db8::2", remote: "2001:db8:ff::7", want: "source-gone by wan"},
		{name: "default moved", before: wan, after: "del " + wan + ";add " + lte, want: "rerouted by wan"},
		{name: "better default", before: wan + " metric 20", after: "add " + lte + " metric 10", want: "rerouted by wan"},
		{name: "default moved, ipv6", before: wan6, after: "del " + wan6 + ";add " + lte6,
			local: "2001:db8::2", remote: "2001:db8:ff::7", want: "rerouted by wan"},
		{name: "rule for the LAN", before: wan, after: "add " + lte + " table 100;rule 100: from all iif lan lookup 100", want: "rerouted by wan"},
		{name: "rule for another link", before: wan, after: "add " + lte + " table 100;rule 100: from all iif wan lookup 100", want: "keep by wan"},
		{name: "rule for its translated source", before: wan, after: "add " + lte + " table 100;rule 100: from 192.0.2.2 lookup 100", want: "keep by wan"},
		{name: "rule for the client", before: wan, after: "add " + lte + " table 100;rule 100: from 10.0.0.7 lookup 100", want: "rerouted by wan"},
		{name: "no route now", before: wan, after: "del " + wan, want: "keep by wan"},
		{name: "unreachable now", before: wan, after: "add unreachable 198.51.100.0/24", want: "keep by wan"},
		{name: "no path before", after: "add " + lte, want: "keep"},
		{name: "translated for a link that it did not leave by", before: lte, after: "del " + lte + ";add default via 10.0.0.2 dev lan", want: "keep by lte"},
		{name: "another gateway of the link", before: wan, after: "del " + wan + ";add default via 192.0.2.9 dev wan", want: "keep by wan"},
		{name: "a second leg", before: wan, after: "del " + wan + ";add default nexthop via 192.0.2.1 dev wan weight 1 nexthop via 192.0.2.129 dev lte weight 1",
			want: "keep by wan"},
		{name: "the address went along", before: wan, after: "addr 192.0.2.2/32 dev lte;del " + wan + ";add " + lte, want: "keep by wan"},
		{name: "another peer", before: wan, after: "add 203.0.113.0/24 via 192.0.2.129 dev lte", want: "keep by wan"},
		{name: "marked", before: wan, after: "del " + wan + ";add " + lte, mark: 0x100, want: "keep (is routed by its mark)"},
		{name: "packets may be marked", before: wan + ";" + wan + " table 256;rule 100: from all fwmark 0x10000/0xff0000 lookup 256",
			after: "del " + wan + ";add " + lte, want: "keep (may be routed by a mark of its packets, or their type of service)"},
		{name: "packets may be of a type of service", before: wan + ";" + wan + " table 256;rule 100: from all tos 0x10 lookup 256",
			after: "del " + wan + ";add " + lte, want: "keep (may be routed by a mark of its packets, or their type of service)"},
		{name: "packets may be marked, which helps none", before: wan + ";rule 100: from all fwmark 0x80000/0xff0000 lookup main",
			after: "del " + wan + ";add " + lte, want: "rerouted by wan"},
		{name: "wireguard comes", before: wan, after: "link wg0 up;addr 198.18.0.2/24 dev wg0;add default dev wg0 table 51820 scope link;" +
			"rule 32764: from all lookup main suppress_prefixlength 0;rule 32765: not from all fwmark 0xca6c lookup 51820", want: "rerouted by wan"},
		{name: "own", before: wan, after: "add " + lte + " table 100;rule 100: from all iif lo lookup 100", client: "10.0.0.1", want: "rerouted by wan"},
		{name: "own, rule for the LAN", before: wan, after: "add " + lte + " table 100;rule 100: from all iif lan lookup 100", client: "10.0.0.1", want: "keep by wan"},
		{name: "pool", before: wan, after: "del " + wan + ";add " + lte, local: "192.0.2.77",
			want: "keep (is translated to an address that was never this device's)"},
		{name: "own peer", before: wan, after: "del addr 192.0.2.2/25 dev wan", remote: "192.0.2.130", want: "keep (has a peer on this device)"},
		{name: "peer has become own", before: wan, after: "addr 198.51.100.7/32 dev lte", want: "keep (has a peer on this device)"},
	} {
		t.Run(strings.ReplaceAll(tt.name, " ", "-"), func(t *testing.T) {
			w := newWorld(t)
			w.events(router + strings.ReplaceAll(tt.before, ";", "\n"))
			w.step()
			if tt.after != "" {
				w.events(strings.ReplaceAll(tt.after, ";", "\n"))
			}
			addr := func(s, fallback string) netip.Addr {
				if s == "" {
					s = fallback
				}
				return netip.MustParseAddr(s)
			}
			local, remote := addr(tt.local, "192.0.2.2"), addr(tt.remote, "198.51.100.7")
			client := addr(tt.client, "10.0.0.7")
			if local.Is6() {
				client = netip.MustParseAddr("fd00::7")
			}
			f := conn.Flow{
				Proto: conn.TCP, State: conn.Established, MarkKnown: true, Mark: tt.mark,
				Local: netip.AddrPortFrom(local, 4000), Remote: netip.AddrPortFrom(remote, 443),
				Client: netip.AddrPortFrom(client, 4000), Dialled: netip.AddrPortFrom(remote, 443),
			}
			v := conn.AssessForwarded(w.old, w.view(), f)
			got := v.Reason.String()
			if v.Exempt != "" {
				got += " (" + v.Exempt + ")"
			}
			if v.Link != 0 && v.Exempt == "" {
				got += " by " + w.old.LinkName(v.Link)
			}
			if got != tt.want {
				t.Errorf("AssessForwarded = %s, want %s\nbefore:\n%s\nafter:\n%s", got, tt.want, w.old, w.view())
			}
		})
	}
}
