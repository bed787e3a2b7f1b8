//go:build linux

package kernel

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/netmond/netmond/rtable"
	"github.com/netmond/netmond/rtnl"
)

// The oracle: after any sequence of ip commands the table equals a fresh dump,
// and Lookup answers as RTM_GETROUTE does. Each seed is a sequence, run in
// namespaces of its own. One that fails is cut down to the shortest that still
// does, which is printed as commands to type.

var oracleSeconds = flag.Int("oracle.seconds", 0, "run TestOracle on new seeds for so many seconds")

const (
	oracleSteps   = 60  // operations of a sequence
	oracleQueries = 100 // after each operation
	oracleSeeds   = 8   // run by go test

	envOps = "NETMOND_KERNEL_OPS" // file with the operations to run; set inside
)

func TestOracle(t *testing.T) {
	if os.Getenv(envInside) != "" {
		performFile(t, os.Getenv(envOps))
		return
	}
	begin := time.Now()
	for seed := uint64(1); ; seed++ {
		switch {
		case *oracleSeconds == 0 && seed > oracleSeeds, testing.Short() && seed > 1:
			return
		case *oracleSeconds > 0 && time.Since(begin) > time.Duration(*oracleSeconds)*time.Second:
			t.Logf("%d sequences of %d operations", seed-1, oracleSteps)
			return
		}
		number := seed
		if *oracleSeconds > 0 { // not the fixed ones
			number = uint64(begin.UnixNano()) + seed
		}
		oracle(t, number)
	}
}

// TestOracleFound runs the sequences that have once told the table and the kernel
// apart.
func TestOracleFound(t *testing.T) {
	if file := os.Getenv(envOps); file != "" {
		performFile(t, file)
		return
	}
	found, err := filepath.Glob("testdata/oracle/*")
	if err != nil || len(found) == 0 {
		t.Fatalf("no sequences in testdata/oracle: %v", err)
	}
	for _, file := range found {
		file, err := filepath.Abs(file)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := inside(t, envOps+"="+file); err != nil {
			t.Errorf("%s: %v\n%s", filepath.Base(file), err, text)
		}
	}
}

// performFile runs the operations in a file, a line each.
func performFile(t *testing.T, file string) {
	t.Helper()
	play, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	perform(t, strings.Split(strings.TrimSpace(string(play)), "\n"))
}

// oracle runs one sequence.
func oracle(t *testing.T, seed uint64) {
	t.Helper()
	g := newGenerator(seed)
	g.uids = os.Getuid() == 0
	var ops []string
	for i := range oracleSteps {
		ops = append(ops, fmt.Sprintf("%d: %s", i, strings.Join(g.next(), "; ")))
	}
	text, failed := replay(t, ops)
	if !failed {
		return
	}
	short := shorten(ops, time.Now().Add(90*time.Second), func(ops []string) bool {
		out, failed := replay(t, ops)
		if failed {
			text = out
		}
		return failed
	})
	t.Errorf("seed %d fails; the shortest sequence found that does is\n\t%s\n%s", seed, strings.Join(short, "\n\t"), text)
}

// replay runs operations in fresh namespaces and says whether that failed.
func replay(t *testing.T, ops []string) (text string, failed bool) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ops")
	if err := os.WriteFile(file, []byte(strings.Join(ops, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	text, err := inside(t, envOps+"="+file)
	return text, err != nil
}

// shorten leaves out operations as long as the rest still fails: halves first,
// then ever smaller pieces (delta debugging).
func shorten(ops []string, end time.Time, fails func([]string) bool) []string {
	for size := len(ops) / 2; size > 0; {
		cut := false
		for at := len(ops) - size; at >= 0 && time.Now().Before(end); at -= size {
			rest := append(append([]string(nil), ops[:at]...), ops[at+size:]...)
			if len(rest) > 0 && fails(rest) {
				ops, cut = rest, true
			}
		}
		if size = min(size, len(ops)); !cut || size > 1 {
			size /= 2
		}
	}
	return ops
}

// perform runs the operations in this namespace and checks after each.
func perform(t *testing.T, ops []string) {
	topology(t)
	g := newGenerator(0)
	for _, c := range g.begin() {
		ip(t, c)
	}
	w, a := watch(t), newAsker(t)
	for _, op := range ops {
		var index uint64
		number, commands, _ := strings.Cut(op, ": ")
		fmt.Sscan(number, &index)
		for _, c := range strings.Split(commands, "; ") {
			if key, ok := strings.CutPrefix(c, "sysctl "); ok {
				key, value, _ := strings.Cut(key, " ")
				_ = os.WriteFile(filepath.Join("/proc/sys", key), []byte(value), 0) // the link may be gone
			} else {
				_ = try(c) // refused, or not: the kernel knows
			}
		}
		var why string
		for try := 0; try == 0 || why != "" && try < 4; try++ { // what looks wrong may only be late
			quiesce(t)
			w.settleWithin(t, 3*time.Second)
			if why = compareLookups(t, w.table, a, index); why != "" {
				w.drain(t, 100*time.Millisecond)
			}
		}
		if why != "" {
			t.Fatalf("after %s:\n%s\nthe table is\n%s", op, why, state(w.table))
		}
	}
	// What is read again late must not make it wrong.
	w.drain(t, time.Second)
	w.settleWithin(t, 3*time.Second)
}

// quiesce waits until the kernel has told of all changes of carrier.
func quiesce(t *testing.T) {
	t.Helper()
	eventually(t, "carrier changes are told", func() bool {
		for l := range fresh(t).Links() {
			if l.Up() && (l.Flags&rtnl.FlagLowerUp != 0) != (l.Flags&rtnl.FlagRunning != 0) {
				return false
			}
		}
		return true
	})
}

// compareLookups asks the table and the kernel the same random questions.
func compareLookups(t *testing.T, table *rtable.Table, a *asker, seed uint64) string {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 2))
	var links []uint32
	for l := range table.Links() {
		links = append(links, l.Index)
	}
	for range oracleQueries {
		q := question(r, links)
		if q.Dst.Is6() && q.Oif != 0 { // bound sockets are strict about it, and so is this without a source
			q.Src = netip.Addr{}
		}
		if diff := disagree(table, q, a.ask(t, q, q.Oif != 0 && q.Dst.Is4())); diff != "" {
			if severed(table, q) {
				continue
			}
			return fmt.Sprintf("Lookup(%+v): %s", q, diff)
		}
		if diff := disagreeFIB(table, q, a.ask(t, q, true)); diff != "" {
			if severed(table, q) {
				continue
			}
			return fmt.Sprintf("Lookup(%+v) with fibmatch: %s", q, diff)
		}
	}
	return ""
}

// severed says whether the kernel may have lost sight of the route that q takes:
// where a prefix has had both source-specific routes and one for any source, and
// the latter is deleted, the node of the prefix is left without a leaf and the
// former are never found again, though every dump shows them (fib6_del_route,
// fib6_node_lookup_1). What has been cannot be read from the table.
func severed(table *rtable.Table, q rtable.Query) bool {
	a, _ := table.Lookup(q)
	if !a.Route.Src.IsValid() || a.Route.Default() {
		return false
	}
	for r := range table.TableRoutes(a.Route.Table) {
		if r.Dst == a.Route.Dst && !r.Src.IsValid() {
			return false
		}
	}
	return true
}

// question is a random query.
func question(r *rand.Rand, links []uint32) rtable.Query {
	pick := func(s ...string) string { return s[r.IntN(len(s))] }
	var q rtable.Query
	var src string
	if r.IntN(2) == 0 {
		q.Dst = addr(pick("198.51.100.7", "198.51.100.200", "198.51.100.1", "203.0.113.7", "203.0.113.200", "10.1.2.3", "10.8.0.9", "10.6.0.9", "192.0.2.1", "192.0.2.70", "192.0.2.129", "192.0.2.2", "192.0.2.127", "172.16.0.1"))
		src = pick("192.0.2.2", "192.0.2.130", "203.0.113.2", "192.0.2.3", "203.0.113.3")
		if r.IntN(4) == 0 {
			q.TOS = 0x10
		}
	} else {
		q.Dst = addr(pick("2001:db8:ff::7", "2001:db8:ff::8", "2001:db8:ff:1::1", "2001:db8:fe::1", "2001:db8::1", "2001:db8:1::1", "2001:db8:77::1", "2001:db8::2", "2001:db8:2::7", "3fff::1"))
		src = pick("2001:db8::2", "2001:db8:1::2", "2001:db8:2::2", "2001:db8::3")
	}
	if r.IntN(2) == 0 {
		q.Src = addr(src)
	}
	switch r.IntN(10) {
	case 0, 1:
		q.Oif = links[r.IntN(len(links))]
	case 2: // forwarded, from nobody's address
		q.Iif = links[1+r.IntN(len(links)-1)] // what comes in by lo is not dissected for rules (fib_rule_requires_fldissect)
		q.Src = addr("198.18.0.9")
		if q.Dst.Is6() {
			q.Src = addr("2001:db8:9999::9")
		}
	}
	q.Proto = 6
	if r.IntN(3) == 0 {
		q.Proto = 17
	}
	if r.IntN(2) == 0 {
		q.Sport, q.Dport = uint16(3999+r.IntN(3)), uint16(442+r.IntN(3))
	}
	q.Mark = []uint32{0, 0, 1, 0x10, 0x1f, 0xca6c}[r.IntN(6)]
	if os.Getuid() == 0 && q.Iif == 0 && r.IntN(3) == 0 {
		q.UID = 1500
	}
	return q
}
