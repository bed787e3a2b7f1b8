package smd

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// ErrRunning says that another daemon serves the socket.
var ErrRunning = errors.New("smd: another daemon is running")

// maxPath is the longest path of a Unix socket: sun_path of unix(7) without its
// NUL.
const maxPath = 107

// listener removes the lock together with the socket.
type listener struct {
	*net.UnixListener
	lock *os.File
	once sync.Once
}

// Listen serves the Unix socket at path, to which every user may connect. It
// makes the directory if there is none, and replaces the socket of a daemon that
// died, but not the one of a daemon that lives: that is ErrRunning. The file
// path.lock is held as long as the listener is open; closing it removes both.
func Listen(path string) (net.Listener, error) {
	if len(path) > maxPath {
		return nil, fmt.Errorf("smd: listen: %s: longer than %d bytes: choose a shorter path", path, maxPath)
	}
	if err := makeDir(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("smd: listen: %w", err)
	}
	lock, err := takeLock(path)
	if err != nil {
		return nil, err
	}
	l, err := bind(path)
	if err != nil {
		dropLock(lock)
		return nil, err
	}
	return &listener{UnixListener: l, lock: lock}, nil
}

// Close stops listening and removes the socket and its lock. Both are gone when
// it returns, whoever closes at the same time.
func (l *listener) Close() error {
	err := net.ErrClosed
	l.once.Do(func() {
		err = l.UnixListener.Close()
		dropLock(l.lock)
	})
	return err
}

// makeDir makes dir for everyone to enter, whatever the umask; one that exists
// is left as it is.
func makeDir(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.Chmod(dir, 0o755)
}

// takeLock returns the locked lock file of the socket at path. It is nobody
// else's to open, so nobody else can hold the lock to keep the daemon out.
func takeLock(path string) (*os.File, error) {
	for {
		f, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, fmt.Errorf("smd: listen: %w", err)
		}
		taken, err := flock(f)
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("smd: listen: %s: %w", f.Name(), err)
		}
		if !taken {
			defer f.Close()
			return nil, running(path, f)
		}
		// The holder before may have removed the file after it was opened here.
		if current(f) {
			if err := f.Truncate(0); err == nil {
				fmt.Fprintf(f, "%d\n", os.Getpid())
			}
			return f, nil
		}
		f.Close()
	}
}

// current reports whether f still is the file of its name.
func current(f *os.File) bool {
	a, err := f.Stat()
	if err != nil {
		return false
	}
	b, err := os.Stat(f.Name())
	return err == nil && os.SameFile(a, b)
}

// dropLock removes the lock while it is still held.
func dropLock(lock *os.File) {
	os.Remove(lock.Name())
	lock.Close()
}

// running returns ErrRunning with what is known of who runs.
func running(path string, lock *os.File) error {
	who := ""
	if lock != nil {
		var text [20]byte
		n, _ := lock.ReadAt(text[:], 0)
		if pid, err := strconv.Atoi(strings.TrimSpace(string(text[:n]))); err == nil {
			who = fmt.Sprintf(" as process %d", pid)
		}
	}
	return fmt.Errorf("%w%s on %s: stop it first, or choose another socket", ErrRunning, who, path)
}

// bind makes the socket. The lock is held, so whatever stands at path was left
// behind, unless it answers.
func bind(path string) (*net.UnixListener, error) {
	switch info, err := os.Lstat(path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("smd: listen: %w", err)
	case info.Mode().Type() != fs.ModeSocket:
		return nil, fmt.Errorf("smd: listen: %s is no socket: remove it, or choose another path", path)
	default:
		c, err := net.DialTimeout("unix", path, time.Second)
		if err == nil {
			c.Close()
		}
		if !gone(err) {
			return nil, running(path, nil)
		}
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("smd: listen: %w", err)
		}
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("smd: listen: %w", err)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		l.Close()
		return nil, fmt.Errorf("smd: listen: %w", err)
	}
	return l, nil
}
