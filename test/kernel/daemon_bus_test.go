//go:build linux

package kernel

import (
	"slices"
	"strings"
	"syscall"
	"testing"
)

// TestBus checks what the daemon tells of what the kernel does: which messages,
// how they are written, and how many of them.
func TestBus(t *testing.T) {
	t.Parallel()
	kernel(t, func(t *testing.T) {
		s := newStage(t, "-probe", "http://"+host+"/")
		s.internet.serve(t, ":80", "HTTP/1.1 204 No Content\r\n\r\n")
		isRoute := func(m payload) bool { return m.RT != "" && m.Dst != "203.0.113.253" }
		isTrigger := func(m payload) bool { return m.Trigger != "" }

		// expect checks the messages of one kind since the last forget, in any order.
		expect := func(t *testing.T, kind func(payload) bool, want ...string) {
			t.Helper()
			s.informed(t)
			got := s.bus.all(kind)
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("the bus says\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
			}
			s.bus.forget()
		}
		// settled waits for the trigger that tells of a settled change of gateways.
		settled := func(t *testing.T) {
			t.Helper()
			m := s.bus.await(t, "the trigger", isTrigger)
			if string(m.Msg) != `{"trigger":"cpdcheck","src":"gw-change"}` || m.Class != "network" {
				t.Errorf("the trigger is %s in class %s", m.Msg, m.Class)
			}
		}
		run := func(name string, f func(t *testing.T)) {
			t.Run(name, func(t *testing.T) {
				defer s.reset(t)
				s.bus.forget()
				f(t)
			})
		}

		run("routes", func(t *testing.T) {
			do(t, "route add default via "+wan0Gateway+" metric 10")
			expect(t, isRoute, `{"rt":"add","dst":"default","gw":"192.0.2.1","dev":"wan0","table":254,"metric":10}`)
			do(t, "route replace default via "+wan0Gateway+" metric 10") // the kernel says nothing
			expect(t, isRoute)
			do(t, "route del default metric 10")
			expect(t, isRoute, `{"rt":"del","dst":"default","gw":"192.0.2.1","dev":"wan0","table":254,"metric":10}`)
			do(t, "-6 route add 2001:db8:fe::/48 via "+wan0Gateway6+" table 100 metric 7", "route add 203.0.113.9 dev wan1", "route add unreachable 203.0.113.8")
			expect(t, isRoute,
				`{"rt":"add","dst":"2001:db8:fe::/48","gw":"2001:db8::1","dev":"wan0","table":100,"metric":7}`,
				`{"rt":"add","dst":"203.0.113.9","dev":"wan1","table":254,"metric":0}`,
				`{"rt":"add","dst":"203.0.113.8","table":254,"metric":0}`)
		})
		run("what the kernel removes in silence", func(t *testing.T) {
			do(t, "route add default via "+wan0Gateway+" metric 10", "link set wan0 down")
			s.informed(t)
			implied := func(m payload) bool { return isRoute(m) && m.Dst == "default" }
			expect(t, implied,
				`{"rt":"add","dst":"default","gw":"192.0.2.1","dev":"wan0","table":254,"metric":10}`,
				`{"rt":"del","dst":"default","gw":"192.0.2.1","dev":"wan0","table":254,"metric":10,"implied":true}`)
		})
		run("links", func(t *testing.T) {
			isLink := func(m payload) bool { return m.Type == "link" }
			do(t, "link set wan1 down")
			expect(t, isLink, `{"type":"link","dev":"wan1","up":false,"carrier":false}`)
			do(t, "-n peer link set peer0 down")
			s.bus.await(t, "the loss of the carrier", isLink)
			expect(t, isLink, `{"type":"link","dev":"wan0","up":true,"carrier":false}`)
			do(t, "link add spare type veth peer name spare netns peer")
			expect(t, isLink, `{"type":"link","dev":"spare","up":false,"carrier":false}`)
			do(t, "link del spare")
			expect(t, isLink, `{"type":"link","dev":"spare","up":false,"carrier":false}`)
		})
		run("one trigger for each settled change of gateways", func(t *testing.T) {
			do(t, "route add default via "+wan0Gateway+" metric 10", "route add default via "+wan1Gateway+" metric 20",
				"route replace default via "+wan1Gateway+" metric 10", "route replace default via "+wan0Gateway+" metric 10")
			settled(t)
			s.bus.forget()
			do(t, "route add 203.0.113.0/26 dev wan0", "route del 203.0.113.0/26") // no gateway, no default
			do(t, "-6 route add default via "+wan0Gateway6)
			settled(t)
			expect(t, isTrigger, `{"trigger":"cpdcheck","src":"gw-change"}`)
			do(t, "link set wan1 down") // its default goes in silence
			settled(t)
			expect(t, isTrigger, `{"trigger":"cpdcheck","src":"gw-change"}`)
		})
		run("checks", func(t *testing.T) {
			isCheck := func(m payload) bool { return m.Type == "cpd" }
			do(t, "route add default via "+wan0Gateway)
			m := s.bus.await(t, "the check of a new uplink", isCheck)
			if m.Result != "OK" || m.Dev != wan0 || !strings.HasPrefix(string(m.Msg), `{"type":"cpd","result":"OK","dev":"wan0"`) {
				t.Errorf("the check of a new uplink says %s", m.Msg)
			}
			s.bus.forget()
			command(t, 0, "send", "network", `{"trigger":"cpdcheck"}`)
			if m := s.bus.await(t, "the check that a client asked for", isCheck); m.Result != "OK" {
				t.Errorf("the check that a client asked for says %s", m.Msg)
			}
		})
		run("flows", func(t *testing.T) {
			do(t, "route add default via "+wan0Gateway+" metric 10")
			s.informed(t)
			w := s.device.dial(t, to(host))
			do(t, "route del default metric 10")
			s.closed(t, w, "no-route")
			expect(t, func(m payload) bool { return m.Type == "flow" },
				`{"type":"flow","act":"closed","proto":"tcp","local":"`+w.local.String()+`","remote":"198.51.100.7:443",`+
					`"reason":"no-route","was":"default via 192.0.2.1 dev wan0 metric 10"}`)
		})
		run("classes", func(t *testing.T) {
			system := &bus{process: netmond(t, "", "events", "-json", "-class", "system,user31")}
			if first := system.next(t); first.Snapshot == nil || first.Epoch == "" {
				t.Errorf("the first line of the bus is %+v, want a snapshot", first)
			}
			do(t, "route add default via "+wan0Gateway)
			command(t, 0, "send", "user31", `{"state":"mine"}`)
			if m := system.next(t); m.Class != "user31" || m.State != "mine" {
				t.Errorf("a follower of system and user31 gets %+v first", m)
			}
		})
		run("plain lines", func(t *testing.T) {
			plain := netmond(t, "", "events")
			if first := plain.line(t); !strings.Contains(first, "OPERATIONAL") {
				t.Errorf("the first line of events is %q", first)
			}
			do(t, "route add default via "+wan0Gateway+" metric 10")
			eventually(t, "a line about the new default", func() bool {
				got := plain.line(t)
				return strings.Contains(got, "default") && strings.Contains(got, wan0Gateway) && strings.Contains(got, wan0)
			})
		})
		run("numbers ascend and time too", func(t *testing.T) {
			do(t, "route add default via "+wan0Gateway, "route del default")
			s.informed(t)
			for i := 1; i < len(s.bus.log); i++ {
				if a, b := s.bus.log[i-1], s.bus.log[i]; a.Seq >= b.Seq || a.TS > b.TS {
					t.Errorf("number %d at %d is followed by %d at %d", a.Seq, a.TS, b.Seq, b.TS)
				}
			}
		})

		// Last, for it ends the daemon.
		t.Run("stopping", func(t *testing.T) {
			s.signal(t, syscall.SIGTERM)
			m := s.bus.await(t, "STOPPING", func(m payload) bool { return m.State == "STOPPING" })
			if string(m.Msg) != `{"state":"STOPPING"}` || m.Class != "system" {
				t.Errorf("the daemon says %s in class %s at its end", m.Msg, m.Class)
			}
		})
	})
}
