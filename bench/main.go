//go:build linux

// Command bench measures netmond against the floor, below which nothing that
// does the same can be, and against what a user would pick instead.
//
//	go run .                      everything, some ten minutes
//	go run . -only cold           one measurement
//	go run . -routes 100000 -changes 20000 -sockets 2000 -rounds 20 -runs 1
//
// Each measurement runs in user, network and mount namespaces of its own, which
// the program makes by starting itself, so it needs no privilege and leaves
// nothing behind. What is compared is measured in one run, in turns, in processes
// of their own where CPU or memory count; of several runs the median counts. The
// figures that a goal sets as a ratio hold on any machine, the others on an idle
// one of some years ago.
//
// A contender that is not installed (iproute2's ip, BIRD 2) is left out, and the
// table says so.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// config is the command line.
type config struct {
	Only    string
	Routes  int
	Changes int
	Sockets int
	Others  int
	Rounds  int
	Runs    int
	Verbose bool
}

// measurement is one of the program's.
type measurement struct {
	name string
	does string
	run  func(*config) ([]row, error)
}

var measurements = []measurement{
	{"cold", "the first table: CPU, time and memory", cold},
	{"table", "a change of one route, and a lookup", table},
	{"storm", "a burst of routes through a small receive buffer", storm},
	{"latency", "from a route's end to the error at the socket's owner", latency},
	{"scale", "many connections: unrelated changes, and a lost default route", scale},
	{"bus", "messages to subscribers in the process and over the socket", bus},
}

const (
	envInside = "NETMOND_BENCH_INSIDE" // set: the process is in its namespaces
	envRole   = "NETMOND_BENCH_ROLE"   // the process is a contender: see roles
)

func main() {
	if role := os.Getenv(envRole); role != "" {
		exit(play(role, os.Args[1:]))
	}
	c := parse()
	if os.Getenv(envInside) != "" {
		exit(inside(c))
	}
	exit(outside(c))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func parse() *config {
	var c config
	names := make([]string, len(measurements))
	for i, m := range measurements {
		names[i] = m.name
	}
	flag.StringVar(&c.Only, "only", "", "one measurement: "+strings.Join(names, ", "))
	flag.IntVar(&c.Routes, "routes", 1_000_000, "routes of the large table")
	flag.IntVar(&c.Changes, "changes", 200_000, "route changes of the storm")
	flag.IntVar(&c.Sockets, "sockets", 100_000, "TCP sockets on the device, of the measurement scale")
	flag.IntVar(&c.Others, "others", 10_000, "sockets that a change does not concern, of the measurement latency")
	flag.IntVar(&c.Rounds, "rounds", 200, "repetitions of the measurement latency")
	flag.IntVar(&c.Runs, "runs", 3, "runs of each contender, of which the median counts")
	flag.BoolVar(&c.Verbose, "v", false, "tell of each run")
	flag.Parse()
	if flag.NArg() > 0 || c.Only != "" && !slices.Contains(names, c.Only) {
		flag.Usage()
		os.Exit(2)
	}
	return &c
}

// outside runs each measurement in fresh namespaces and prints the table.
func outside(c *config) error {
	var all []row
	var failed []string
	for _, m := range measurements {
		if c.Only != "" && c.Only != m.name {
			continue
		}
		fmt.Fprintf(os.Stderr, "%s: %s\n", m.name, m.does)
		rows, err := enter(m.name)
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", m.name, err)
			failed = append(failed, m.name)
		}
		all = append(all, rows...)
	}
	show(os.Stdout, all)
	if failed != nil {
		return fmt.Errorf("not measured: %s", strings.Join(failed, ", "))
	}
	return nil
}

// enter runs one measurement in namespaces of its own. Root maps the ordinary ids
// too; others can map only themselves.
func enter(name string) ([]row, error) {
	ids := 1
	if os.Getuid() == 0 {
		ids = 65536
	}
	cmd := exec.Command("/proc/self/exe", append(slices.Clone(os.Args[1:]), "-only", name)...)
	cmd.Env = append(os.Environ(), envInside+"=1")
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:                 syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET | syscall.CLONE_NEWNS,
		UidMappings:                []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: ids}},
		GidMappings:                []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: ids}},
		GidMappingsEnableSetgroups: ids > 1,
		Pdeathsig:                  syscall.SIGKILL,
	}
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	var rows []row
	return rows, json.Unmarshal(out, &rows)
}

// inside runs the measurement that the command line names and prints its rows as
// JSON. /tmp and /run are its own.
func inside(c *config) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("private mounts: %w", err)
	}
	if err := unix.Mount("tmpfs", "/run", "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("tmpfs on /run: %w", err)
	}
	if err := ip("link set lo up"); err != nil {
		return err
	}
	for _, m := range measurements {
		if m.name == c.Only {
			rows, err := m.run(c)
			if err != nil {
				return err
			}
			return json.NewEncoder(os.Stdout).Encode(rows)
		}
	}
	return fmt.Errorf("no measurement %q", c.Only)
}
