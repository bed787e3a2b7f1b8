package conn

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestOwner is no test but the process that owns a connection in those below: it
// dials, and prints how its read and then its write end.
func TestOwner(t *testing.T) {
	to := os.Getenv("NETMOND_DIAL")
	if to == "" {
		t.Skip("for the other tests alone")
	}
	c, err := net.Dial("tcp", to)
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("NETMOND_BLOCKING") != "" {
		c = blocking(t, c)
	}
	fmt.Println("open")
	n, rerr := c.Read(make([]byte, 1))
	_, werr := c.Write([]byte("x"))
	fmt.Printf("read %d %v; write %v\n", n, rerr, werr)
}

// blocking is a connection whose calls wait in the kernel, as a plain C program's do.
func blocking(t *testing.T, c net.Conn) net.Conn {
	file, err := c.(*net.TCPConn).File()
	if err == nil {
		err = unix.SetNonblock(int(file.Fd()), false)
	}
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	return blockingConn{fd: int(file.Fd()), file: file}
}

type blockingConn struct {
	net.Conn
	fd   int
	file *os.File
}

func (c blockingConn) Read(b []byte) (int, error)  { return unix.Read(c.fd, b) }
func (c blockingConn) Write(b []byte) (int, error) { return unix.Write(c.fd, b) }

// owned starts a process that owns a connection to this one, and returns its flow,
// the server's end, and its next line.
func owned(t *testing.T, d *Device, env ...string) (Flow, net.Conn, func() string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestOwner$", "-test.v")
	cmd.Env = append(append(os.Environ(), "NETMOND_DIAL="+l.Addr().String()), env...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	lines := make(chan string, 10)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			if !strings.HasPrefix(s.Text(), "=== ") {
				lines <- s.Text()
			}
		}
	}()
	next := func() string {
		select {
		case line := <-lines:
			return line
		case <-time.After(10 * time.Second):
			t.Fatal("the owner says nothing")
			return ""
		}
	}
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	if got := next(); got != "open" {
		t.Fatalf("the owner says %q", got)
	}
	for f, err := range d.diag.(*Diag).All(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		if f.Local.String() == server.RemoteAddr().String() {
			return f, server, next
		}
	}
	t.Fatal("the kernel does not list the connection")
	return Flow{}, nil, nil
}

func openDevice(t *testing.T) *Device {
	t.Helper()
	d := OpenDevice(context.Background())
	t.Cleanup(func() { d.Shut() })
	return d
}

// Each rung that closes ends another process's connection with an error, and no
// clean end of file.
func TestRungsClose(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	sh(t, "ip link set lo up")
	for rung, want := range map[Rung]string{
		Destroy: syscall.ECONNABORTED.Error(),
		Pidfd:   syscall.ECONNRESET.Error(),
	} {
		d := openDevice(t)
		if got, why := d.Rung(); got != Destroy {
			t.Fatalf("Rung = %s (%s), want sock_destroy on this kernel", got, why)
		}
		if err := probePidfd(); err != nil {
			t.Fatalf("probePidfd = %v", err)
		}
		d.rung = rung // as on a kernel that has no better
		f, server, next := owned(t, d)
		other, _, _ := owned(t, d)
		for range 2 { // the second time it is gone, and that is no error
			if err := d.Close(context.Background(), f, Cause{Reason: NoRoute}); err != nil {
				t.Fatalf("%s: Close = %v", rung, err)
			}
		}
		if line := next(); !strings.HasPrefix(line, "read 0 ") || strings.Contains(line, "EOF") || !strings.Contains(line, want) {
			t.Errorf("%s: the owner got %q, want %q", rung, line, want)
		}
		if _, err := server.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%s: the peer's read = %v, want a reset", rung, err)
		}
		still := false
		for x := range d.diag.(*Diag).All(context.Background()) {
			still = still || x.Cookie == other.Cookie
		}
		if !still {
			t.Errorf("%s: another connection of the same kind went too", rung)
		}
	}
}

// A thread that waits in recv(2) is woken by each rung. Kernels from 6.5 refuse to
// disconnect a socket that is waited for (tcp_disconnect, EBUSY), most of them no
// more: there it is shut down.
func TestRungsWakeBlockedReaders(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	sh(t, "ip link set lo up")
	for _, rung := range []Rung{Destroy, Pidfd} {
		d := openDevice(t)
		d.rung = rung
		f, _, next := owned(t, d, "NETMOND_BLOCKING=1")
		if err := d.owners.with(f.Inode, func(int) error { return nil }); err != nil {
			t.Fatal(err)
		}
		awaitRead(t, d.owners.byInode[f.Inode].pid)
		if err := d.Close(context.Background(), f, Cause{Reason: NoRoute}); err != nil {
			t.Fatalf("%s: Close = %v", rung, err)
		}
		if line := next(); !strings.HasPrefix(line, "read ") || strings.Contains(line, "read 1") {
			t.Errorf("%s: the owner got %q", rung, line)
		} else {
			t.Logf("%s: %s", rung, line)
		}
	}
}

// awaitRead waits until a thread of the process is in read(2).
func awaitRead(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		calls, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/syscall", pid))
		for _, file := range calls {
			if text, _ := os.ReadFile(file); strings.HasPrefix(string(text), strconv.Itoa(unix.SYS_READ)+" ") {
				return
			}
		}
	}
	t.Fatalf("process %d does not come to read", pid)
}

func TestAdvisoryClosesNothing(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	sh(t, "ip link set lo up")
	d := openDevice(t)
	d.rung = Advisory
	f, _, _ := owned(t, d)
	if err := d.Close(context.Background(), f, Cause{}); !errors.Is(err, ErrAdvisory) {
		t.Errorf("Close = %v, want ErrAdvisory", err)
	}
}

// What the listing cannot tell is read from the owner's socket; a mark that
// packets are routed by is not its own, and stays.
func TestInspect(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	sh(t, "ip link set lo up")
	d := openDevice(t)
	d.rung = Pidfd
	f, _, _ := owned(t, d)
	asked := f
	asked.MarkKnown, asked.Oif = false, 99
	if got, err := d.Inspect(context.Background(), asked); err != nil || got != f || !got.MarkKnown {
		t.Errorf("Inspect = %+v, %v, want %+v", got, err, f)
	}
	d.marks.mask = 7
	asked = f
	asked.Mark = 0x200
	if got, err := d.Inspect(context.Background(), asked); err != nil || got != asked {
		t.Errorf("Inspect with mark rules = %+v, %v, want %+v", got, err, asked)
	}
	asked.MarkKnown = false
	if got, err := d.Inspect(context.Background(), asked); err != nil || got != asked {
		t.Errorf("Inspect with a mark that could not be read = %+v, %v, want %+v", got, err, asked)
	}
}

// A descriptor's number may have been given to another file since the walk.
func TestOwnersSpareRecycledDescriptors(t *testing.T) {
	var fds [2]int
	for i := range fds {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		fds[i] = fd
	}
	inode := func(fd int) uint32 {
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			t.Fatal(err)
		}
		return uint32(st.Ino)
	}
	if err := probePidfd(); err != nil {
		lacking(t, "no second rung here: %v", err)
	}
	var o owners
	first, second := inode(fds[0]), inode(fds[1])
	same := func(want uint32) func(int) error {
		return func(fd int) error {
			if got := inode(fd); got != want {
				t.Errorf("the duplicate is of inode %d, want %d", got, want)
			}
			return nil
		}
	}
	for _, want := range []uint32{first, second} {
		if err := o.with(want, same(want)); err != nil {
			t.Fatalf("with(%d) = %v", want, err)
		}
	}
	if err := unix.Dup3(fds[1], fds[0], unix.O_CLOEXEC); err != nil { // the first socket is gone, its number taken
		t.Fatal(err)
	}
	touched := func(int) error { t.Error("another file was touched"); return nil }
	if err := o.with(first, touched); !errors.Is(err, errNoOwner) {
		t.Errorf("with(a recycled descriptor's inode) = %v, want errNoOwner", err)
	}
	if err := o.with(0, touched); !errors.Is(err, errNoOwner) {
		t.Errorf("with(an orphan's inode) = %v, want errNoOwner", err)
	}
	if err := o.with(second, same(second)); err != nil {
		t.Errorf("with(%d) = %v", second, err)
	}
}

// Without the privilege the second rung is not there, and it is said why.
func TestNoPidfdWithoutPtrace(t *testing.T) {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends without the capability
		hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		if err := unix.Capset(&hdr, &none[0]); err != nil {
			done <- err
			return
		}
		done <- probePidfd()
	}()
	if err := <-done; err == nil || !strings.Contains(err.Error(), "CAP_SYS_PTRACE") && !errors.Is(err, syscall.ENOSYS) {
		t.Errorf("probePidfd = %v, want that CAP_SYS_PTRACE is missing", err)
	}
}
