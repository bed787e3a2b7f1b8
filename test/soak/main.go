//go:build linux

// Command soak runs netmond for minutes on a device that never comes to rest: a
// thousand TCP connections over three uplinks, while links, carriers, addresses,
// routes, rules and next hops come and go at random. It needs no root: the device
// and its Internet are network namespaces of its own.
//
// It judges by itself which connections ought to live. After each change, and ten
// times a second in between, it asks the kernel for the path of every one
// (RTM_GETROUTE), and notes since when a path is dead. At the end
//
//   - no connection was closed whose path had not been dead for the settle time,
//     or for the carrier's grace where only the carrier was lost;
//   - none lives whose path has been dead for longer than both and the margin;
//   - the daemon holds no more memory, descriptors and goroutines than it did.
//
// Else it prints the history of what went wrong, and fails. The changes are those
// of the seed, the same each time; what they meet depends on the machine's speed.
//
// Usage: soak [-minutes M] [-seed N] [-calls N] NETMOND, the path of the binary.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/netmond/netmond/internal/netns"
)

// inside is set in the environment of the process that is in the namespaces.
const inside = "NETMOND_SOAK_INSIDE"

// forbidden is the exit code where there are no namespaces to be had.
const forbidden = 77

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	minutes := flag.Float64("minutes", 10, "how long")
	seed := flag.Uint64("seed", 0, "of the changes; 0 takes one from the clock")
	calls := flag.Int("calls", 1150, "connections; what lives on average is a tenth less")
	flags := flag.String("flags", "", "more `flags` of netmond run, to see the soak fail")
	log := flag.String("log", os.DevNull, "`file` to keep netmond's log in")
	flag.Parse()
	if flag.NArg() != 1 || *minutes <= 0 || *calls <= 0 {
		fmt.Fprintln(os.Stderr, "usage: soak [-minutes M] [-seed N] [-calls N] NETMOND")
		os.Exit(2)
	}
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano()) % 1_000_000
	}
	var err error
	if os.Getenv(inside) == "" {
		err = enter()
	} else if err = furnish(); err == nil {
		err = soak(ctx, flag.Arg(0), time.Duration(*minutes*float64(time.Minute)), *seed, *calls, *log, strings.Fields(*flags))
	}
	if code := new(exec.ExitError); os.Getenv(inside) == "" && errors.As(err, &code) {
		os.Exit(code.ExitCode()) // it has said why
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		if errors.Is(err, errForbidden) {
			os.Exit(forbidden)
		}
		os.Exit(1)
	}
}

var errForbidden = errors.New("user and network namespaces are forbidden here")

// enter runs this program again as root of new namespaces, which end with it.
func enter() error {
	runtime.LockOSThread() // whose end would be the child's
	cmd := netns.Command(true, os.Args[1:]...)
	cmd.Env = append(os.Environ(), inside+"=1")
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%w: %w", errForbidden, err)
	}
	return cmd.Wait()
}

// furnish prepares the mounts, private and with an empty /run, and the limit of
// descriptors.
func furnish() error {
	if err := netns.Furnish(); err != nil {
		return fmt.Errorf("%w: mounts: %w", errForbidden, err)
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	limit.Cur = limit.Max
	return unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
}

// soak builds the device, runs the daemon on it, and lets the changes rain.
func soak(ctx context.Context, netmond string, long time.Duration, seed uint64, calls int, log string, flags []string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	netmond, err := filepath.Abs(netmond)
	if err != nil {
		return err
	}
	fmt.Printf("seed %d, %v, %d connections\n", seed, long, calls)
	w, err := newWorld()
	if err != nil {
		return err
	}
	d, err := startDaemon(ctx, netmond, log, flags)
	if err != nil {
		return err
	}
	defer func() { cancel(); <-d.ended }()
	r, err := newRun(w, d, seed, calls)
	if err != nil {
		return err
	}
	defer r.hangUp()
	if err := r.open(ctx); err != nil {
		return err
	}
	if err := r.rain(ctx, long); err != nil {
		return err
	}
	if err := r.dry(ctx); err != nil {
		return err
	}
	return r.sum()
}
