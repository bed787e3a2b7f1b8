//go:build linux

// Package kernel tests netmond against the kernel, which is always right.
//
// A kernel test runs in network namespaces of its own, as root of a user
// namespace of its own, so it needs no privilege and leaves nothing behind:
//
//	func TestSomething(t *testing.T) {
//		kernel(t, func(t *testing.T) {
//			topology(t)                                    // wan0, wan1, peer
//			w := watch(t)                                  // rtnl.Watch and rtable.Apply
//			ip(t, "route add default via 192.0.2.1")
//			w.settle(t)                                    // until it equals a fresh dump
//		})
//	}
//
// What there is to build tests of, each with its own file:
//
//	netns_test.go     kernel(t, f)            f in fresh namespaces, in a process of its own
//	                  in(t, "peer", f)        f on a thread in another network namespace
//	                  sysctl(t, key, v)             net.* of this namespace, within in() of that one
//	                  need(t, tool, pkg)      skips where a tool is missing
//	                  skip(t, why)            a skip that NETMOND_KERNEL=1 makes a failure
//	                  eventually(t, what, f)  polls f, with a deadline
//	ip_test.go        ip(t, "..."), try("...") iproute2, "-n peer ..." for the other side
//	                  batch(t, lines...)      many of them in one process
//	topology_test.go  topology(t)             two uplinks and a peer that is the Internet
//	process_test.go   start(t, ns, role, ...) this test binary as a helper process
//	                  netmond(t, ns, ...)     the daemon, or one of its commands
//	owner_test.go     owner(t, ns, ...)       a helper process that owns TCP sockets and reports their end
//	watch_test.go     watch(t), sniff(t)      the table that follows; the raw messages
//	                  fresh(t)                the table of a new dump
//	ask_test.go       newAsker(t)             RTM_GETROUTE
//	manager_test.go   manage(t, ns, ...)      a network manager, from Debian's packages, beside the daemon
//	scene_test.go     newScene(t)             all of these at once: what the kernel said, what Changes
//	                                          told, and whether the table is right, after each act
//
// Where user namespaces are forbidden the tests skip; with NETMOND_KERNEL=1 in
// the environment any skip is a failure.
package kernel

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Environment of the processes that a test run starts of itself.
const (
	envInside = "NETMOND_KERNEL_INSIDE" // set: this process is in the namespaces already
	envRole   = "NETMOND_KERNEL_ROLE"   // this process is a helper: see roles
	envBuild  = "NETMOND_KERNEL_BUILD"  // directory where built binaries are kept for the run
	envStrict = "NETMOND_KERNEL"        // 1: a skip is a failure
)

// patience bounds every wait for the kernel. It is far above what the kernel
// takes (a second, for carrier), so that a loaded machine fails no test.
const patience = 10 * time.Second

func TestMain(m *testing.M) {
	flag.Parse()
	if role := os.Getenv(envRole); role != "" {
		os.Exit(play(role, flag.Args()))
	}
	if os.Getenv(envInside) != "" {
		if err := furnish(); err != nil {
			fmt.Printf("%s%v\n", noNamespace, err)
			os.Exit(1)
		}
		os.Exit(m.Run())
	}
	os.Exit(outside(m))
}

// outside runs the tests of the first process.
func outside(m *testing.M) int {
	dir, err := os.MkdirTemp("", "netmond-kernel-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	os.Setenv(envBuild, dir)
	return m.Run()
}

// noNamespace opens the line by which a child says that it may not do what a
// namespace's root should: not a failure of the test.
const noNamespace = "kernel: namespace: "

// furnish prepares the namespaces of a child: mounts that nobody else sees, an
// empty /run for `ip netns` and daemons, and lo.
func furnish() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("private mounts: %w", err)
	}
	if err := unix.Mount("tmpfs", "/run", "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("tmpfs on /run: %w", err)
	}
	if err := os.Mkdir("/run/netns", 0o755); err != nil {
		return err
	}
	return try("link set lo up")
}

// kernel runs f in fresh user, network and mount namespaces: the test process
// starts itself there once more, for this test alone. It may be used in subtests
// too, each of which then has namespaces of its own.
func kernel(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	if os.Getenv(envInside) != "" {
		f(t)
		return
	}
	text, err := inside(t)
	switch {
	case err != nil:
		t.Fatalf("%v\n%s", err, text)
	case !strings.Contains(text, "--- PASS: "+t.Name()) && strings.Contains(text, "--- SKIP: "+t.Name()):
		skip(t, text)
	case !strings.Contains(text, "--- PASS: "+t.Name()):
		t.Fatalf("the test did not run in the namespace:\n%s", text)
	case testing.Verbose():
		t.Log(text)
	}
}

// inside runs the test t once more, in namespaces of its own, and returns what
// that printed and how it ended.
func inside(t *testing.T, env ...string) (string, error) {
	t.Helper()
	need(t, "ip", "iproute2")
	ctx := context.Background()
	args := []string{"-test.run=" + pattern(t.Name()), "-test.v", "-test.count=1"}
	if end, ok := t.Deadline(); ok {
		args = append(args, "-test.timeout="+(time.Until(end)-time.Second).String())
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, end)
		defer cancel()
	}
	flag.Visit(func(f *flag.Flag) {
		if !strings.HasPrefix(f.Name, "test.") || f.Name == "test.short" {
			args = append(args, "-"+f.Name+"="+f.Value.String())
		}
	})
	cmd := exec.CommandContext(ctx, self(t), args...)
	cmd.Env = append(append(os.Environ(), envInside+"=1"), env...)
	cmd.SysProcAttr = namespaces()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		skip(t, "user and network namespaces are forbidden here: "+err.Error())
	}
	err := cmd.Wait()
	if why, ok := strings.CutPrefix(out.String(), noNamespace); ok {
		skip(t, "namespaces are restricted here: "+why)
	}
	return out.String(), err
}

// pattern is the -test.run that selects exactly the test of that name.
func pattern(name string) string {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		parts[i] = "^" + regexp.QuoteMeta(p) + "$"
	}
	return strings.Join(parts, "/")
}

func self(t testing.TB) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// namespaces asks for fresh namespaces in which the caller is root. Root maps
// the ordinary ids too, so that rules can tell users apart; others can map only
// themselves.
func namespaces() *syscall.SysProcAttr {
	n := 1
	if os.Getuid() == 0 {
		n = 65536
	}
	return &syscall.SysProcAttr{
		Cloneflags:                 syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET | syscall.CLONE_NEWNS,
		UidMappings:                []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: n}},
		GidMappings:                []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: n}},
		GidMappingsEnableSetgroups: n > 1,
		Pdeathsig:                  syscall.SIGKILL,
	}
}

// skip ends the test: it cannot run here.
func skip(t testing.TB, why string) {
	t.Helper()
	if os.Getenv(envStrict) == "1" {
		t.Fatalf("%s (%s=1 forbids to skip)", why, envStrict)
	}
	t.Skip(why)
}

// need skips where a program is missing, and says which package brings it.
func need(t testing.TB, program, pkg string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		skip(t, fmt.Sprintf("%s is missing: install the package %s", program, pkg))
	}
}

// in runs f on a thread inside the named network namespace; "" is the test's
// own. Sockets that f opens and processes that it starts belong there for ever;
// goroutines do not.
func in(t testing.TB, ns string, f func()) {
	t.Helper()
	if ns == "" {
		f()
		return
	}
	if err := within(ns, f); err != nil {
		t.Fatal(err)
	}
}

func within(ns string, f func()) error {
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return err
	}
	defer home.Close()
	there, err := os.Open(filepath.Join("/run/netns", ns))
	if err != nil {
		return err
	}
	defer there.Close()
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("namespace %s: %w", ns, err)
	}
	defer func() {
		if err := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); err != nil {
			panic(fmt.Sprintf("no way back from namespace %s: %v", ns, err))
		}
		runtime.UnlockOSThread()
	}()
	f()
	return nil
}

// sysctl sets a key like "net/ipv4/conf/all/forwarding" in the namespace of the
// calling thread.
func sysctl(t testing.TB, key, value string) {
	t.Helper()
	err := os.WriteFile(filepath.Join("/proc/sys", key), []byte(value), 0)
	if errors.Is(err, unix.EROFS) || errors.Is(err, unix.EACCES) {
		skip(t, "the namespace's sysctls cannot be written: "+err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// eventually polls f until it answers true. Where an event can be waited for,
// wait for that instead.
func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !f(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("waited %v in vain: %s", patience, what)
		}
	}
}
