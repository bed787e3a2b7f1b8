//go:build linux

package kernel

import (
	"net/netip"
	"strings"
	"testing"
)

// TestPortalOnEachUplink has the Internet behind one uplink and a portal or
// nothing behind the other, in both families: each is told apart by itself,
// whichever way leads to it, and what one operator's resolver says is used for
// no other.
func TestPortalOnEachUplink(t *testing.T) {
	t.Parallel()
	kernel(t, func(t *testing.T) {
		const login = "http://portal.example.net/login?from=wan1"
		i := newInternet(t)
		i.web(t, host+":80", noContent)
		i.web(t, "["+host6+"]:80", noContent)
		i.web(t, otherHost+":80", redirect(login))
		i.resolver(t, wan0Gateway, zone{probeName: host + " " + host6})
		i.resolver(t, wan1Gateway, zone{probeName: otherHost + " " + otherHost6}) // nobody there over IPv6
		lease(t, wan0, "DNS="+wan0Gateway)
		lease(t, wan1, "DNS="+wan1Gateway)
		do(t, "route add default via "+wan0Gateway+" metric 10", "-6 route add default via "+wan0Gateway6+" metric 10")
		d, b := runDaemon(t, "-probe", probeURL, "-close", "none")
		s := &stage{daemon: d, bus: b}
		b.result(t, wan0, "ipv4", "OK")
		b.result(t, wan0, "ipv6", "OK")

		for _, c := range []struct {
			name     string
			do, undo []string
		}{
			{
				"by a worse metric",
				[]string{"route add default via " + wan1Gateway + " metric 20", "-6 route add default via " + wan1Gateway6 + " metric 2000"},
				[]string{"route del default metric 20", "-6 route del default metric 2000"},
			},
			{
				"in a table of its own, for its source",
				[]string{"rule add from " + wan1Addr + " table 100", "-6 rule add from " + wan1Addr6 + " table 100",
					"route add default via " + wan1Gateway + " table 100", "-6 route add default via " + wan1Gateway6 + " table 100"},
				[]string{"rule del table 100", "-6 rule del table 100", "route flush table 100", "-6 route flush table 100"},
			},
			{
				"in a table of its own, for a mark",
				[]string{"rule add fwmark 0x200/0x3f00 table 100", "-6 rule add fwmark 0x200/0x3f00 table 100",
					"route add default via " + wan1Gateway + " table 100", "-6 route add default via " + wan1Gateway6 + " table 100"},
				[]string{"rule del table 100", "-6 rule del table 100", "route flush table 100", "-6 route flush table 100"},
			},
		} {
			t.Run(c.name, func(t *testing.T) {
				i.forget()
				b.forget()
				do(t, c.do...)
				defer do(t, c.undo...)

				m := b.result(t, wan1, "ipv4", "Captive")
				if want := `{"type":"cpd","result":"Captive","dev":"wan1","url":"` + login + `","family":"ipv4"}`; string(m.Msg) != want {
					t.Errorf("the bus says %s, want %s", m.Msg, want)
				}
				b.result(t, wan1, "ipv6", "No internet")
				s.knows(t, "wan0/4 OK", "wan0/6 OK", "wan1/4 Captive "+login, "wan1/6 No internet")

				// The best counts for the exit code, and with a link's name only that one.
				for _, without := range []string{"", elsewhere + " -probe=" + probeURL} {
					with := strings.Fields(without)
					all := check(t, 0, with...)
					if len(all) != 4 || all["wan0/4"].Result != "OK" || all["wan0/4"].Status != 204 || all["wan0/6"].Result != "OK" {
						t.Errorf("check %s says %+v", without, all)
					}
					if v := all["wan1/6"]; v.Result != "No internet" || v.Error == "" || v.Status != 0 || v.URL != "" {
						t.Errorf("check %s says %+v of wan1 by IPv6", without, v)
					}
					one := check(t, 1, append(with, "-dev", wan1)...)
					if v := one["wan1/4"]; len(one) != 2 || v.Result != "Captive" || v.URL != login || v.Status != 302 || v.Error != "" {
						t.Errorf("check -dev wan1 %s says %+v", without, one)
					}
				}
				i.keptApart(t)
			})
			b.forget()
			b.mark(t)
		}
	})
}

// knows checks what status says of the uplinks, in any order.
func (s *stage) knows(t testing.TB, want ...string) {
	t.Helper()
	got := make(map[string]bool)
	for _, u := range status(t).Uplinks {
		got[strings.TrimSpace(u.Dev+map[int]string{4: "/4 ", 6: "/6 "}[u.Family]+u.CPD+" "+u.URL)] = true
	}
	for _, w := range want {
		if !got[w] || len(got) != len(want) {
			t.Errorf("status knows %v, want %q", got, want)
			return
		}
	}
}

// keptApart checks that each operator's servers heard from their own uplink alone,
// and that all of them heard something.
func (i *internet) keptApart(t testing.TB) {
	t.Helper()
	clients := map[string][]string{
		wan0Gateway: {wan0Addr}, host: {wan0Addr}, host6: {wan0Addr6},
		wan1Gateway: {wan1Addr}, otherHost: {wan1Addr},
	}
	asked := make(map[netip.Addr]bool)
	for _, r := range i.all() {
		asked[r.at] = true
		for _, c := range clients[r.at.String()] {
			if r.from.String() != c {
				t.Errorf("%v, want nobody but %s", r, c)
			}
		}
	}
	for at := range clients {
		if !asked[netip.MustParseAddr(at)] {
			t.Errorf("%s was not asked at all; heard %v", at, i.log)
		}
	}
}
