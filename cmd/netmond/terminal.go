package main

import (
	"io"
	"os"

	"github.com/netmond/netmond/internal/view"
)

// paint says whether w may be given colours: a terminal that knows them, and
// nobody who has asked for none (no-color.org).
func paint(w io.Writer, getenv func(string) string) view.Paint {
	term := getenv("TERM")
	return view.Paint(getenv("NO_COLOR") == "" && term != "" && term != "dumb" && isTerminal(w))
}

// paint is for what the command prints.
func (c *invocation) paint() view.Paint { return paint(c.stdout, os.Getenv) }
