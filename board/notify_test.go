package board

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestNewNotifier(t *testing.T) {
	for _, tt := range []struct {
		name, socket, usec, pid string
		notifies                bool
		interval                time.Duration
		err                     string
	}{
		{name: "no-manager"},
		{name: "no-manager-but-watchdog", usec: "1000000"},
		{name: "path", socket: "/run/systemd/notify", notifies: true},
		{name: "abstract", socket: "@notify", notifies: true},
		{name: "watchdog", socket: "/n", usec: "30000000", notifies: true, interval: 15 * time.Second},
		{name: "watchdog-of-this-process", socket: "/n", usec: "3000001", pid: "42", notifies: true, interval: 1500000500 * time.Nanosecond},
		{name: "watchdog-of-another-process", socket: "/n", usec: "30000000", pid: "43", notifies: true},
		{name: "vsock", socket: "vsock:2:1234", err: `board: NOTIFY_SOCKET "vsock:2:1234": neither`},
		{name: "relative", socket: "notify", err: `board: NOTIFY_SOCKET "notify": neither`},
		{name: "bare-at", socket: "@", err: `board: NOTIFY_SOCKET "@": neither`},
		{name: "watchdog-zero", socket: "/n", usec: "0", err: `board: WATCHDOG_USEC "0": not`},
		{name: "watchdog-negative", socket: "/n", usec: "-1", err: `board: WATCHDOG_USEC "-1": not`},
		{name: "watchdog-overflows", socket: "/n", usec: "9007199254740992", err: `board: WATCHDOG_USEC "9007199254740992": not`},
		{name: "watchdog-longest", socket: "/n", usec: "9007199254740991", notifies: true, interval: 9007199254740991 * time.Microsecond / 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			env := map[string]string{"NOTIFY_SOCKET": tt.socket, "WATCHDOG_USEC": tt.usec, "WATCHDOG_PID": tt.pid}
			n, err := NewNotifier(func(k string) string { return env[k] }, 42)
			if tt.err != "" {
				if err == nil || !strings.HasPrefix(err.Error(), tt.err) {
					t.Errorf("error = %v, want %s...", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if (n != nil) != tt.notifies || n.Interval() != tt.interval {
				t.Errorf("notifies %v every %v, want %v every %v", n != nil, n.Interval(), tt.notifies, tt.interval)
			}
		})
	}
}

func TestNotify(t *testing.T) {
	for _, name := range []string{
		filepath.Join(t.TempDir(), "notify"),
		fmt.Sprintf("@netmond-test-%d", os.Getpid()),
	} {
		t.Run(name[:1], func(t *testing.T) {
			manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram", Name: name})
			if err != nil {
				t.Fatal(err)
			}
			defer manager.Close()
			n, err := NewNotifier(func(k string) string { return map[string]string{"NOTIFY_SOCKET": name}[k] }, 1)
			if err != nil {
				t.Fatal(err)
			}
			before, err := monotonic()
			if err != nil {
				t.Fatal(err)
			}
			for _, tt := range []struct {
				send func() error
				want string
			}{
				{n.Ready, "READY=1"},
				{func() error { return n.Status("2 uplinks, wan OK") }, "STATUS=2 uplinks, wan OK"},
				{func() error { return n.Status("a\nREADY=1\x00\x1b[2J\xff") }, "STATUS=a READY=1  [2J?"},
				{func() error { return n.Status(strings.Repeat("é", 400)) }, "STATUS=" + strings.Repeat("é", 256)},
				{n.Reloading, "RELOADING=1\nMONOTONIC_USEC="},
				{n.Stopping, "STOPPING=1"},
				{n.Watchdog, "WATCHDOG=1"},
			} {
				if err := tt.send(); err != nil {
					t.Fatalf("%s: %v", tt.want, err)
				}
				got := receive(t, manager)
				if usec, ok := strings.CutPrefix(got, "RELOADING=1\nMONOTONIC_USEC="); ok {
					at, err := strconv.ParseInt(usec, 10, 64)
					after, _ := monotonic()
					if err != nil || at < before.Microseconds() || at > after.Microseconds() {
						t.Errorf("reloading at %s us, want between %d and %d", usec, before.Microseconds(), after.Microseconds())
					}
					got = strings.TrimSuffix(got, usec)
				}
				if got != tt.want {
					t.Errorf("got %q, want %q", got, tt.want)
				}
			}
		})
	}
}

func TestNotifyAfterTheManagerWasReplaced(t *testing.T) {
	name := filepath.Join(t.TempDir(), "notify")
	n, err := NewNotifier(func(k string) string { return map[string]string{"NOTIFY_SOCKET": name}[k] }, 1)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := n.Ready(); err == nil || !strings.HasPrefix(err.Error(), "board: notify: ") {
			t.Errorf("Ready with no manager = %v", err)
		}
		manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram", Name: name})
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Ready(); err != nil {
			t.Error(err)
		}
		if got := receive(t, manager); got != "READY=1" {
			t.Errorf("got %q, want READY=1", got)
		}
		manager.Close()
		os.Remove(name)
	}
}

func TestNilNotifier(t *testing.T) {
	var n *Notifier
	if n.Interval() != 0 {
		t.Errorf("Interval() = %v", n.Interval())
	}
	for _, send := range []func() error{n.Ready, n.Reloading, n.Stopping, n.Watchdog, func() error { return n.Status("x") }} {
		if err := send(); err != nil {
			t.Error(err)
		}
	}
}

func receive(t *testing.T, conn *net.UnixConn) string {
	t.Helper()
	conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	b := make([]byte, 4096)
	n, err := conn.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}
