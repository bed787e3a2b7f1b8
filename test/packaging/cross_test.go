package packaging

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// bare are processors without an FPU, as QEMU's user mode emulates them, by the
// target of `make cross` that is for them. There is none for 386: Go does not run under
// that emulator.
var bare = map[string]struct{ file, emulator, cpu string }{
	"mips":   {"netmond-mips", "qemu-mips-static", "24Kc"},
	"mipsle": {"netmond-mipsle", "qemu-mipsel-static", "24Kc"},
	"arm5":   {"netmond-armv5", "qemu-arm-static", "pxa255"},
}

// TestCross builds by `make cross`, as it chooses among the kinds of each processor:
// the same bytes wherever the tree lies, and nothing that needs an FPU where there is none.
func TestCross(t *testing.T) {
	need(t, "make", "make")
	chosen := regexp.MustCompile(`\bTARGETS := ((?:.*\\\n)*.*)`).FindStringSubmatch(read(t, "Makefile"))
	if chosen == nil {
		t.Fatal("the Makefile has no TARGETS")
	}
	var targets []string
	for _, target := range strings.Fields(strings.ReplaceAll(chosen[1], "\\\n", " ")) {
		if arch, kind, _ := strings.Cut(target, ","); bare[arch].file != "" || kind == "GOARM=5" {
			targets = append(targets, target)
		}
	}
	if len(targets) != len(bare) {
		t.Fatalf("the Makefile has %q for the processors without FPU", targets)
	}
	build := func(dir string, targets ...string) {
		t.Helper()
		copyTree(t, dir)
		// Without a deadline: it may have to compile all of Go.
		out, err := exec.Command("make", "-s", "-C", dir, "cross", "VERSION="+version, "COMMIT=0", "TARGETS="+strings.Join(targets, " ")).CombinedOutput()
		if err != nil {
			t.Fatalf("make cross: %v\n%s", err, out)
		}
	}
	one, other := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "somewhere/else")
	build(one, targets...)
	build(other, targets[0])

	t.Run("reproducible", func(t *testing.T) {
		for _, flavour := range []string{"", "-mini"} {
			name := "dist/" + bare[strings.Split(targets[0], ",")[0]].file + flavour
			a, err := os.ReadFile(filepath.Join(one, name))
			if err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(filepath.Join(other, name))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(a, b) {
				t.Errorf("%s is not the same from one tree to the other", name)
			}
		}
	})
	for _, m := range bare {
		for _, file := range []string{m.file, m.file + "-mini"} {
			t.Run(file, func(t *testing.T) {
				emulator := need(t, m.emulator, "qemu-user-static")
				// It reckons in floating point before it refuses the flag.
				ctx, cancel := context.WithTimeout(context.Background(), deadline)
				defer cancel()
				cmd := exec.CommandContext(ctx, emulator, "-cpu", m.cpu, filepath.Join(one, "dist", file), "run", "-probe-interval", "48.5h")
				out, _ := cmd.CombinedOutput() // the exit code tells
				if code := cmd.ProcessState.ExitCode(); code != 2 || !strings.Contains(string(out), "48h30m0s") {
					t.Errorf("on a processor without FPU it exits with %d and says %s", code, out)
				}
			})
		}
	}
}

// copyTree copies what a build needs of the source tree.
func copyTree(t *testing.T, to string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if e.IsDir() {
			switch name {
			case ".git", "bin", "dist", "test", "bench", "examples":
				return fs.SkipDir
			}
			return os.MkdirAll(filepath.Join(to, name), 0o755)
		}
		top := !strings.Contains(name, string(filepath.Separator))
		if !top && !strings.HasSuffix(name, ".go") && !strings.HasPrefix(name, "scripts") || strings.HasSuffix(name, "_test.go") || !e.Type().IsRegular() {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), b, info.Mode().Perm())
	})
	if err != nil {
		t.Fatal(err)
	}
}
