//go:build linux

package main

import (
	"fmt"
	"net/netip"
	"os"
	"time"
)

const (
	unrelated = 1000 // changes that concern no connection
	spared    = 1000 // connections that a lost default route does not concern
	settle    = 150 * time.Millisecond
)

// scale measures what the number of connections costs: nothing while changes
// concern none of them, and little when one concerns all. netmond runs with its
// usual settle time.
func scale(c *config) ([]row, error) {
	if err := openPeer(); err != nil {
		return nil, err
	}
	if err := ip("route add default via " + gateways[near0].String()); err != nil {
		return nil, err
	}
	kept, err := openOwners(far, spared)
	defer kept.stop()
	if err != nil {
		return nil, err
	}
	few := spared
	thousand, err := unrelatedCPU(10*unrelated, far0)
	if err != nil {
		return nil, err
	}
	rows := []row{goal(fmt.Sprintf("%s connections, %s unrelated route changes: CPU of netmond", count(few), count(10*unrelated)),
		thousand < 2*time.Second, "below 2 s", "%s", ms(thousand))}

	var before, after [2]time.Duration
	ways := [2]int{near0, far0}
	for i, way := range ways {
		if before[i], err = unrelatedCPU(unrelated, way); err != nil {
			return nil, err
		}
	}
	start := time.Now()
	lost, err := openOwners(near, c.Sockets)
	defer lost.stop()
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(os.Stderr, "  %s connections opened in %v\n", count(c.Sockets), time.Since(start).Round(time.Millisecond))
	for i, way := range ways {
		if after[i], err = unrelatedCPU(unrelated, way); err != nil {
			return nil, err
		}
	}
	what := fmt.Sprintf("CPU of %s unrelated route changes at %s and %s connections, ", count(unrelated), count(few), count(few+c.Sockets))
	r := ratio(after[0], before[0])
	rows = append(rows,
		goal(what+"routes like the default", r < 1.5, "does not grow (1.5)", "%s, %s: %.1f times", ms(before[0]), ms(after[0]), r),
		info(what+"routes by the other uplink", "%s, %s: %.1f times", ms(before[1]), ms(after[1]), ratio(after[1], before[1])))

	took, used, wrong, err := loseDefault("closer", lost, c.Sockets, kept)
	if err != nil {
		return nil, err
	}
	lost.stop()
	if err := ip("route add default via " + gateways[near0].String()); err != nil {
		return nil, err
	}
	again, err := openOwners(near, c.Sockets)
	defer again.stop()
	if err != nil {
		return nil, err
	}
	bareTook, bareUsed, _, err := loseDefault("barecloser", again, c.Sockets, nil)
	if err != nil {
		return nil, err
	}
	what = fmt.Sprintf("default route lost, %s connections on it, %s on another: ", count(c.Sockets), count(spared))
	return append(rows,
		goal(what+"closed", wrong == 0, "the right ones", "%s, and %s others", count(c.Sockets), count(wrong)),
		goal(what+"time to the last, 150 ms settle time in it", took < 2*time.Second, "below 2 s", "%s, CPU %s", ms(took), ms(used)),
		info(what+"floor, which lists all and destroys", "%s, CPU %s", ms(bareTook), ms(bareUsed)),
		info(what+"CPU of netmond / floor", "%.2f", ratio(used, bareUsed))), nil
}

// unrelatedCPU is the CPU that netmond takes for n changes, one every half
// millisecond, of routes that lead to no connection's peer.
func unrelatedCPU(n, gateway int) (time.Duration, error) {
	h, err := startCloser("closer")
	if err != nil {
		return 0, err
	}
	defer h.stop()
	w, err := newWriter()
	if err != nil {
		return 0, err
	}
	defer w.close()
	before, err := h.cpu()
	if err != nil {
		return 0, err
	}
	tick := time.NewTicker(500 * time.Microsecond)
	defer tick.Stop()
	for i := range n {
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{100, byte(64 + i/2>>8), byte(i / 2), 0}), 24)
		err := w.change(func() error {
			if i%2 == 0 {
				return w.add(p, gateway)
			}
			return w.del(p, gateway)
		})
		if err != nil {
			return 0, err
		}
		<-tick.C
	}
	breathe(2 * settle)
	after, err := h.cpu()
	return after - before, err
}

func startCloser(role string) (*helper, error) {
	h, err := start(role, settle.String())
	if err != nil {
		return nil, err
	}
	if _, err := h.line(); err != nil {
		h.stop()
		return nil, err
	}
	return h, nil
}

// loseDefault deletes the default route and waits for the end of the n connections
// that it strands: how long that took, the closer's CPU, and how many of those that
// were to be kept have ended too.
func loseDefault(closer string, lost owners, n int, kept owners) (took, used time.Duration, wrong int, err error) {
	h, err := startCloser(closer)
	if err != nil {
		return 0, 0, 0, err
	}
	defer h.stop()
	before, err := h.cpu()
	if err != nil {
		return 0, 0, 0, err
	}
	start := monotonic()
	if err := ip("route del default"); err != nil {
		return 0, 0, 0, err
	}
	var last time.Duration
	for ended := 0; ended < n; {
		breathe(50 * time.Millisecond)
		if ended, last, err = lost.ended(); err != nil {
			return 0, 0, 0, err
		}
		if monotonic()-start > time.Minute {
			return 0, 0, 0, fmt.Errorf("%s: %d of %d connections were closed in a minute", closer, ended, n)
		}
	}
	breathe(2 * settle)
	if wrong, _, err = kept.ended(); err != nil {
		return 0, 0, 0, err
	}
	after, err := h.cpu()
	return last - start, after - before, wrong, err
}
