package main

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// isTerminal says whether what is written to w is read on a terminal.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// busClock is the time of the bus's messages: CLOCK_MONOTONIC in µs.
func busClock() int64 {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) != nil {
		return 0 // it has always been there
	}
	return ts.Nano() / 1000
}
