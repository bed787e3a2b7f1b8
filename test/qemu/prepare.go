package qemu

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// dist is where `make cross` leaves its binaries.
var dist = filepath.Join("..", "..", "dist")

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

// ready is a guest that is prepared, or is being prepared.
type ready struct {
	guest
	built chan struct{} // closed when its programs are built
	done  chan struct{} // closed when all of it is done, and the rest is set

	machine *machine
	took    time.Duration
	err     error
}

// prepare makes the guest's kernel and builds its programs, and puts them into an
// image in dir. The kernel may take minutes when it is made for the first time, so
// it is made beside everything; programs are built when after is closed, since the go
// command uses all processors by itself.
func prepare(dir string, g guest, after <-chan struct{}) *ready {
	r := &ready{guest: g, built: make(chan struct{}), done: make(chan struct{})}
	start := time.Now()
	var kernel, programs error
	var both sync.WaitGroup
	both.Add(2)
	go func() {
		defer both.Done()
		kernel = makeKernel(g)
	}()
	go func() {
		defer both.Done()
		defer close(r.built)
		<-after
		programs = buildPrograms(dir, g)
	}()
	go func() {
		defer close(r.done)
		both.Wait()
		r.took = time.Since(start)
		if r.err = kernel; r.err == nil {
			r.err = programs
		}
		if r.err == nil {
			r.machine, r.err = assemble(dir, g)
		}
	}()
	return r
}

// makeKernel has the script kernels make what the guest boots, where it has not
// been made.
func makeKernel(g guest) error {
	cmd := exec.Command("./kernels", g.cached())
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("kernels %s: %w\n%s", g.cached(), err, text)
	}
	return nil
}

// buildPrograms builds the guest's programs into dir, by their names there.
func buildPrograms(dir string, g guest) error {
	for name, pkg := range g.programs() {
		if err := build(g, pkg, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// build builds a command for the guest, or the tests of a package.
func build(g guest, pkg, out string) error {
	args, dir, what := []string{"test", "-c"}, filepath.Join("..", "..", pkg), "."
	if filepath.Base(pkg) == "init" {
		args = []string{"build"}
	}
	if strings.HasPrefix(pkg, "github.com/") {
		dir, what = ".", pkg
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	cmd := exec.Command("go", append(args, "-trimpath", "-ldflags=-s -w", "-o", out, what)...)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux"), g.env...)
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", pkg, err, text)
	}
	return nil
}

// assemble writes the guest's image: both flavours of the command, and its
// programs.
func assemble(dir string, g guest) (*machine, error) {
	kept := filepath.Join(cache(), g.cached())
	i, err := newImage(kept)
	if err != nil {
		return nil, err
	}
	files := map[string]string{
		"bin/netmond":         filepath.Join(dist, g.binary),
		"bin/netmond-mini":    filepath.Join(dist, g.binary+"-mini"),
		"etc/authorities.pem": "/etc/ssl/certs/ca-certificates.crt",
	}
	for name := range g.programs() {
		files[name] = filepath.Join(dir, name)
	}
	const found = "testdata/oracle" // of test/kernel, whose working directory is the root
	sequences, err := os.ReadDir(filepath.Join("..", "kernel", found))
	if err != nil {
		return nil, err
	}
	for _, s := range sequences {
		files[found+"/"+s.Name()] = filepath.Join("..", "kernel", found, s.Name())
	}
	for name, path := range files {
		if err := i.file(name, path); err != nil {
			return nil, fmt.Errorf("%w: make qemu builds what is in dist", err)
		}
	}
	if err := i.jobs(jobs(g)); err != nil {
		return nil, err
	}
	m := &machine{guest: g, kernel: filepath.Join(kept, "vmlinuz"), initrd: filepath.Join(dir, "initrd"), dir: dir}
	return m, i.write(m.initrd)
}
