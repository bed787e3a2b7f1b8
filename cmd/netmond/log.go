package main

import (
	"io"
	"os"

	"github.com/netmond/netmond/internal/log"
)

// newLogger makes the logger. Under systemd and procd lines get their time from
// the journal or the log daemon.
func newLogger(w io.Writer, o *options) log.Logger {
	stamped := os.Getenv("JOURNAL_STREAM") == "" && os.Getenv("NOTIFY_SOCKET") == "" && os.Getppid() != 1
	return log.New(w, &o.level, o.format.value == "json", stamped)
}
