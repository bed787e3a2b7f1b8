//go:build linux

package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// row is a line of the table.
type row struct {
	What, Measured, Goal string
	Met                  string // "yes", "NO", or empty where there is no goal
}

// info is a row without a goal.
func info(what, format string, args ...any) row {
	return row{What: what, Measured: fmt.Sprintf(format, args...)}
}

// goal is a row that meets its goal or not.
func goal(what string, met bool, goal, format string, args ...any) row {
	r := info(what, format, args...)
	r.Goal, r.Met = goal, "yes"
	if !met {
		r.Met = "NO"
	}
	return r
}

func show(w io.Writer, rows []row) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "what\tmeasured\tgoal\tmet")
	fmt.Fprintln(tw, "----\t--------\t----\t---")
	for _, r := range rows {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\n", r.What, r.Measured, cmp.Or(r.Goal, "-"), cmp.Or(r.Met, "-"))
	}
	tw.Flush()
}

// median of a list, which is not empty; of an even number the upper one.
func median[T cmp.Ordered](list []T) T { return quantile(list, 0.5) }

// quantile is the value below which the given share of the list lies.
func quantile[T cmp.Ordered](list []T, share float64) T {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[min(int(float64(len(sorted))*share), len(sorted)-1)]
}

// ratio formats what in terms of unit.
func ratio(what, unit time.Duration) float64 { return float64(what) / float64(unit) }

func ms(d time.Duration) string { return fmt.Sprintf("%.0f ms", ratio(d, time.Millisecond)) }

// us formats in microseconds, or milliseconds from ten on.
func us(d time.Duration) string {
	if d >= 10*time.Millisecond {
		return fmt.Sprintf("%.1f ms", ratio(d, time.Millisecond))
	}
	return fmt.Sprintf("%.1f us", ratio(d, time.Microsecond))
}

func mib(bytes uint64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }

// count writes a number with its thousands apart.
func count(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return strings.TrimPrefix(s, ",")
}
