//go:build linux

package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"time"

	"github.com/netmond/netmond/rtable"
	"github.com/netmond/netmond/rtnl"

	"github.com/netmond/netmond/internal/fulltable"
)

// table measures in this process, by the CPU time it takes and not by the clock:
// the machine may have other work. What the garbage collector does for it counts.
func table(c *config) (rows []row, err error) {
	for _, n := range []int{10, 1000, c.Routes / 10, c.Routes} {
		dst := fulltable.Prefixes(n)
		t := build(3, dst)
		var took []time.Duration
		for range c.Runs {
			d, err := applyOne(t, dst)
			if err != nil {
				return nil, err
			}
			took = append(took, d)
		}
		what, d := fmt.Sprintf("Apply of one changed route of %s, the old table whole", count(n)), median(took)
		if n == c.Routes {
			rows = append(rows, goal(what, d <= 15*time.Microsecond, "at most 15 us", "%s", us(d)))
		} else {
			rows = append(rows, info(what, "%s", us(d)))
		}
	}
	dst := fulltable.Prefixes(c.Routes)
	to := fulltable.Hosts(dst)

	step, err := prefixStep(c)
	if err != nil {
		return nil, err
	}
	rows = append(rows, step)

	t := build(10, dst)
	d, allocs := each(c, func(i int) bool { _, ok := t.Lookup(rtable.Query{Dst: to[i%len(to)]}); return ok })
	rows = append(rows, goal(fmt.Sprintf("Lookup, 10 rules and %s routes", count(c.Routes)),
		d < 200*time.Nanosecond, "below 200 ns", "%d ns, %.2f allocations", d.Nanoseconds(), allocs))
	return rows, nil
}

// prefixStep has the package's own benchmark measure the step, which nothing outside
// can reach. The least of the runs counts, by the clock: others may have had the
// processor.
func prefixStep(c *config) (row, error) {
	const what, want = "Lookup, the prefix step alone, 1,000,000 prefixes", "at most 30 ns, no allocation"
	out, err := exec.Command("go", "test", "-run", "^$", "-bench", "^BenchmarkPrefix$/^routes=1000000$", "-benchtime", "5000000x",
		"-count", strconv.Itoa(2*c.Runs), "github.com/netmond/netmond/rtable").CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		return info(what, "not measured: no go command"), nil
	}
	if err != nil {
		return row{}, fmt.Errorf("go test: %w: %s", err, out)
	}
	least, allocs := 0.0, "no figure"
	for _, m := range prefixLine.FindAllSubmatch(out, -1) {
		if ns, err := strconv.ParseFloat(string(m[1]), 64); err == nil && (least == 0 || ns < least) {
			least, allocs = ns, string(m[2])
		}
	}
	if least == 0 {
		return row{}, fmt.Errorf("go test: no figure in %q", out)
	}
	return goal(what, least <= 30 && allocs == "0", want, "%.0f ns, %s allocations", least, allocs), nil
}

var prefixLine = regexp.MustCompile(`([0-9.]+) ns/op.*?([0-9]+) allocs/op`)

// each is what a call of f costs, which must answer true.
func each(c *config, f func(i int) bool) (cost time.Duration, allocs float64) {
	const n = 5_000_000
	var costs []time.Duration
	var before, after runtime.MemStats
	for range c.Runs {
		runtime.GC()
		runtime.ReadMemStats(&before)
		start := cpuSelf()
		for i := range n {
			if !f(i) {
				panic("bench: no route")
			}
		}
		costs = append(costs, (cpuSelf()-start)/n)
		runtime.ReadMemStats(&after)
		allocs = float64(after.Mallocs-before.Mallocs) / n
	}
	return median(costs), allocs
}

// applyOne is what a change of one route costs, each followed by another one.
func applyOne(t *rtable.Table, dst []netip.Prefix) (time.Duration, error) {
	const n = 20_000
	batch := rtnl.Batch{Events: make([]rtnl.Event, 1)}
	runtime.GC()
	start := cpuSelf()
	for i := range n {
		batch.Events[0] = fulltable.Route(dst[i*7919%len(dst)], i/len(dst)+i+1)
		next, changes := t.Apply(batch)
		if changes.Empty() {
			return 0, errors.New("a change that changes nothing")
		}
		t = next
	}
	return (cpuSelf() - start) / n, nil
}

// build is a table with those routes, and a number of rules of which the last but
// one leads to them.
func build(rules int, dst []netip.Prefix) (t *rtable.Table) {
	for b := range fulltable.State(rules, dst) {
		t, _ = t.Apply(b)
	}
	return t
}
