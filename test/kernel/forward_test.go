//go:build linux

package kernel

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The device as a router: a LAN behind it, whose flows it translates to the
// address of the uplink that they leave by.
//
//	 namespace "lan"           the test's namespace        namespace "peer"
//	+-------------------+     +--------------------+      +------------------+
//	| client            +-----+ lan           wan0 +------+ peer0            |
//	| 203.0.113.226/28  |     | 203.0.113.225 wan1 +------+ peer1            |
//	+-------------------+     +--------------------+      +------------------+
//
// The providers drop what comes from an address that is not theirs (RFC 2827).
const (
	lanAddr   = "203.0.113.225"
	lanClient = "203.0.113.226"
	poolAddr  = "192.0.2.3"    // a second address of wan0, to translate to
	markHost  = "198.51.100.8" // flows to it are marked
	wan0Host  = "198.51.100.9" // it has a route of its own, by wan0
)

// masquerade and static are the two ways to translate.
const (
	masquerade = `oifname { "wan0", "wan1" } masquerade`
	static     = `oifname "wan0" snat to ` + wan0Addr + `
		oifname "wan1" snat to ` + wan1Addr
	pool = `oifname "wan0" snat to ` + poolAddr
)

// router is the stage with a LAN.
type router struct {
	*stage
	lan *talker
}

// newRouter builds the topology with a LAN and starts the daemon.
func newRouter(t testing.TB, translation string, flags ...string) *router {
	t.Helper()
	need(t, "nft", "nftables")
	topology(t)
	ip(t, "netns add lan")
	do(t, "link add lan type veth peer name client netns lan",
		"address add "+lanAddr+"/28 dev lan",
		"address add "+poolAddr+"/25 dev wan0",
		"link set lan up",
		"-n lan address add "+lanClient+"/28 dev client",
		"-n lan link set client up",
		"-n lan route add default via "+lanAddr,
		"route add default via "+wan0Gateway,
		"route add "+wan0Host+" via "+wan0Gateway)
	nft(t, "peer", `table ip provider {
	chain inbound {
		type filter hook prerouting priority raw
		iifname "peer0" ip saddr != 192.0.2.0/25 drop
		iifname "peer1" ip saddr != 192.0.2.128/25 drop
	}
}`)
	translate(t, translation)
	eventually(t, "the LAN's link is up", func() bool { return operational(t, "lan") })
	return &router{stage: stageWith(t, flags...), lan: talk(t, "lan")}
}

// translate has the router translate so, flows to come; those that are tracked
// keep what they have.
func translate(t testing.TB, translation string) {
	t.Helper()
	nft(t, "", `table ip nat
delete table ip nat
table ip nat {
	chain marks {
		type filter hook prerouting priority mangle
		ip daddr `+markHost+` ct mark set 0x100
	}
	chain translation {
		type nat hook postrouting priority srcnat
		`+translation+`
	}
}`)
}

// nft loads a ruleset in the network namespace ns.
func nft(t testing.TB, ns, rules string) {
	t.Helper()
	in(t, ns, func() {
		cmd := exec.Command("nft", "-f", "-")
		cmd.Stdin = strings.NewReader(rules + "\n")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("nft: %v\n%s", err, out)
		}
	})
}

// dial opens a connection from the LAN and shows that it is translated to source.
func (r *router) dial(t testing.TB, host, source string) *wire {
	t.Helper()
	w := r.lan.dial(t, to(host))
	w.echoes(t, "before the change")
	if line := tracked(t, w); !strings.Contains(line, " dst="+source+" ") {
		t.Fatalf("the tracker has %q of %v, want it translated to %s", line, w.local, source)
	}
	return w
}

// tracked is what the kernel's tracker has of a connection of the LAN, with its
// mark; empty where it has nothing.
func tracked(t testing.TB, w *wire) string {
	t.Helper()
	table, err := os.ReadFile("/proc/thread-self/net/nf_conntrack")
	if err != nil {
		skip(t, "the kernel does not list what it tracks: "+err.Error())
	}
	orig := fmt.Sprintf("src=%v dst=%v sport=%d dport=%d ", w.local.Addr(), w.remote.Addr(), w.local.Port(), w.remote.Port())
	for _, line := range strings.Split(string(table), "\n") {
		if strings.Contains(line, orig) {
			return line
		}
	}
	return ""
}

// forgotten waits until the bus tells of the end of w's translation to source, and
// shows that the entry is gone.
func (r *router) forgotten(t testing.TB, w *wire, source, act, reason string) {
	t.Helper()
	m := r.bus.await(t, "a message about "+w.local.String(), func(m payload) bool { return m.Type == "flow" && m.Remote == w.remote.String() })
	var who struct{ For string }
	if err := json.Unmarshal(m.Msg, &who); err != nil {
		t.Fatal(err)
	}
	local, err := netip.ParseAddrPort(m.Local)
	if err != nil || local.Addr().String() != source || m.Act != act || m.Reason != reason || m.Proto != "tcp" || who.For != w.local.String() {
		t.Errorf("the bus says %s, want %s for %s, from %s for %v", m.Msg, act, reason, source, w.local)
	}
	if has := tracked(t, w); (has == "") != (act == "closed") {
		t.Errorf("%s, and the tracker has %q", act, has)
	}
}

// answered shows that the client's next packet gets its answer within a second.
func (w *wire) answered(t testing.TB) {
	t.Helper()
	begun := time.Now()
	w.order(t, order{Do: "ping", Name: w.name})
	end := w.hear(t, w.name, "end", "pong")
	if took := time.Since(begun); end.Errno != syscall.ECONNRESET || took > time.Second {
		t.Errorf("the client's next packet got %s %q after %v, want a reset within a second", end.What, end.Text, took)
	}
}

// hangs shows that the client's next packet gets no answer for longer than that.
func (w *wire) hangs(t testing.TB) {
	t.Helper()
	w.order(t, order{Do: "ping", Name: w.name})
	select {
	case line := <-w.lines:
		t.Errorf("a client said %s, want it to hang", line)
	case <-time.After(1200 * time.Millisecond):
	}
}

// TestForwardedFlows strands the translation of some of the LAN's connections.
// The daemon must delete these entries and no others, and tell for whom, and the
// client must hear of it with its next packet.
func TestForwardedFlows(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, translation, source string
		strand                    func(t testing.TB)
		reason                    string
		kept                      string // a host whose flow is not concerned
	}{
		{"default moved, static", static, wan0Addr, moveDefault, "rerouted", wan0Host},
		{"default moved, masquerade", masquerade, wan0Addr, moveDefault, "rerouted", wan0Host},
		{"address gone, static", pool, poolAddr, func(t testing.TB) {
			translate(t, static)
			do(t, "address del "+poolAddr+"/25 dev wan0")
		}, "source-gone", ""},
	} {
		t.Run(strings.ReplaceAll(test.name, ", ", "-"), func(t *testing.T) {
			t.Parallel()
			kernel(t, func(t *testing.T) {
				r := newRouter(t, test.translation)
				first, second := r.dial(t, host, test.source), r.dial(t, otherHost, test.source)
				marked := r.dial(t, markHost, test.source)
				var kept *wire
				if test.kept != "" {
					kept = r.dial(t, test.kept, test.source)
				}
				test.strand(t)
				for _, w := range []*wire{first, second} {
					r.forgotten(t, w, test.source, "closed", test.reason)
					w.answered(t)
				}
				if kept != nil {
					kept.echoes(t, "its path is untouched")
				}
				if tracked(t, marked) == "" {
					t.Error("a marked flow's entry is gone")
				}
				r.bus.mark(t)
				told := r.bus.all(func(m payload) bool { return m.Type == "flow" })
				if len(told) != 2 {
					t.Errorf("the bus tells of\n%s\nwant two flows", strings.Join(told, "\n"))
				}
				if t.Failed() {
					t.Log(r.daemon.stderr)
				}
			})
		})
	}
}

// moveDefault has the default route leave by wan1; wan0 stays as it is.
func moveDefault(t testing.TB) {
	t.Helper()
	ip(t, "route replace default via "+wan1Gateway)
}

// TestForwardedFlowsHangWithout is the floor of the test above: where forwarded
// flows are left alone, or only told of, their entries stay and the client hangs.
func TestForwardedFlowsHangWithout(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		flag string
		told bool
	}{{"off", "-conntrack=off", false}, {"dry-run", "-dry-run", true}} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			kernel(t, func(t *testing.T) {
				r := newRouter(t, static, test.flag)
				w := r.dial(t, host, wan0Addr)
				moveDefault(t)
				if test.told {
					r.forgotten(t, w, wan0Addr, "would-close", "rerouted")
				}
				w.hangs(t) // for much longer than the settle time
				if !strings.Contains(tracked(t, w), " dst="+wan0Addr+" ") {
					t.Errorf("the tracker has %q, want it as it was", tracked(t, w))
				}
				r.bus.mark(t)
				if told := r.bus.all(func(m payload) bool { return m.Type == "flow" }); !test.told && len(told) > 0 {
					t.Errorf("the bus tells of %s", told)
				}
			})
		})
	}
}

// TestForwardedFlowsKept changes what does not concern the LAN's connections:
// nothing may be deleted, and each must live.
func TestForwardedFlowsKept(t *testing.T) {
	t.Parallel()
	kernel(t, func(t *testing.T) {
		r := newRouter(t, static)
		w := r.dial(t, host, wan0Addr)
		for _, test := range []struct {
			name  string
			lines []string
		}{
			{"another default of a worse metric", []string{"route add default via " + wan1Gateway + " metric 100", "route del default metric 100"}},
			{"a route to another host", []string{"route add " + otherHost + " via " + wan1Gateway, "route del " + otherHost}},
			{"another address of the uplink", []string{"address del " + poolAddr + "/25 dev wan0", "address add " + poolAddr + "/25 dev wan0"}},
			{"the other uplink down and up", []string{"link set wan1 down", "link set wan1 up"}},
			{"the same default by a route of its own", []string{"route add 198.51.100.0/24 via " + wan0Gateway, "route del 198.51.100.0/24"}},
			{"the default moved and back at once", []string{"route replace default via " + wan1Gateway, "route replace default via " + wan0Gateway}},
			{"no default for a while", []string{"route del default", "route add default via " + wan0Gateway}},
		} {
			do(t, test.lines...)
			r.informed(t)
			w.echoes(t, test.name)
		}
		r.untouched(t) // all that came before is decided
		other := r.dial(t, otherHost, wan0Addr)
		do(t, "route add "+otherHost+" via "+wan1Gateway)
		r.forgotten(t, other, wan0Addr, "closed", "rerouted") // by this source too
		w.echoes(t, "at the end")
		for _, m := range r.bus.all(func(m payload) bool { return m.Type == "flow" && m.Remote == w.remote.String() }) {
			t.Errorf("the bus says %s", m)
		}
	})
}
