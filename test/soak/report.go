//go:build linux

package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// tally is what a run has counted.
type tally struct {
	start         time.Time
	changed       int
	opens         int
	closes        int // right ones
	otherwise     int // ends that were not netmond's
	byCause       map[cause]int
	oldest        time.Duration // from the death of a path to the owner's error
	oldestCarrier time.Duration // the same where carrier was lost
	lives, looks  int
	early, late   holding
	samples       []holding
	faults        int
	faulted       time.Time // when the changes were last printed
}

// faultsTold bounds the faults whose history is printed: the rest are like them.
const faultsTold = 10

// fault reports what must not be, with all that is known of it.
func (r *run) fault(c *call, at time.Time, format string, args ...any) {
	if r.faults++; r.faults > faultsTold {
		return
	}
	r.daemon.mu.Lock()
	defer r.daemon.mu.Unlock()
	fmt.Printf("\nFAULT %s: the connection (%s) of %s to %s %s\n", at.Format("15:04:05.000"),
		c.kind.name, c.opened.Format("15:04:05.000"), c.peer, fmt.Sprintf(format, args...))
	for _, line := range c.history {
		fmt.Println("  ", line)
	}
	if at.Sub(r.faulted) < time.Second {
		return // it would be the same once more
	}
	r.faulted = at
	fmt.Println("  netmond says of it now:")
	for _, line := range r.daemon.verdict(c.wire) {
		fmt.Println("    ", line)
	}
	fmt.Println("  the last changes:")
	for _, line := range r.log[max(0, len(r.log)-40):] {
		fmt.Println("    ", line)
	}
	fmt.Println("  netmond's last warnings:")
	for _, line := range r.daemon.warnings[max(0, len(r.daemon.warnings)-5):] {
		fmt.Println("    ", line)
	}
}

// say prints the line of a minute.
func (r *run) say() {
	var h holding
	if n := len(r.samples); n > 0 {
		h = r.samples[n-1]
	}
	fmt.Printf("%3.0f min  %5d changes  %4d live  %6d closed  %d faults  %d KiB  %d descriptors  %d goroutines  CPU %.1f s\n",
		time.Since(r.start).Minutes(), r.changed, r.live(), r.closes, r.faults, h.rss, h.descriptors, h.goroutines, h.cpu.Seconds())
}

// sum prints the summary, and says what was wrong.
func (r *run) sum() error {
	line := func(what, format string, args ...any) { fmt.Printf("%-34s %s\n", what, fmt.Sprintf(format, args...)) }
	d := r.daemon
	fmt.Println()
	line("changes", "%d", r.changed)
	line("connections", "%d, live on average %d", len(r.calls), r.lives/max(r.looks, 1))
	line("dialled", "%d times", r.opens)
	line("rightly closed", "%d", r.closes)
	for _, c := range slices.Sorted(maps.Keys(r.byCause)) {
		line("  "+string(c), "%d", r.byCause[c])
	}
	d.mu.Lock()
	for _, why := range slices.Sorted(maps.Keys(d.reasons)) {
		line("  told as "+why, "%d", d.reasons[why])
	}
	line("warnings of the daemon", "%d", d.warned)
	d.mu.Unlock()
	line("ended otherwise, path once dead", "%d", r.otherwise)
	line("longest from death to close", "%v, at most %v", r.oldest.Round(time.Millisecond), settle+margin)
	line("  where carrier was lost", "%v, at most %v", r.oldestCarrier.Round(time.Millisecond), settle+grace+margin)
	line("  but for stalls of the machine", "%v in all", r.stalled.Round(time.Millisecond))
	line("resident", "%d KiB at first, %d KiB in the end", r.early.rss, r.late.rss)
	line("descriptors", "%d at first, %d in the end", r.early.descriptors, r.late.descriptors)
	line("goroutines", "%d at first, %d in the end", r.early.goroutines, r.late.goroutines)
	line("threads", "%d at first, %d in the end", r.early.threads, r.late.threads)
	line("CPU of the daemon", "%.1f s", r.late.cpu.Seconds())

	var errs []error
	if r.faults > 0 {
		errs = append(errs, fmt.Errorf("%d faults", r.faults))
	}
	if r.closes == 0 {
		errs = append(errs, errors.New("nothing was closed: nothing was tested"))
	}
	errs = append(errs, leaks(r.early, r.late, r.samples))
	return errors.Join(errs...)
}

// Leaks. The heap of a Go program breathes: its middle in the last quarter of the
// run must not be far above that in the second, when all caches are warm.
const (
	leakRatio  = 1.25
	leakGrain  = 4 << 10 // KiB
	leakSample = 24      // samples; with fewer there is no trend
)

// leaks says what the daemon holds more of in the end.
func leaks(first, last holding, samples []holding) error {
	var what []string
	if last.descriptors > first.descriptors+2 {
		what = append(what, "descriptors")
	}
	if last.goroutines > first.goroutines+2 {
		what = append(what, "goroutines")
	}
	if n := len(samples); n >= leakSample {
		middle := func(part []holding) float64 {
			part = slices.SortedFunc(slices.Values(part), func(a, b holding) int { return a.rss - b.rss })
			return float64(part[len(part)/2].rss)
		}
		if was, is := middle(samples[n/4:n/2]), middle(samples[n*3/4:]); is > was*leakRatio+leakGrain {
			what = append(what, fmt.Sprintf("memory (%.0f KiB, then %.0f KiB)", was, is))
		}
	}
	if len(what) > 0 {
		return fmt.Errorf("leaks: %s", strings.Join(what, ", "))
	}
	return nil
}
