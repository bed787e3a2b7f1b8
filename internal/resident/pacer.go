// Package resident keeps what a daemon holds of the memory small.
//
// The runtime lets any heap grow to 4 MiB before it collects garbage for the first
// time, and then to twice of what lives. That is right for a table of a million
// routes. On a small device a third of a megabyte lives, and the rest would be
// garbage: dearer than all else the program keeps.
package resident

import (
	"runtime"
	"runtime/debug"
	"sync/atomic"
)

const (
	// whole is what lives in a heap that may double, as any may with GOGC=100. With
	// more a large table would take longer to read, with less a small one more room.
	whole = 2 << 20

	// first is what lives, as far as is known before the first collection. So that one
	// comes at 2 MiB, and a start needs none.
	first = 1 << 20

	// tightest is the least GOGC. Less would gain nothing because of distance.
	tightest = 25

	// distance is the room for garbage that the runtime leaves in any case
	// (runtime.sweepMinHeapDistance).
	distance = 1 << 20
)

// Pacer has the garbage collector follow what lives: a small heap is kept tight, and
// from 2 MiB on it may double. The zero value leaves all to the runtime. Safe for
// concurrent use.
type Pacer struct {
	percent  int           // GOGC; 0 before the start
	cycles   atomic.Uint64 // collections so far
	released atomic.Uint64 // cycles when Release was through
}

// Pace returns the process's pacer, at work; or, where the environment has GOGC or
// GOMEMLIMIT, one that leaves all to the runtime. lookup is os.LookupEnv.
func Pace(lookup func(string) (string, bool)) *Pacer {
	p := new(Pacer)
	for _, name := range []string{"GOGC", "GOMEMLIMIT"} {
		if _, ok := lookup(name); ok {
			return p
		}
	}
	p.adapt(first)
	p.await()
	return p
}

// Release gives memory back to the system. It collects the garbage, which takes its
// time, unless nothing was collected since the last time: then there is little. To be
// called when work is over: until there is more, nothing else would do it.
func (p *Pacer) Release() {
	if n := p.cycles.Load(); n != p.released.Load() {
		debug.FreeOSMemory()
		p.released.Store(n + 1) // with its own, of which await is yet to hear
	}
	unmap(program())
}

// await counts the next collection when it is over, and adapts to what lives then. It
// runs in the runtime's goroutine for finalizers, and a finalizer runs once what it
// belongs to was found dead.
func (p *Pacer) await() {
	type dead struct{ *Pacer }
	runtime.SetFinalizer(&dead{p}, func(*dead) {
		p.cycles.Add(1)
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		p.adapt(lives(m.NextGC, m.HeapAlloc, p.percent))
		p.await()
	})
}

func (p *Pacer) adapt(live uint64) {
	if next := percent(live); next != p.percent {
		p.percent = next
		debug.SetGCPercent(next)
	}
}

// percent is GOGC for a heap in which so many bytes live.
func percent(live uint64) int {
	return int(min(max(live*100/whole, tightest), 100))
}

// lives is at most how many bytes live, given the size at which the runtime will
// collect next and what is allocated now, part of which may be garbage.
func lives(next, allocated uint64, percent int) uint64 {
	return min(next*100/uint64(100+percent), next-min(next, distance), allocated)
}
