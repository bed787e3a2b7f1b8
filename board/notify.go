package board

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// A Notifier tells the service manager how the daemon is, by systemd's protocol
// (sd_notify(3)): datagrams of VARIABLE=value lines to the socket that the
// manager named in the environment. Other supervisors (s6, runit's wrappers,
// containers) take the same.
//
// Nil is usable and tells nobody; it is what a daemon without such a manager has,
// procd's too. Immutable, so safe for concurrent use.
type Notifier struct {
	addr     net.UnixAddr
	watchdog time.Duration
}

const (
	// notifyTimeout bounds one message. The manager's socket is full only where the
	// manager hangs; waiting longer would hang the daemon with it.
	notifyTimeout = time.Second

	// maxStatus is the longest status line, in bytes. systemd reads 4096 bytes of a
	// message and shows one line of a terminal.
	maxStatus = 512
)

// NewNotifier reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID by way of getenv,
// which is os.Getenv in a daemon; pid is the daemon's. It returns nil and no error where
// there is nobody to notify. The environment is the caller's to clear, so that
// children do not notify in the daemon's name.
func NewNotifier(getenv func(string) string, pid int) (*Notifier, error) {
	path := getenv("NOTIFY_SOCKET")
	if path == "" {
		return nil, nil
	}
	if path[0] != '/' && path[0] != '@' || len(path) < 2 {
		return nil, fmt.Errorf("board: NOTIFY_SOCKET %q: neither an absolute path nor @ and a name", path)
	}
	n := &Notifier{addr: net.UnixAddr{Net: "unixgram", Name: path}}
	usec := getenv("WATCHDOG_USEC")
	if owner := getenv("WATCHDOG_PID"); usec == "" || owner != "" && owner != strconv.Itoa(pid) {
		return n, nil
	}
	// 2^53 us are 285 years, and fit a Duration.
	v, err := strconv.ParseUint(usec, 10, 53)
	if err != nil || v == 0 {
		return nil, fmt.Errorf("board: WATCHDOG_USEC %q: not a number of microseconds", usec)
	}
	n.watchdog = time.Duration(v) * time.Microsecond
	return n, nil
}

// Interval is how often to call Watchdog: half the time after which the
// manager kills; 0 where it does not watch.
func (n *Notifier) Interval() time.Duration {
	if n == nil {
		return 0
	}
	return n.watchdog / 2
}

// Ready says that the daemon does its work, at first and after Reloading.
func (n *Notifier) Ready() error { return n.send("READY=1") }

// Status shows one line to the operator (systemctl status). Line breaks and control
// characters become blanks, and what is longer than 512 bytes is cut.
func (n *Notifier) Status(line string) error {
	line = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(line, "?"))
	return n.send("STATUS=" + cut(line, maxStatus))
}

// Reloading says that the configuration is being read again; Ready ends it.
func (n *Notifier) Reloading() error {
	if n == nil {
		return nil
	}
	// systemd matches the time with its own request (Type=notify-reload).
	now, err := monotonic()
	if err != nil {
		return fmt.Errorf("board: notify: clock: %w", err)
	}
	return n.send("RELOADING=1\nMONOTONIC_USEC=" + strconv.FormatInt(now.Microseconds(), 10))
}

// Stopping says that the daemon is ending, as asked.
func (n *Notifier) Stopping() error { return n.send("STOPPING=1") }

// Watchdog says that the loop makes progress. To be called by the loop itself.
func (n *Notifier) Watchdog() error { return n.send("WATCHDOG=1") }

// send opens a socket for each message, as sd_notify does: the manager may have
// re-executed itself since the last.
func (n *Notifier) send(message string) error {
	if n == nil {
		return nil
	}
	conn, err := net.DialUnix(n.addr.Net, nil, &n.addr)
	if err != nil {
		return fmt.Errorf("board: notify: %w", err)
	}
	defer conn.Close()
	conn.SetWriteDeadline(time.Now().Add(notifyTimeout))
	if _, err := conn.Write([]byte(message)); err != nil {
		return fmt.Errorf("board: notify: %w", err)
	}
	return nil
}
