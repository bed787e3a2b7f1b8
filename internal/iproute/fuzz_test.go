package iproute

import (
	"reflect"
	"testing"

	"github.com/netmond/netmond/rtnl"
)

// FuzzParseRoute calls ParseRoute: it ends without a panic, and what it reads is
// read again from what rtnl prints.
func FuzzParseRoute(f *testing.F) {
	f.Add("default via 192.0.2.1 dev wan proto static metric 100", uint8(0))
	f.Add("unicast default dev if3 table main proto ra scope global metric 1024 expires 9sec pref low", rtnl.IPv6)
	f.Add("198.51.100.0/24 tos 0x10 nexthop via inet6 fe80::1 dev wan weight 3 onlink nexthop dev lo weight 256", rtnl.IPv4)
	f.Add("unreachable 2001:db8::/32 from 2001:db8:1::/48 dev lo nhid 7 table 51820 mtu lock 1400", uint8(0))
	f.Fuzz(func(t *testing.T, line string, family uint8) {
		if family != rtnl.IPv4 && family != rtnl.IPv6 {
			family = 0
		}
		var links Links
		r, err := ParseRoute(line, family, &links)
		if err != nil {
			return
		}
		text := string(r.Append(nil, links.Name))
		again, err := ParseRoute(text, r.Family(), &links)
		if err != nil || !reflect.DeepEqual(r, again) {
			t.Errorf("ParseRoute(%q) = %v, %v, want %v", text, again, err, r)
		}
	})
}

// FuzzParse calls Parse and Format in the same way, for every kind of line.
func FuzzParse(f *testing.F) {
	g := newGen(1)
	for range 20 {
		f.Add(Format(g.event(), g.links))
	}
	f.Fuzz(func(t *testing.T, line string) {
		var links Links
		e, err := Parse(line, &links)
		if err != nil {
			return
		}
		text := Format(e, &links)
		again, err := Parse(text, &links)
		if err != nil || !reflect.DeepEqual(e, again) {
			t.Errorf("Parse(%q), read from %q, = %+v %+v, %v, want %+v %+v", text, line, again, again.Message, err, e, e.Message)
		}
	})
}
