//go:build linux

// Command init is the first process of a guest: it mounts what there must be,
// loads the modules, runs the jobs of its image one after the other, and turns the
// machine off. Under another init, which has mounted some already, it is
// what that one starts.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/netmond/netmond/test/qemu/console"
)

func main() {
	if err := speak(); err != nil {
		fmt.Println("init:", err)
	}
	if err := run(); err != nil {
		fmt.Println("init:", err)
	}
	console.Say(console.Down)
	if err := unix.IoctlSetInt(1, unix.TCSBRK, 1); err != nil { // tcdrain(3): what is not out is lost
		fmt.Println("init: serial line:", err)
	}
	if err := unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF); err != nil {
		fmt.Println("init: power off:", err)
	}
	select {} // the end of the first process is a panic
}

// speak has this process, and those that it starts, write to the console itself: what
// another init passes on would be lost when the power goes.
func speak() error {
	c, err := os.OpenFile("/dev/console", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	defer c.Close()
	for _, fd := range []int{1, 2} {
		if err := unix.Dup3(int(c.Fd()), fd, 0); err != nil {
			return fmt.Errorf("console: %w", err)
		}
	}
	return nil
}

func run() error {
	for _, m := range []struct{ kind, at string }{
		{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}, {"tmpfs", "/run"}, {"tmpfs", "/tmp"},
	} {
		if err := os.MkdirAll(m.at, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(m.kind, m.at, m.kind, 0, ""); err != nil && !errors.Is(err, unix.EBUSY) {
			return fmt.Errorf("mount %s: %w", m.at, err)
		}
	}
	os.Setenv("PATH", "/bin")
	os.Setenv("TMPDIR", "/tmp")
	if err := calm(); err != nil {
		return err
	}
	if err := load("/modules"); err != nil {
		return err
	}
	text, err := os.ReadFile(console.Jobs)
	if err != nil {
		return err
	}
	var jobs []console.Job
	if err := json.Unmarshal(text, &jobs); err != nil {
		return fmt.Errorf("%s: %w", console.Jobs, err)
	}
	console.Say(console.Up)
	for _, j := range jobs {
		cmd := exec.Command(j.Args[0], j.Args[1:]...)
		cmd.Env = append(os.Environ(), j.Env...)
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stdout
		console.Say(console.Begin, j.Name)
		if err := cmd.Run(); cmd.ProcessState == nil {
			fmt.Println("init:", err)
			console.Say(console.End, j.Name, -1)
			continue
		}
		console.Say(console.End, j.Name, cmd.ProcessState.ExitCode())
	}
	return nil
}

// calm makes the guest cheaper to emulate, and its clock right. For the calling
// thread, which it keeps, and for the processes that that starts.
//
// An emulated processor forgets all of its translations when it turns to another
// process. SCHED_BATCH spares it half of that: who is woken waits for its turn.
//
// QEMU's timer of a MIPS processor may lose an interrupt when it is set while it
// rings, and rings again only when its 32 bits have gone round, 27 s later, of which
// the guest's clock knows nothing. The board's own timer does not.
func calm() error {
	runtime.LockOSThread()
	batch := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_BATCH}
	if err := unix.SchedSetAttr(0, &batch, 0); err != nil {
		return fmt.Errorf("SCHED_BATCH: %w", err)
	}
	const events = "/sys/devices/system/clockevents/clockevent0/"
	if name, err := os.ReadFile(events + "current_device"); err != nil || string(name) != "MIPS\n" {
		return nil
	}
	if err := os.WriteFile(events+"unbind_device", []byte("MIPS\n"), 0); err != nil {
		return fmt.Errorf("the processor's timer: %w", err)
	}
	return nil
}

// load loads the modules of a directory in its order.
func load(dir string) error {
	order, err := os.Open(filepath.Join(dir, "order"))
	if err != nil {
		return err
	}
	defer order.Close()
	lines := bufio.NewScanner(order)
	for lines.Scan() {
		if err := insert(filepath.Join(dir, lines.Text())); err != nil {
			return fmt.Errorf("module %s: %w", lines.Text(), err)
		}
	}
	return lines.Err()
}

func insert(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	err = unix.FinitModule(int(f.Fd()), "", 0)
	if errors.Is(err, unix.EEXIST) || errors.Is(err, unix.ENODEV) { // loaded; for hardware that is not there
		return nil
	}
	return err
}
