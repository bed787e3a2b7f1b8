package main

import (
	"fmt"
	"io"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal opens a terminal that nobody looks at.
func terminal(t *testing.T) *os.File {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestColourOnATerminalAlone(t *testing.T) {
	tty := terminal(t)
	r, pipe, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer pipe.Close()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for _, c := range []struct {
		name string
		w    io.Writer
		env  map[string]string
		want bool
	}{
		{"a terminal", tty, map[string]string{"TERM": "linux"}, true},
		{"NO_COLOR", tty, map[string]string{"TERM": "linux", "NO_COLOR": "1"}, false},
		{"NO_COLOR=0", tty, map[string]string{"TERM": "linux", "NO_COLOR": "0"}, false},
		{"a dumb terminal", tty, map[string]string{"TERM": "dumb"}, false},
		{"an unknown terminal", tty, nil, false},
		{"a pipe", pipe, map[string]string{"TERM": "linux"}, false},
		{"a device that is no terminal", null, map[string]string{"TERM": "linux"}, false},
		{"no file", io.Discard, map[string]string{"TERM": "linux"}, false},
	} {
		if got := paint(c.w, func(key string) string { return c.env[key] }); bool(got) != c.want {
			t.Errorf("%s: colour %v, want %v", c.name, got, c.want)
		}
	}
}
