package conn

import "sync/atomic"

// A Pulse tells whether a Sweeper makes progress: it may wait for the kernel, or for
// whoever takes its reports, and a watchdog wants to know for how long. The zero value
// is at rest; nil tells no one. Safe for concurrent use.
type Pulse struct {
	beats atomic.Uint64 // odd while at work
}

// Beats is a number that changes with each step of the work, and whether there is
// work. Where it stays the same for seconds while there is, the Sweeper is stuck.
func (p *Pulse) Beats() (n uint64, working bool) {
	n = p.beats.Load()
	return n, n%2 == 1
}

// turn goes from rest to work, or back.
func (p *Pulse) turn() { p.add(1) }

// step is a step of the work.
func (p *Pulse) step() { p.add(2) }

func (p *Pulse) add(n uint64) {
	if p != nil {
		p.beats.Add(n)
	}
}
