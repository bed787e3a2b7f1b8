//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// roles are the contenders that are Go code of this program, each in a process of
// its own. A role prints what it has to say as JSON.
var roles = map[string]func(args []string) error{
	"floor":       playFloor,
	"netmond":     playNetmond,
	"vishvananda": playVishvananda,
	"jsimonetti":  playJsimonetti,
	"follow":      playFollow,
	"owner":       playOwner,
	"closer":      playCloser,
	"barecloser":  playBareCloser,
}

func play(role string, args []string) error {
	f, ok := roles[role]
	if !ok {
		return fmt.Errorf("no role %q", role)
	}
	return f(args)
}

// usage is what a process took.
type usage struct {
	CPU    time.Duration // user and system
	Wall   time.Duration
	Peak   uint64 // VmHWM in bytes
	RSS    uint64 // resident at the end, in bytes
	PSS    uint64 // of it, its share of what several processes have
	Routes int
}

// self is what this process has taken, without CPU and Wall, which the parent
// knows better.
func self(routes int) usage {
	u := memory("self")
	u.Routes = routes
	return u
}

// memory reads what of memory a process has; zero where it cannot be read.
func memory(pid string) (u usage) {
	u.Peak = kib("/proc/"+pid+"/status", "VmHWM:")
	u.RSS = kib("/proc/"+pid+"/smaps_rollup", "Rss:")
	u.PSS = kib("/proc/"+pid+"/smaps_rollup", "Pss:")
	return u
}

// kib reads a figure in kB from a file of /proc, in bytes.
func kib(file, key string) uint64 {
	b, _ := os.ReadFile(file)
	for _, line := range strings.Split(string(b), "\n") {
		if rest, ok := strings.CutPrefix(line, key); ok {
			n, _ := strconv.ParseUint(strings.TrimSpace(strings.TrimSuffix(rest, "kB")), 10, 64)
			return n << 10
		}
	}
	return 0
}

func tell(v any) error { return json.NewEncoder(os.Stdout).Encode(v) }

// command is this program in a role.
func command(role string, args ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), envRole+"="+role)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// spend runs a role to its end and says what that took.
func spend(role string, args ...string) (usage, error) {
	var out bytes.Buffer
	cmd := command(role, args...)
	cmd.Stdout = &out
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return usage{}, fmt.Errorf("%s: %w", role, err)
	}
	wall := time.Since(start)
	var u usage
	if err := json.Unmarshal(out.Bytes(), &u); err != nil {
		return u, fmt.Errorf("%s: %w", role, err)
	}
	u.Wall, u.CPU = wall, cpuOf(cmd.ProcessState)
	return u, nil
}

func cpuOf(s *os.ProcessState) time.Duration { return s.UserTime() + s.SystemTime() }

// cpuNow is the CPU that a running process has had so far, of all its threads
// that still run (/proc/PID/task/TID/schedstat, in ns).
func cpuNow(pid int) (time.Duration, error) {
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	for _, t := range tasks {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/schedstat", pid, t.Name()))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, err
		}
		ns, _, _ := strings.Cut(string(b), " ")
		n, err := strconv.ParseInt(ns, 10, 64)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(n)
	}
	return sum, nil
}

// cpuSelf is the CPU of this process so far.
func cpuSelf() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err) // it has no way to fail
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// ip runs an ip command.
func ip(args string) error {
	out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ip %s: %w: %s", args, err, bytes.TrimSpace(out))
	}
	return nil
}

// ipBatch runs many ip commands in one process.
func ipBatch(lines ...string) error {
	cmd := exec.Command("ip", "-batch", "-")
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n"))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("ip -batch: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}
