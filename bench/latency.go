//go:build linux

package main

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// latency measures from the deletion of a route to the error in a blocking read
// of the connection that used it: netmond without a settle time against the
// floor, in turns.
func latency(c *config) ([]row, error) {
	if err := openPeer(); err != nil {
		return nil, err
	}
	others, err := openOwners(far, c.Others)
	defer others.stop()
	if err != nil {
		return nil, err
	}
	took := make(map[string][]time.Duration)
	var ratios []float64
	const turns = 4
	for range turns {
		for _, role := range []string{"barecloser", "closer"} {
			list, err := closeRounds(role, max(1, c.Rounds/turns))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", role, err)
			}
			took[role] = append(took[role], list...)
			if role == "closer" {
				ratios = append(ratios, ratio(median(list), median(took["barecloser"][len(took["barecloser"])-len(list):])))
			}
		}
	}
	what := fmt.Sprintf("route deleted to error, %s other sockets: ", count(c.Others))
	r := median(ratios)
	return []row{
		info(what+"floor", "p50 %s, p99 %s", us(median(took["barecloser"])), us(quantile(took["barecloser"], 0.99))),
		info(what+"netmond", "p50 %s, p99 %s", us(median(took["closer"])), us(quantile(took["closer"], 0.99))),
		goal(what+"p50 of netmond / floor", r <= 1.5, "at most 1.5", "%.2f", r),
	}, nil
}

// closeRounds has one of them close a connection, again and again.
func closeRounds(role string, rounds int) ([]time.Duration, error) {
	h, err := start(role, "0s")
	if err != nil {
		return nil, err
	}
	defer h.stop()
	if _, err := h.line(); err != nil {
		return nil, err
	}
	w, err := newWriter()
	if err != nil {
		return nil, err
	}
	defer w.close()
	var list []time.Duration
	for i := range rounds {
		d, err := closeRound(w, i)
		if err != nil {
			return nil, err
		}
		list = append(list, d)
	}
	return list, nil
}

func closeRound(w *writer, i int) (time.Duration, error) {
	if err := w.change(func() error { return w.add(near, near0) }); err != nil {
		return 0, err
	}
	fd, err := dial(near, i)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 5}); err != nil {
		return 0, err
	}
	type end struct {
		at  time.Duration
		err error
	}
	ended := make(chan end)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := error(unix.EINTR)
		for err == unix.EINTR {
			_, err = unix.Read(fd, make([]byte, 1))
		}
		ended <- end{monotonic(), err}
	}()
	breathe(30 * time.Millisecond) // the route is known and the reader reads
	start := monotonic()
	if err := w.change(func() error { return w.del(near, near0) }); err != nil {
		return 0, err
	}
	e := <-ended
	if !errors.Is(e.err, unix.ECONNABORTED) {
		return 0, fmt.Errorf("the owner's read ended with %v, want %v", e.err, unix.ECONNABORTED)
	}
	return e.at - start, nil
}
