// Command report runs `go test -json ...`, its arguments, and prints what a
// person wants of it: each package's line, the output of what failed, and in the
// end what was slow and how many tests there were. It fails where go test does,
// and where no test ran.
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	if len(args) == 0 {
		return fmt.Errorf("usage: report go test -json PACKAGES")
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stderr = os.Stderr
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	var s summary
	s.read(pipe, out)
	err = cmd.Wait()
	s.print(out)
	if err != nil {
		return fmt.Errorf("go test: %w", err)
	}
	if s.count["pass"] == 0 {
		return fmt.Errorf("no test ran")
	}
	return nil
}

// event is a line of `go test -json` (go doc test2json, go help buildjson).
type event struct {
	Action  string
	Package string
	Test    string
	Elapsed float64 // seconds
	Output  string
}

// timing is how long a test or a package took.
type timing struct {
	seconds float64
	name    string
}

// summary is what is left of the events. The zero value is ready to use.
type summary struct {
	packages, tests []timing
	count           map[string]int // of tests with their subtests, by action
}

// read takes in the events and prints what cannot wait.
func (s *summary) read(in io.Reader, out io.Writer) {
	s.count = make(map[string]int)
	said := make(map[[2]string]string) // by package and test
	for lines := bufio.NewReader(in); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			fmt.Fprint(out, line)
			return
		}
		var e event
		if json.Unmarshal([]byte(line), &e) != nil {
			fmt.Fprint(out, line) // the go command's own words
			continue
		}
		key := [2]string{e.Package, e.Test}
		switch e.Action {
		case "build-output":
			fmt.Fprint(out, e.Output)
		case "output":
			said[key] += e.Output
		case "pass", "fail", "skip":
			if e.Test == "" {
				fmt.Fprint(out, verdict(e.Action, said[key]))
				s.packages = append(s.packages, timing{e.Elapsed, e.Package})
				break
			}
			s.count[e.Action]++
			if !strings.Contains(e.Test, "/") { // its subtests are part of it
				s.tests = append(s.tests, timing{e.Elapsed, e.Test + " in " + e.Package})
			}
			if e.Action == "fail" {
				fmt.Fprint(out, said[key])
			}
			delete(said, key)
		}
	}
}

// verdict is what Go says of a package: all of it where it failed, else the last
// line.
func verdict(action, said string) string {
	if action == "fail" {
		return said
	}
	lines := strings.SplitAfter(strings.TrimRight(said, "\n"), "\n")
	return lines[len(lines)-1] + "\n"
}

func (s *summary) print(out io.Writer) {
	list := func(what string, times []timing, n int) {
		slices.SortStableFunc(times, func(a, b timing) int { return cmp.Compare(b.seconds, a.seconds) })
		fmt.Fprintf(out, "\nslowest %s:\n", what)
		for _, t := range times[:min(n, len(times))] {
			fmt.Fprintf(out, "%7.2f s  %s\n", t.seconds, t.name)
		}
	}
	list("packages", s.packages, 5)
	list("tests", s.tests, 10)
	fmt.Fprintf(out, "\n%d passed, %d failed, %d skipped\n", s.count["pass"], s.count["fail"], s.count["skip"])
}
