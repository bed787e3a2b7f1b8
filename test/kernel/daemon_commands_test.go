//go:build linux

package kernel

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/netmond/netmond/board"
)

// elsewhere is the -socket of commands that are to do without a daemon.
const elsewhere = "-socket=/run/elsewhere.sock"

// statusView is `netmond status -json`.
type statusView struct {
	State   string
	Version string
	Close   struct{ Mode, Rung, Why string }
	Uplinks []struct {
		Dev, Gateway, CPD, URL string
		Metric                 uint32
		Family                 int
		Carrier                bool
	}
	Routes, Links          int
	FlowsClosed            map[string]uint64 `json:"flows_closed"`
	Resyncs, Disagreements uint64
}

func status(t testing.TB) statusView {
	t.Helper()
	return decode[statusView](t, command(t, 0, "status", "-json"))
}

// routeView is an element of `netmond routes -json`.
type routeView struct {
	Dst, Type, Gateway, Dev, PrefSrc, Proto, Scope string
	Family                                         int
	Table, Metric                                  uint32
	NextHops                                       []struct {
		Gateway, Dev string
		Weight       int
	}
}

// lookupView is `netmond lookup -json`.
type lookupView struct {
	Dst, Type, Prefix, Gateway, Dev, PrefSrc, Error string
	Found                                           bool
	Table                                           uint32
	Metric, Rule                                    *uint32
}

// whyView is `netmond why -json`.
type whyView struct {
	Flow    flowView
	Found   bool
	Verdict string
	Steps   []string
}

// TestCommands asks each command of a device at work, with the daemon and
// without it.
func TestCommands(t *testing.T) {
	t.Parallel()
	kernel(t, func(t *testing.T) {
		topology(t)
		do(t, "route add default via "+wan0Gateway+" metric 10 src "+wan0Addr, "route add default via "+wan1Gateway+" metric 20",
			"-6 route add default via "+wan0Gateway6+" metric 10",
			"route add 203.0.113.0/26 nexthop via "+wan0Gateway+" weight 2 nexthop via "+wan1Gateway,
			"route add unreachable 203.0.113.64/26", "route add prohibit 203.0.113.128/27", "route add blackhole 203.0.113.160/27",
			"route add 198.51.100.0/24 via "+wan1Gateway+" table 100 metric 7",
			"rule add fwmark 0x7 table 100 pref 100", "rule add uidrange 1000-1000 table 100 pref 101")
		s := stageWith(t)
		s.informed(t)
		w := s.device.dial(t, to(host))

		t.Run("status", func(t *testing.T) {
			st := status(t)
			if st.State != "OPERATIONAL" || st.Close.Mode != "all" || st.Close.Rung != "sock_destroy" || st.Close.Why != "" {
				t.Errorf("status is %+v, want OPERATIONAL and everything closed by sock_destroy", st)
			}
			if st.Resyncs != 0 || st.Disagreements != 0 {
				t.Errorf("status has %d resyncs and %d disagreements at the start", st.Resyncs, st.Disagreements)
			}
			if all := decode[[]routeView](t, command(t, 0, "routes", "-json", "-table", "all")); st.Routes != len(all) {
				t.Errorf("status counts %d routes, routes lists %d", st.Routes, len(all))
			}
			var got []string
			for _, u := range st.Uplinks {
				got = append(got, strings.Join([]string{u.Dev, u.Gateway, map[int]string{4: "v4", 6: "v6"}[u.Family], map[bool]string{true: "carrier"}[u.Carrier]}, " "))
			}
			want := []string{"wan0 192.0.2.1 v4 carrier", "wan0 2001:db8::1 v6 carrier", "wan1 192.0.2.129 v4 carrier"}
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("the uplinks are %q, want %q", got, want)
			}
			for _, reason := range []string{"no-route", "source-gone", "link-down", "gateway-gone", "rerouted"} {
				if n, ok := st.FlowsClosed[reason]; !ok || n != 0 {
					t.Errorf("status says %d flows closed for %s (%v), want 0", n, reason, ok)
				}
			}
			for _, flags := range [][]string{nil, {elsewhere}} {
				if text, line := command(t, 0, append([]string{"status"}, flags...)...), "\ndevice    "+board.Detect(os.DirFS("/")).String()+"\n"; !strings.Contains(text, line) {
					t.Errorf("status %q lacks %q:\n%s", flags, line, text)
				}
			}
			without := decode[statusView](t, command(t, 0, "status", "-json", elsewhere))
			if without.State == "OPERATIONAL" || without.Routes != st.Routes || without.Links != st.Links || len(without.Uplinks) != len(st.Uplinks) {
				t.Errorf("without the daemon status is %+v, with it %+v", without, st)
			}
			if text := command(t, 0, "status"); !strings.Contains(text, "OPERATIONAL") || !strings.Contains(text, "sock_destroy") {
				t.Errorf("status prints\n%s", text)
			}
		})
		t.Run("with and without the daemon", func(t *testing.T) {
			for _, args := range []string{
				"routes", "routes -json", "routes -json -table all", "routes -json -table local", "routes -table all",
				"routes -json -table 100", "routes -json -table 12345", "flows", "flows -json",
				"lookup -json " + host, "lookup -json " + host6, "lookup -json 203.0.113.1", "lookup -json 203.0.113.65",
				"lookup -json -mark 7 " + host, "lookup " + host, "lookup -json -oif wan1 " + host,
				"why -json " + w.local.String() + " " + w.remote.String(), "why " + w.local.String() + " " + w.remote.String(),
			} {
				words := strings.Fields(args)
				with, without := command(t, 0, words...), command(t, 0, append(words, elsewhere)...)
				if with != without {
					t.Errorf("netmond %s prints with the daemon\n%swithout it\n%s", args, with, without)
				}
			}
		})
		t.Run("routes", func(t *testing.T) {
			find := func(dst string, metric uint32, table string) routeView {
				for _, r := range decode[[]routeView](t, command(t, 0, "routes", "-json", "-table", table)) {
					if r.Dst == dst && r.Metric == metric && r.Family == 4 {
						return r
					}
				}
				t.Errorf("routes -table %s lacks %s metric %d", table, dst, metric)
				return routeView{}
			}
			if r := find("default", 10, "main"); r.Gateway != wan0Gateway || r.Dev != wan0 || r.PrefSrc != wan0Addr || r.Table != 254 || r.Type != "unicast" || r.Proto != "boot" || r.Scope != "global" {
				t.Errorf("the default route is %+v", r)
			}
			if r := find("198.51.100.0/24", 7, "100"); r.Table != 100 || r.Gateway != wan1Gateway {
				t.Errorf("the route of table 100 is %+v", r)
			}
			if r := find("203.0.113.64/26", 0, "main"); r.Type != "unreachable" || r.Dev != "" {
				t.Errorf("the unreachable route is %+v", r)
			}
			if r := find("203.0.113.0/26", 0, "main"); len(r.NextHops) != 2 || r.NextHops[0].Weight != 2 || r.NextHops[1].Dev != wan1 {
				t.Errorf("the multipath route is %+v", r)
			}
			var ours, theirs []string
			for _, l := range strings.Split(ip(t, "route show"), "\n") {
				if l = strings.TrimSpace(l); strings.HasPrefix(l, "default") {
					theirs = append(theirs, l)
				}
			}
			for _, l := range strings.Split(command(t, 0, "routes"), "\n") {
				if strings.HasPrefix(l, "default via 192") {
					ours = append(ours, l)
				}
			}
			slices.Sort(ours)
			slices.Sort(theirs)
			if !slices.Equal(ours, theirs) {
				t.Errorf("routes prints %q, ip route %q", ours, theirs)
			}
		})
		t.Run("lookup", func(t *testing.T) {
			for _, test := range []struct{ args, found, dev, gateway, prefix, err string }{
				{args: host, found: "unicast", dev: wan0, gateway: wan0Gateway, prefix: "default"},
				{args: host6, found: "unicast", dev: wan0, gateway: wan0Gateway6, prefix: "default"},
				{args: "-mark 0x7 " + host, found: "unicast", dev: wan1, gateway: wan1Gateway, prefix: "198.51.100.0/24"},
				{args: "-mark 6 " + host, found: "unicast", dev: wan0, gateway: wan0Gateway, prefix: "default"},
				{args: "-uid 1000 " + host, found: "unicast", dev: wan1, gateway: wan1Gateway, prefix: "198.51.100.0/24"},
				{args: "-oif wan1 " + host, found: "unicast", dev: wan1, gateway: wan1Gateway, prefix: "default"},
				{args: "-from " + wan0Addr + " " + host, found: "unicast", dev: wan0, gateway: wan0Gateway, prefix: "default"},
				{args: wan0Gateway, found: "unicast", dev: wan0, prefix: "192.0.2.0/25"},
				{args: wan0Addr, found: "local", dev: wan0, prefix: wan0Addr},
				{args: "203.0.113.65", err: "EHOSTUNREACH"},
				{args: "203.0.113.130", err: "EACCES"},
				{args: "203.0.113.161", err: "EINVAL"},
				{args: "-from 192.0.2.99 " + host, err: "ENETUNREACH"},
			} {
				v := decode[lookupView](t, command(t, 0, append([]string{"lookup", "-json"}, strings.Fields(test.args)...)...))
				if v.Error != test.err || v.Found != (test.err == "") {
					t.Errorf("lookup %s says %+v, want error %q", test.args, v, test.err)
					continue
				}
				if test.err == "" && (v.Type != test.found || v.Dev != test.dev || v.Gateway != test.gateway || v.Prefix != test.prefix || v.Rule == nil) {
					t.Errorf("lookup %s says %+v, want %+v", test.args, v, test)
				}
			}
		})
		t.Run("flows and why", func(t *testing.T) {
			flows := flowsTo(t, w.remote.String())
			if len(flows) != 1 {
				t.Fatalf("flows lists %d connections to %v", len(flows), w.remote)
			}
			f := flows[0]
			if f.Proto != "tcp" || f.Local != w.local.String() || f.State != "ESTABLISHED" || f.Dev != wan0 || f.Verdict != "keep" ||
				!strings.HasPrefix(f.Route, "default via 192.0.2.1 dev wan0") || f.UID != 0 {
				t.Errorf("flows says %+v", f)
			}
			why := decode[whyView](t, command(t, 0, "why", "-json", f.Local, f.Remote))
			if !why.Found || why.Verdict != "keep" || why.Flow != f || len(why.Steps) < 3 {
				t.Errorf("why says %+v", why)
			}
			why = decode[whyView](t, command(t, 0, "why", "-json", "192.0.2.2:1", "203.0.113.65:443"))
			if why.Found || why.Verdict != "no-route" || len(why.Steps) == 0 {
				t.Errorf("why says %+v of a flow under an unreachable route", why)
			}
			why = decode[whyView](t, command(t, 0, "why", "-json", "127.0.0.1:1", "127.0.0.1:443"))
			if why.Verdict != "exempt" {
				t.Errorf("why says %+v of a loopback flow", why)
			}
			w.echoes(t, "nothing has happened") // and only words were said
		})
		t.Run("version and metrics", func(t *testing.T) {
			v := decode[struct{ Version, Commit, Go, OS, Arch string }](t, command(t, 0, "version", "-json"))
			if bare := command(t, 0, "--version"); bare != v.Version+"\n" || v.OS != "linux" || v.Go == "" {
				t.Errorf("--version prints %q, version -json %+v", bare, v)
			}
			if text := command(t, 0, "metrics"); !strings.Contains(text, `netmond_flows_closed_total{reason="no-route"} 0`) {
				t.Errorf("metrics prints\n%s", text)
			}
		})
		t.Run("closed flows are counted", func(t *testing.T) {
			do(t, "route add unreachable "+host)
			s.closed(t, w, "no-route")
			if st := status(t); st.FlowsClosed["no-route"] != 1 || st.Disagreements != 0 {
				t.Errorf("status says %+v after one close", st)
			}
			if text := command(t, 0, "metrics"); !strings.Contains(text, `netmond_flows_closed_total{reason="no-route"} 1`) {
				t.Errorf("metrics prints\n%s", text)
			}
		})
	})
}
