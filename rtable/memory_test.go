//go:build !race

package rtable

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"github.com/netmond/netmond/rtnl"

	"github.com/netmond/netmond/internal/fulltable"
)

// A Lookup that ends at a route with one next hop allocates nothing, whatever the
// rules.
func TestLookupAllocatesNothing(t *testing.T) {
	dst := fulltable.Prefixes(1000)
	to := fulltable.Hosts(dst)
	for _, rules := range []int{3, 10} {
		table := build(rules, dst)
		i := 0
		if n := testing.AllocsPerRun(1000, func() {
			if _, ok := table.Lookup(Query{Dst: to[i%len(to)]}); !ok {
				t.Fatal("no route")
			}
			i++
		}); n != 0 {
			t.Errorf("Lookup among %d rules allocates %v times", rules, n)
		}
	}
}

// An update costs the path to one prefix: its memory does not grow with the table.
func TestApplyAllocatesOnePath(t *testing.T) {
	dst := fulltable.Prefixes(20_000)
	table := build(3, dst)
	i := 0
	if n := testing.AllocsPerRun(1000, func() {
		old := table
		table, _ = old.Apply(rtnl.Batch{Events: []rtnl.Event{fulltable.Route(dst[i], i+1)}})
		i++
	}); n > 100 {
		t.Errorf("Apply of one route among %d allocates %v times, want 100 at most", len(dst), n)
	}
}

const millionEnv = "RTABLE_TEST_MILLION"

// A million routes, the program around them and the Go runtime are resident in
// 64 MiB, once the garbage of reading them is returned.
func TestMillionRoutesAreSmall(t *testing.T) {
	if os.Getenv(millionEnv) != "" {
		million(t)
		return
	}
	if testing.Short() {
		t.Skip("takes seconds")
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil || !strings.Contains(string(status), "VmHWM:") {
		t.Skip("no /proc/self/status with VmHWM")
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestMillionRoutesAreSmall$", "-test.v")
	cmd.Env = append(os.Environ(), millionEnv+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var resident, peak int
	for _, line := range strings.Split(string(out), "\n") {
		fmt.Sscanf(line, "VmRSS: %d kB", &resident)
		fmt.Sscanf(line, "VmHWM: %d kB", &peak)
	}
	const limit = 64 << 10
	if resident == 0 || resident > limit {
		t.Errorf("resident: %d KiB, want %d at most (peak %d)", resident, limit, peak)
	}
	t.Logf("resident %d KiB, peak %d KiB", resident, peak)
}

// million takes in a million routes and prints what the process holds.
func million(t *testing.T) {
	table, _ := (*Table)(nil).Apply(rtnl.Batch{Full: true, More: true, Events: fulltable.Head(3)})
	const n = 1_000_000
	events := make([]rtnl.Event, 0, 500)
	for i := uint32(0); i < n; i++ {
		v := i * 2654435761 % (1 << 24) // odd: each /24 once, in no order
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(v >> 16), byte(v >> 8), byte(v)}), 24)
		if events = append(events, fulltable.Route(p, int(i))); len(events) == cap(events) {
			table, _ = table.Apply(rtnl.Batch{More: true, Events: events})
			events = make([]rtnl.Event, 0, 500)
		}
	}
	table, _ = table.Apply(rtnl.Batch{Events: events})
	if table.Len() != n+fulltable.HeadRoutes {
		t.Errorf("Len() = %d, want %d", table.Len(), n+fulltable.HeadRoutes)
	}
	peak := status(t)
	debug.FreeOSMemory()
	fmt.Printf("%s\n%s\n", status(t)["VmRSS"], peak["VmHWM"])
	if _, ok := table.Lookup(Query{Dst: netip.MustParseAddr("192.0.2.1")}); !ok {
		t.Error("no route")
	}
}

// status is the lines of /proc/self/status by key.
func status(t *testing.T) map[string]string {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	lines := make(map[string]string)
	for _, line := range strings.Split(string(b), "\n") {
		key, value, _ := strings.Cut(line, ":")
		kib, _, _ := strings.Cut(strings.TrimSpace(value), " ")
		if _, err := strconv.Atoi(kib); err == nil {
			lines[key] = key + ": " + kib + " kB"
		}
	}
	return lines
}
