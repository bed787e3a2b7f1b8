//go:build linux

package kernel

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// TestBurst lets 20,000 routes come and half of them go while the daemon is
// stopped by a signal: more than the kernel keeps for it. When it goes on, its
// table must come to equal the kernel's, in both families, and it must close
// what was stranded meanwhile and what is stranded later.
func TestBurst(t *testing.T) {
	t.Parallel()
	kernel(t, func(t *testing.T) {
		s := newStage(t)
		do(t, "route add default via "+wan0Gateway, "-6 route add default via "+wan0Gateway6,
			"route add 203.0.113.7 via "+wan1Gateway)
		s.informed(t)
		lost, kept, later := s.device.dial(t, to(otherHost)), s.device.dial(t, to(host)), s.device.dial(t, to(host6))

		s.signal(t, syscall.SIGSTOP)
		const n = 10000
		var four, six []string
		for i := range n {
			four = append(four, fmt.Sprintf("route add 198.18.%d.%d via %s metric 5", i/256, i%256, wan1Gateway))
			six = append(six, fmt.Sprintf("route add 2001:db8:fe::%x via %s metric 5", i+1, wan1Gateway6))
		}
		for i := 0; i < n; i += 2 {
			four = append(four, strings.Replace(four[i], "add", "del", 1))
			six = append(six, strings.Replace(six[i], "add", "del", 1))
		}
		batch(t, append(four, "route del 203.0.113.7", "route add unreachable 203.0.113.7")...)
		batch(t, six...)
		s.signal(t, syscall.SIGCONT)

		s.bus.lossy = true // the difference alone is more than a subscriber's queue holds
		lost.aborted(t)
		eventually(t, "the resync", func() bool { return status(t).Resyncs > 0 && status(t).State == "OPERATIONAL" })
		if diff := unlike(ours(t), theirs(t)); diff != "" {
			t.Errorf("the daemon's table is not the kernel's:\n%s", diff)
		}
		s.untouched(t, kept, later)
		do(t, "-6 route del default")
		s.closed(t, later, "no-route")
		do(t, "route del default")
		s.closed(t, kept, "no-route")
		if st := status(t); st.State != "OPERATIONAL" || st.Disagreements != 0 {
			t.Errorf("status says %+v at the end", st)
		}
	})
}

// ours is every route that the daemon knows, a line each.
func ours(t testing.TB) []string {
	t.Helper()
	var out []string
	for _, r := range decode[[]routeView](t, command(t, 0, "routes", "-json", "-table", "all")) {
		out = append(out, fmt.Sprintf("%s %s table %d metric %d via %q dev %q", r.Type, r.Dst, r.Table, r.Metric, r.Gateway, r.Dev))
	}
	slices.Sort(out)
	return out
}

// theirs is every route that the kernel has, as ours writes them.
func theirs(t testing.TB) []string {
	t.Helper()
	var out []string
	for _, family := range []string{"-4", "-6"} {
		var routes []struct {
			Type, Dst, Table, Gateway, Dev string
			Metric                         uint32
		}
		if err := json.Unmarshal([]byte(ip(t, family+" -json -N route show table all")), &routes); err != nil {
			t.Fatal(err)
		}
		for _, r := range routes {
			if r.Type == "" {
				r.Type = "1"
			}
			if r.Table == "" {
				r.Table = "254"
			}
			kind := map[string]string{"1": "unicast", "2": "local", "3": "broadcast", "4": "anycast", "5": "multicast", "6": "blackhole", "7": "unreachable"}
			if name, ok := kind[r.Type]; ok {
				r.Type = name
			}
			out = append(out, fmt.Sprintf("%s %s table %s metric %d via %q dev %q", r.Type, r.Dst, r.Table, r.Metric, r.Gateway, r.Dev))
		}
	}
	slices.Sort(out)
	return out
}

// unlike describes what one sorted list has and the other has not; at most a few
// lines of it.
func unlike(got, want []string) string {
	var b strings.Builder
	lines := 0
	for i, j := 0, 0; (i < len(got) || j < len(want)) && lines < 10; {
		switch {
		case j == len(want) || i < len(got) && got[i] < want[j]:
			fmt.Fprintf(&b, "daemon only: %s\n", got[i])
			i++
			lines++
		case i == len(got) || got[i] > want[j]:
			fmt.Fprintf(&b, "kernel only: %s\n", want[j])
			j++
			lines++
		default:
			i++
			j++
		}
	}
	return b.String()
}
