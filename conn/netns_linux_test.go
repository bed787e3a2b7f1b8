package conn

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

var update = flag.Bool("update", false, "capture the fixtures again, on a little-endian machine")

// inNamespace runs the calling test in a child of this process that has a
// network namespace of its own, and says whether this is the child. It needs
// no root where user namespaces are allowed. Where none can be had the test is
// skipped, or, with NETMOND_KERNEL=1, fails.
func inNamespace(t *testing.T) bool {
	t.Helper()
	if os.Getenv("NETMOND_NETNS") != "" {
		return true
	}
	if emulated() {
		t.Skip("the kernel below is of another byte order than this program")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		lacking(t, "no iproute2: %v", err)
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v", "-test.count=1")
	if *update {
		cmd.Args = append(cmd.Args, "-update")
	}
	cmd.Env = append(os.Environ(), "NETMOND_NETNS=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWNET | syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if _, ran := err.(*exec.ExitError); err != nil && !ran {
		lacking(t, "no network namespace: %v", err)
	}
	if err != nil {
		t.Errorf("in its namespace:\n%s", out)
	}
	return false
}

// sh runs a line of shell in the namespace.
func sh(t *testing.T, line string) {
	t.Helper()
	if out, err := exec.Command("sh", "-ec", line).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
}

// emulated says whether a program stands between the test and the kernel, which
// does not pass everything on: not sock_diag, nor TCP_INFO.
func emulated() bool {
	exe, err := os.Readlink("/proc/thread-self/exe")
	return err == nil && strings.HasPrefix(filepath.Base(exe), "qemu-")
}

// lacking ends a test that this machine lacks something for: NETMOND_KERNEL=1 makes
// that a failure.
func lacking(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("NETMOND_KERNEL") == "1" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}
