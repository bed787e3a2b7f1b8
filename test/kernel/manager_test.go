//go:build linux

package kernel

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// The tests of the files manager_*_test.go run what really manages networks, from
// Debian's packages, beside the daemon: a manager changes a link in its own way
// and order, which no ip command of ours has.

// manager is a program that manages links of the device, or serves one that does.
type manager struct {
	*process
	name string
	said *lockedBuffer
}

// manage starts a program in the network namespace ns.
func manage(t testing.TB, ns, program string, args ...string) *manager {
	t.Helper()
	m := &manager{process: run(t, ns, nil, program, args...), name: filepath.Base(program), said: new(lockedBuffer)}
	go func() {
		for line := range m.lines {
			_, _ = m.said.Write([]byte(line + "\n"))
		}
	}()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s said:\n%s", m.name, m.said)
		}
	})
	return m
}

// says waits until the program has said something for the nth time.
func (m *manager) says(t testing.TB, text string, n int) {
	t.Helper()
	eventually(t, m.name+" says "+text, func() bool {
		m.alive(t)
		return strings.Count(m.said.String()+m.stderr.String(), text) >= n
	})
}

// alive fails the test where the program has ended.
func (m *manager) alive(t testing.TB) {
	t.Helper()
	select {
	case <-m.done:
		t.Fatalf("%s ended: %v\n%s%s", m.name, m.err, m.said, m.stderr)
	default:
	}
}

// signal sends the program a signal.
func (m *manager) signal(t testing.TB, sig syscall.Signal) {
	t.Helper()
	if err := m.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// finish asks the program to end, and waits until it has.
func (m *manager) finish(t testing.TB) {
	t.Helper()
	m.signal(t, syscall.SIGTERM)
	m.ended(t)
}

// ended waits until the program has ended.
func (m *manager) ended(t testing.TB) {
	t.Helper()
	eventually(t, m.name+" ends", func() bool {
		select {
		case <-m.done:
			return true
		default:
			return false
		}
	})
}

// own puts empty directories, of this test alone, over those that a manager keeps
// its state in.
func own(t testing.TB, dirs ...string) {
	t.Helper()
	for _, dir := range dirs {
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=755"); err != nil {
			skip(t, "no mount over "+dir+": "+err.Error())
		}
	}
}

// ownFile puts an empty file, of this test alone, over one that a manager writes.
func ownFile(t testing.TB, path string) {
	t.Helper()
	mine := place(t, filepath.Base(path), 0o644, "")
	if err := unix.Mount(mine, path, "", unix.MS_BIND, ""); err != nil {
		skip(t, "no mount over "+path+": "+err.Error())
	}
}

// place makes a file of the test's own under /run, and returns its path.
func place(t testing.TB, name string, mode os.FileMode, lines ...string) string {
	t.Helper()
	path := filepath.Join("/run", name)
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // whatever the umask
		t.Fatal(err)
	}
	return path
}

// unmanaged takes from wan0 what the topology gave it: the manager is to do that.
// What is behind wan1 stays.
func unmanaged(t testing.TB) {
	t.Helper()
	do(t, "address flush dev wan0 scope global", "route add 203.0.113.0/26 via "+wan1Gateway)
}

// leased is an address of wan0 that only a manager gives it.
const leased, leasedNext = "192.0.2.50", "192.0.2.60"

// has says whether wan0 has the address and the device a default route by wan0.
func has(t testing.TB, address string) bool {
	t.Helper()
	return strings.Contains(ip(t, "-4 address show dev wan0"), " "+address+"/") && strings.Contains(ip(t, "route show default"), "dev wan0")
}
