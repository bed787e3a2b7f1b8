//go:build linux

package kernel

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// ip runs one ip command, as in ip(t, "-n peer route add ..."), and returns what
// it prints.
func ip(t testing.TB, args string) string {
	t.Helper()
	out, err := output(strings.Fields(args), "")
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// try is ip that may fail.
func try(args string) error {
	_, err := output(strings.Fields(args), "")
	return err
}

// batch runs many ip commands in one process, in this namespace.
func batch(t testing.TB, lines ...string) {
	t.Helper()
	if _, err := output([]string{"-batch", "-"}, strings.Join(lines, "\n")); err != nil {
		t.Fatal(err)
	}
}

// do runs ip commands in as few processes as it takes: one for each run of lines
// with the same options.
func do(t testing.TB, lines ...string) {
	t.Helper()
	if err := doing(lines...); err != nil {
		t.Fatal(err)
	}
}

// doing is do that may fail; it goes on after an error.
func doing(lines ...string) error {
	var errs error
	for len(lines) > 0 {
		options, command := cutOptions(lines[0])
		run := []string{command}
		for lines = lines[1:]; len(lines) > 0; lines = lines[1:] {
			more, command := cutOptions(lines[0])
			if !slices.Equal(more, options) {
				break
			}
			run = append(run, command)
		}
		_, err := output(append(options, "-force", "-batch", "-"), strings.Join(run, "\n"))
		errs = errors.Join(errs, err)
	}
	return errs
}

// cutOptions splits an ip command in front of its object.
func cutOptions(line string) (options []string, command string) {
	words := strings.Fields(line)
	n := 0
	for ; strings.HasPrefix(words[n], "-"); n++ {
		if words[n] == "-n" {
			n++
		}
	}
	return words[:n:n], strings.Join(words[n:], " ")
}

func output(args []string, stdin string) (string, error) {
	cmd := exec.Command("ip", args...)
	cmd.Stdin = strings.NewReader(stdin)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(errs.Bytes()))
	}
	return string(out), nil
}
