package qemu

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/netmond/netmond/test/qemu/console"
)

// deadline is for a guest, from its start to its end. The slowest takes a third of
// it on a busy machine with two processors.
const deadline = 6 * time.Minute

// measured is filled by the guests and printed in the end.
var measured table

func TestMain(m *testing.M) {
	code := m.Run()
	out := os.Stdout
	if path := os.Getenv("QEMU_TABLE"); path != "" { // go test -json hides what it prints
		f, err := os.Create(path)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		out = f
	}
	measured.print(out)
	os.Exit(code)
}

// TestGuest boots each guest, two at a time with -parallel 2, and makes the tests
// that run there its own.
func TestGuest(t *testing.T) {
	for _, g := range guests {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			image := baseImage(t, g, dir)
			build(t, g, "test/kernel", filepath.Join(dir, "kernel"))
			add(t, image, "bin/kernel", filepath.Join(dir, "kernel"))
			build(t, g, "test/qemu/init", filepath.Join(dir, "init"))
			add(t, image, "init", filepath.Join(dir, "init"))
			boot(t, g, g.name, dir, image, []console.Job{
				story("story", "/bin/netmond", g),
				story("mini", "/bin/netmond-mini", g),
				{Name: "kernel", Args: []string{"/bin/kernel", "-test.v=test2json", "-test.short", "-test.timeout=5m", "-test.run=" + cmp.Or(os.Getenv("GUEST_TESTS"), kernelTests), "-test.skip=" + g.skip},
					Env: []string{"NETMOND_KERNEL=1", "NETMOND_BINARY=/bin/netmond"}},
			})
		})
	}
}

// kernelTests are those of test/kernel that guests run, a selection by what depends
// on the processor and on the drivers that other kernels lack; GUEST_TESTS in the
// environment is another expression for them.
const kernelTests = "TestHarness|TestProbeHarmsNobody|TestRungWithoutPrivilege|TestNoSockDiag|" +
	"TestTrap(2|3|4|8|12|15|18|21|22)[^0-9]"

// TestUnderInit runs the story where u-root's init is the first process, and what
// else is the first one is started by that.
func TestUnderInit(t *testing.T) {
	t.Parallel()
	for _, g := range guests {
		if g.name != "arm64" {
			continue
		}
		dir := t.TempDir()
		i := baseImage(t, g, dir)
		build(t, g, "github.com/u-root/u-root/cmds/core/init", filepath.Join(dir, "u-root-init"))
		add(t, i, "init", filepath.Join(dir, "u-root-init"))
		build(t, g, "test/qemu/init", filepath.Join(dir, "uinit"))
		add(t, i, "bin/uinit", filepath.Join(dir, "uinit"))
		boot(t, g, "u-root", dir, i, []console.Job{story("story", "/bin/netmond", g)})
	}
}

// story is the job of the story with a flavour of the command.
func story(name, binary string, g guest) console.Job {
	return console.Job{
		Name: name,
		Args: []string{"/bin/story", "-test.v=test2json", "-test.timeout=3m"},
		Env: []string{"NETMOND_BINARY=" + binary, "STORY_RUNG=" + g.rung,
			"STORY_NEAR=" + nearMAC, "STORY_FAR=" + farMAC},
	}
}

// cache is where the script kernels has put what it made.
func cache() string {
	if dir := os.Getenv("NETMOND_QEMU_CACHE"); dir != "" {
		return dir
	}
	dir := os.Getenv("XDG_CACHE_HOME")
	if dir == "" {
		dir = filepath.Join(os.Getenv("HOME"), ".cache")
	}
	return filepath.Join(dir, "netmond-qemu")
}

// baseImage is an image with both flavours of the command and the story.
func baseImage(t *testing.T, g guest, dir string) *image {
	t.Helper()
	if _, err := exec.LookPath(g.qemu); err != nil {
		skip(t, err.Error())
	}
	i, err := newImage(filepath.Join(cache(), g.name))
	if err != nil {
		skip(t, fmt.Sprintf("%v: test/qemu/kernels %s makes it", err, g.name))
	}
	dist := filepath.Join("..", "..", "dist", g.binary)
	if _, err := os.Stat(dist); err != nil {
		skip(t, fmt.Sprintf("%v: make qemu builds it", err))
	}
	add(t, i, "bin/netmond", dist)
	add(t, i, "bin/netmond-mini", dist+"-mini")
	add(t, i, "etc/authorities.pem", "/etc/ssl/certs/ca-certificates.crt")
	build(t, g, "test/qemu/story", filepath.Join(dir, "story"))
	add(t, i, "bin/story", filepath.Join(dir, "story"))
	return i
}

func add(t *testing.T, i *image, name, path string) {
	t.Helper()
	if err := i.file(name, path); err != nil {
		t.Fatal(err)
	}
}

// build builds a command for the guest, or the tests of a package.
func build(t *testing.T, g guest, pkg, out string) {
	t.Helper()
	args, dir := []string{"test", "-c"}, filepath.Join("..", "..", pkg)
	what := "."
	if filepath.Base(pkg) == "init" {
		args = []string{"build"}
	}
	if strings.HasPrefix(pkg, "github.com/") {
		dir, what = ".", pkg
	}
	cmd := exec.Command("go", append(args, "-trimpath", "-ldflags=-s -w", "-o", out, what)...)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux"), g.env...)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build %s: %v\n%s", pkg, err, text)
	}
}

// boot runs the jobs in the guest, and tells of each as a subtest. row is the
// table's.
func boot(t *testing.T, g guest, row, dir string, i *image, jobs []console.Job) {
	t.Helper()
	if err := i.jobs(jobs); err != nil {
		t.Fatal(err)
	}
	m := &machine{guest: g, kernel: filepath.Join(cache(), g.name, "vmlinuz"), initrd: filepath.Join(dir, "initrd"), dir: dir}
	if err := i.write(m.initrd); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	said := make(map[string]*strings.Builder) // by job
	codes := make(map[string]string)
	var job string
	var began, last time.Duration
	seconds := func(d time.Duration) string { return fmt.Sprintf("%.1f", d.Seconds()) }
	log, err := os.Create(filepath.Join("..", "..", "dist", "qemu-"+row+".log")) // the serial line, whole
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	err = m.run(ctx, func(line string, at time.Duration) {
		fmt.Fprintf(log, "%7.3f %s\n", at.Seconds(), line)
		last = at
		word := console.Hear(line)
		if word == nil {
			if job != "" {
				fmt.Fprintln(said[job], line)
			}
			return
		}
		switch word[0] {
		case console.Up:
			measured.note(row, "boot", seconds(at))
		case console.Begin:
			job, began = word[1], at
			said[job] = new(strings.Builder)
		case console.End:
			measured.note(row, word[1], seconds(at-began))
			codes[word[1]], job = word[2], ""
		case console.Figure:
			measured.note(row, word[1], word[2])
		}
	})
	measured.note(row, "total", seconds(last))
	measured.note(row, "cpu", seconds(m.used))
	for _, j := range jobs {
		t.Run(j.Name, func(t *testing.T) {
			text, ok := said[j.Name]
			if !ok {
				t.Fatal("did not begin")
			}
			r, err := parse(text.String())
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range r.subs {
				t.Run(s.name, s.tell)
			}
			if codes[j.Name] != "0" || len(r.subs) == 0 {
				t.Errorf("exit code %s after %d tests:\n%s", codes[j.Name], len(r.subs), r.output.String())
			}
		})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// skip ends the test: it cannot run here.
func skip(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("NETMOND_KERNEL") == "1" {
		t.Fatalf("%s (NETMOND_KERNEL=1 forbids to skip)", why)
	}
	t.Skip(why)
}
