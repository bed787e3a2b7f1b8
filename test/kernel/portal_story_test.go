//go:build linux

package kernel

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// TestPortalLetsIn: a portal that redirects until somebody has logged in. Its page
// is on the bus and in status meanwhile; afterwards a check that a client asks
// for finds the Internet, and so does the schedule.
func TestPortalLetsIn(t *testing.T) {
	t.Parallel()
	kernel(t, func(t *testing.T) {
		const page = "http://portal.example.net/login"
		i := newInternet(t)
		var in atomic.Bool
		i.web(t, host+":80", func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.Host == portalName && r.Method == http.MethodPost:
				in.Store(true)
			case !in.Load():
				redirect(page)(w, r)
			default:
				noContent(w, r)
			}
		})
		i.resolver(t, wan0Gateway, zone{probeName: host, portalName: host})
		lease(t, wan0, "DNS="+wan0Gateway)
		do(t, "route add default via "+wan0Gateway)
		d, b := runDaemon(t, "-close", "none", "-probe", probeURL)
		s := &stage{daemon: d, bus: b}
		login := func(t *testing.T) {
			t.Helper()
			r, err := http.NewRequest(http.MethodPost, "http://"+host+"/login", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Host = portalName
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
		}

		m := b.result(t, wan0, "ipv4", "Captive")
		if want := `{"type":"cpd","result":"Captive","dev":"wan0","url":"` + page + `","family":"ipv4"}`; string(m.Msg) != want {
			t.Errorf("the bus says %s, want %s", m.Msg, want)
		}
		s.knows(t, "wan0/4 Captive "+page)
		if text := command(t, 0, "status"); !strings.Contains(text, "Captive") || !strings.Contains(text, page) {
			t.Errorf("status prints\n%s", text)
		}
		if v := check(t, 1)["wan0/4"]; v.Result != "Captive" || v.URL != page {
			t.Errorf("check says %+v", v)
		}

		b.mark(t)
		b.forget()
		login(t)
		command(t, 0, "send", "network", `{"trigger":"cpdcheck"}`)
		if m := b.result(t, wan0, "ipv4", "OK"); m.URL != "" {
			t.Errorf("the bus says %s", m.Msg)
		}
		s.knows(t, "wan0/4 OK")

		// The lease is up; once that is known, nobody but the schedule asks again.
		in.Store(false)
		b.mark(t)
		b.forget()
		command(t, 0, "send", "network", `{"trigger":"cpdcheck"}`)
		b.result(t, wan0, "ipv4", "Captive")
		b.mark(t)
		b.forget()
		login(t)
		b.result(t, wan0, "ipv4", "OK")
		s.knows(t, "wan0/4 OK")
		check(t, 0)
	})
}

// TestPortalRestartsCheck: a newer change ends a check that still runs. Its gateway
// leads nowhere; the next one is good, on another link or on the same, and that
// alone counts, at once and for good.
func TestPortalRestartsCheck(t *testing.T) {
	t.Parallel()
	kernel(t, func(t *testing.T) {
		i := newInternet(t)
		dead := i.web(t, host+":80", silence)
		i.web(t, otherHost+":80", noContent)
		i.resolver(t, wan0Gateway, zone{probeName: host})
		i.resolver(t, wan1Gateway, zone{probeName: otherHost})
		lease(t, wan0, "DNS="+wan0Gateway)
		lease(t, wan1, "DNS="+wan1Gateway)
		// Longer than the whole test: whoever waits for a probe's end is found out.
		d, b := runDaemon(t, "-close", "none", "-probe", probeURL, "-probe-timeout", "60s")
		s := &stage{daemon: d, bus: b}
		asked := func(t *testing.T) {
			t.Helper()
			i.await(t, "a probe of wan0", func(r request) bool { return r.at.String() == host && strings.HasPrefix(r.what, "GET ") })
		}

		t.Run("by another link", func(t *testing.T) {
			do(t, "route add default via "+wan0Gateway+" metric 10")
			asked(t)
			do(t, "route del default metric 10", "route add default via "+wan1Gateway+" metric 10")
			b.result(t, wan1, "ipv4", "OK")
			s.knows(t, "wan1/4 OK")
			s.silent(t, wan0)
			do(t, "route del default")
		})
		t.Run("by the same link", func(t *testing.T) {
			const second = "192.0.2.4"
			i.forget()
			do(t, "-n peer address add "+second+"/25 dev peer0", "route add default via "+wan0Gateway+" metric 10")
			asked(t)
			b.mark(t)
			b.forget()
			dead.does(noContent)
			do(t, "route replace default via "+second+" metric 10")
			b.result(t, wan0, "ipv4", "OK")
			s.knows(t, "wan0/4 OK")
		})
		t.Run("by a client", func(t *testing.T) {
			dead.does(silence)
			i.forget()
			command(t, 0, "send", "network", `{"trigger":"cpdcheck"}`)
			asked(t)
			b.mark(t)
			b.forget()
			dead.does(noContent)
			command(t, 0, "send", "network", `{"trigger":"cpdcheck"}`)
			b.result(t, wan0, "ipv4", "OK")
			s.knows(t, "wan0/4 OK")
		})
		t.Run("and the storm costs a handful", func(t *testing.T) {
			i.forget()
			b.mark(t)
			b.forget()
			for range 50 {
				do(t, "route del default", "route add default via "+wan0Gateway+" metric 10")
			}
			b.result(t, wan0, "ipv4", "OK")
			b.mark(t)
			probes := 0
			for _, r := range i.all() {
				if strings.HasPrefix(r.what, "GET ") {
					probes++
				}
			}
			if probes == 0 || probes > 5 {
				t.Errorf("100 changes of the gateway cost %d probes", probes)
			}
		})
	})
}

// silent shows that no result of a link has been told up to now.
func (s *stage) silent(t testing.TB, dev string) {
	t.Helper()
	s.bus.mark(t)
	if got := s.bus.all(func(m payload) bool { return m.Type == "cpd" && m.Dev == dev }); len(got) > 0 {
		t.Errorf("the bus says %q of %s, where no check has ended", got, dev)
	}
}
