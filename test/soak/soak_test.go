//go:build linux

package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// build builds the soak and the command, and returns their paths.
func build(t *testing.T) (soak, netmond string) {
	t.Helper()
	dir := t.TempDir()
	for _, pkg := range []string{"test/soak", "cmd/netmond"} {
		out, err := exec.Command("go", "build", "-o", dir+"/", "github.com/netmond/netmond/"+pkg).CombinedOutput()
		if err != nil {
			t.Fatalf("go build: %v\n%s", err, out)
		}
	}
	return filepath.Join(dir, "soak"), filepath.Join(dir, "netmond")
}

// soaked runs the soak and returns what it prints. It skips where there are no
// namespaces; with NETMOND_KERNEL=1 in the environment that is a failure.
func soaked(t *testing.T, args ...string) (string, error) {
	t.Helper()
	strict := os.Getenv("NETMOND_KERNEL") == "1"
	if _, err := exec.LookPath("ip"); err != nil && !strict {
		t.Skip("ip is missing: install the package iproute2")
	}
	soak, netmond := build(t)
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, soak, append(args, netmond)...)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if code := new(exec.ExitError); errors.As(err, &code) && code.ExitCode() == forbidden && !strict {
		t.Skip(string(out))
	}
	return string(out), err
}

// TestSoak is the soak in short.
func TestSoak(t *testing.T) {
	t.Parallel()
	out, err := soaked(t, "-minutes", "0.17", "-seed", "1", "-calls", "300")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Log(out)
}

// TestSoakSees shows that the soak fails where netmond does not do what it
// promises: here by flags that make it promise something else.
func TestSoakSees(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ flags, want string }{
		{"-close=none", "and lives on"},
		{"-settle=0", "had not been dead for long enough, and netmond closed it"},
	} {
		t.Run(test.flags, func(t *testing.T) {
			t.Parallel()
			out, err := soaked(t, "-minutes", "0.15", "-seed", "1", "-calls", "100", "-flags", test.flags)
			if err == nil || !strings.Contains(out, test.want) {
				t.Errorf("the soak ended with %v, want it to fail and to say %q\n%s", err, test.want, out)
			}
		})
	}
}
