//go:build !linux

package main

import "io"

// isTerminal knows of no terminal.
func isTerminal(io.Writer) bool { return false }

// busClock knows no time.
func busClock() int64 { return 0 }
