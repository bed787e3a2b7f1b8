// Package console is what a guest and its host say to each other over the guest's
// serial line: lines of text, between those that the kernel and the tests print.
package console

import (
	"fmt"
	"strings"
)

// Job is a program that the guest's first process runs to its end. What it prints
// stands between the words Begin and End. The list of them is the file Jobs, JSON.
type Job struct {
	Name string   // no spaces
	Args []string // the program first
	Env  []string // beyond PATH and TMPDIR
}

// Jobs is where the guest finds what to do.
const Jobs = "/jobs"

// A word from the guest, and what follows it.
const (
	Up     = "up"     // the first process has prepared everything; nothing follows
	Begin  = "begin"  // of a job: its name
	End    = "end"    // of a job: its name, its exit code
	Down   = "down"   // all jobs have run; nothing follows
	Cable  = "cable"  // pull or plug it: "on" or "off"
	Figure = "figure" // to print in the table: its name, its value
)

const prefix = "@guest "

// Say prints a word. A line before it that was not ended is ended.
func Say(word string, args ...any) {
	fmt.Print("\n", prefix, word, " ", fmt.Sprintln(args...))
}

// Hear returns the word that a line is, with what follows it, or nothing.
func Hear(line string) []string {
	text, ok := strings.CutPrefix(strings.TrimSpace(line), prefix)
	if !ok {
		return nil
	}
	return strings.Fields(text)
}
