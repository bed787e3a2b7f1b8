//go:build linux

package kernel

import (
	"bytes"
	"fmt"
	"os/exec"
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
