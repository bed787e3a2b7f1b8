// Package packaging tests what surrounds the binary on a device: units and init
// scripts, DHCP hooks, the packages of OpenWrt and Yocto, manual pages and completion.
// What they say of the program is compared with the program itself.
//
// Where a tool is missing a test skips; with NETMOND_KERNEL=1 or NETMOND_DEVICE=1 in the
// environment a skip is a failure.
package packaging

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// deadline is for one program to end; none takes a tenth of it.
const deadline = 30 * time.Second

// root is the source tree.
const root = "../.."

// version is the one that the binary under test says it has.
const version = "1.2.3"

// binary is the program under test, and mini its flavour without TLS.
var binary, mini string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "netmond-packaging-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		binary, mini = filepath.Join(dir, "netmond"), filepath.Join(dir, "mini", "netmond")
		for path, tags := range map[string]string{binary: "", mini: "notls"} {
			cmd := exec.Command("go", "build", "-tags", tags, "-buildvcs=false", "-ldflags", "-X main.version="+version, "-o", path, root+"/cmd/netmond")
			if out, err := cmd.CombinedOutput(); err != nil {
				fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
				return 1
			}
		}
		return m.Run()
	}())
}

// need returns the path of a tool, and skips where it is missing.
func need(t *testing.T, tool, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(tool)
	if err != nil {
		skip(t, tool+" is missing: apt-get install "+pkg)
	}
	return path
}

func skip(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("NETMOND_KERNEL") == "1" || os.Getenv("NETMOND_DEVICE") == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// read returns a file of the source tree.
func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// run runs a program that has to succeed, and returns what it prints.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// commands are those that `netmond -h` lists.
func commands(t *testing.T) []string {
	t.Helper()
	return matches(t, run(t, binary, "-h"), `(?m)^  ([a-z]+)  `)
}

// flags are those of a command, without a dash.
func flags(t *testing.T, command string) []string {
	t.Helper()
	return matches(t, run(t, binary, command, "-h"), `(?m)^  -([a-z-]+)`)
}

// options are the flags of run as they are called in a configuration.
func options(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, f := range flags(t, "run") {
		if f != "config" {
			out = append(out, strings.ReplaceAll(f, "-", "_"))
		}
	}
	return out
}

// matches are the distinct first submatches of an expression, sorted; none is a
// failure.
func matches(t *testing.T, text, expr string) []string {
	t.Helper()
	var out []string
	for _, m := range regexp.MustCompile(expr).FindAllStringSubmatch(text, -1) {
		out = append(out, m[1])
	}
	if len(out) == 0 {
		t.Fatalf("nothing matches %s", expr)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// same compares two sorted lists.
func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	slices.Sort(want)
	for _, w := range want {
		if !slices.Contains(got, w) {
			t.Errorf("%s lacks %s", what, w)
		}
	}
	for _, g := range got {
		if !slices.Contains(want, g) {
			t.Errorf("%s has %s, which there is not", what, g)
		}
	}
}

// files are those of the folders whose content or name passes keep.
func files(t *testing.T, keep func(path string, content []byte) bool, folders ...string) []string {
	t.Helper()
	var out []string
	for _, folder := range folders {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, e fs.DirEntry, err error) error {
			if err != nil || !e.Type().IsRegular() {
				return err
			}
			b, err := os.ReadFile(path)
			if err == nil && keep(path, b) {
				out = append(out, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(out) == 0 {
		t.Fatalf("no such files in %v", folders)
	}
	return out
}

func script(path string, content []byte) bool {
	return bytes.HasPrefix(content, []byte("#!/bin/sh")) || strings.HasSuffix(path, ".sh") || strings.HasSuffix(path, ".bash")
}
