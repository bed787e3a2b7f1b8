package resident

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func TestPercent(t *testing.T) {
	const MiB = 1 << 20
	for _, c := range []struct {
		live uint64
		want int
	}{{0, 25}, {MiB / 2, 25}, {MiB, 50}, {3 * MiB / 2, 75}, {2 * MiB, 100}, {1 << 40, 100}} {
		if got := percent(c.live); got != c.want {
			t.Errorf("percent(%d) = %d, want %d", c.live, got, c.want)
		}
	}
}

// gogc reads GOGC.
func gogc() int {
	p := debug.SetGCPercent(100)
	debug.SetGCPercent(p)
	return p
}

func TestOperatorsChoiceWins(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(77))
	for _, name := range []string{"GOGC", "GOMEMLIMIT"} {
		p := Pace(func(n string) (string, bool) { return "", n == name })
		p.Release()
		if got := gogc(); got != 77 {
			t.Errorf("GOGC = %d with %s in the environment, want it left at 77", got, name)
		}
	}
}

// Release collects once after any number of collections, and not again.
func TestReleaseOnlyAfterWork(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	p := new(Pacer)
	for _, c := range []struct {
		cycles uint64
		want   uint32
	}{{0, 0}, {3, 1}, {1, 0}, {1, 1}} { // the third is the cycle that Release itself has made
		p.cycles.Add(c.cycles)
		before := cycles()
		p.Release()
		if got := cycles() - before; got != c.want {
			t.Errorf("after %d more collections Release made %d, want %d", c.cycles, got, c.want)
		}
	}
}

func cycles() uint32 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.NumForcedGC
}

// ballast keeps a heap large.
var ballast []byte

// GOGC is 100 for a large heap, and little again once it is small. It changes a
// moment after a collection, so there are as many as it takes.
func TestPaceFollowsWhatLives(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	defer func() { ballast = nil }()
	Pace(func(string) (string, bool) { return "", false })
	for _, c := range []struct{ size, want int }{{64 << 20, 100}, {0, tightest}} {
		ballast = make([]byte, c.size)
		for end := time.Now().Add(10 * time.Second); gogc() != c.want; {
			if time.Now().After(end) {
				t.Fatalf("GOGC = %d with %d bytes alive, want %d", gogc(), c.size, c.want)
			}
			runtime.GC()
		}
	}
}
