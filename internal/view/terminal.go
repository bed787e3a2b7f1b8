package view

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// lineMax is the width of a terminal, in columns, that every line of ordinary
// names keeps to. What is longer, a portal's URL say, is not cut: it is to be
// copied.
const lineMax = 80

// Printable is s with what a terminal would act on, or show as nothing, replaced:
// control characters, directions of writing, bytes that are no UTF-8. Names of links
// and what comes from the network or the bus are a stranger's text.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !strconv.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// Paint says whether a terminal may be given colours. The zero value may not.
type Paint bool

// The colours, by what they mean (ECMA-48 SGR).
const (
	plain = ""
	good  = "32" // green
	warn  = "33" // yellow
	bad   = "31" // red
	faint = "2"
)

// in is s in a colour.
func (p Paint) in(colour, s string) string {
	if !p || colour == plain || s == "" {
		return s
	}
	return "\x1b[" + colour + "m" + s + "\x1b[0m"
}

// internet is the colour of what was found behind an uplink.
func internet(state string) string {
	switch state {
	case "OK":
		return good
	case "Captive":
		return warn
	case "No internet":
		return bad
	}
	return faint
}

// cell is one place of a table.
type cell struct{ text, colour string }

// align puts rows into columns as wide as what is in them, two blanks apart. The
// last column is not filled up.
func (p Paint) align(rows [][]cell) []string {
	var width []int
	for _, row := range rows {
		for i, c := range row {
			if i == len(width) {
				width = append(width, 0)
			}
			width[i] = max(width[i], utf8.RuneCountInString(c.text))
		}
	}
	lines := make([]string, len(rows))
	for n, row := range rows {
		var b strings.Builder
		for i, c := range row {
			b.WriteString(p.in(c.colour, c.text))
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", width[i]-utf8.RuneCountInString(c.text)+2))
			}
		}
		lines[n] = b.String()
	}
	return lines
}

// ago is how long ago something was, in its largest unit.
func ago(d time.Duration) string {
	switch {
	case d < time.Second:
		return "now"
	case d < time.Minute:
		return fmt.Sprintf("%d s ago", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", d/time.Hour)
	}
	return fmt.Sprintf("%d days ago", d/(24*time.Hour))
}
