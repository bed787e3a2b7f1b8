//go:build linux

// Command demo shows what netmond is for, in ten seconds and without root: two
// equal devices, each in network namespaces of its own, lose the default route
// of the uplink that a TCP connection goes through. On one of them netmond runs.
//
// Usage: demo NETMOND, the path of the binary.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/netmond/netmond/internal/netns"
)

// inside is set in the environment of the process that is in the namespaces.
const inside = "NETMOND_DEMO_INSIDE"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	err := errors.New("usage: demo NETMOND")
	if len(os.Args) == 2 {
		if os.Getenv(inside) == "" {
			err = enter(os.Args[1])
		} else {
			err = demo(ctx, os.Args[1])
		}
	}
	if code := new(exec.ExitError); errors.As(err, &code) || errors.Is(err, context.Canceled) {
		os.Exit(1) // it has said why, or was told to stop
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// enter runs this program again in new namespaces, which end with it. An
// ordinary user is root in a user namespace.
func enter(netmond string) error {
	netmond, err := filepath.Abs(netmond)
	if err != nil {
		return err
	}
	runtime.LockOSThread() // whose end would be the child's
	cmd := netns.Command(os.Geteuid() != 0, netmond)
	cmd.Env = append(os.Environ(), inside+"=1")
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("user and network namespaces are forbidden here, so try it as root: %w", err)
	}
	return cmd.Wait()
}

// The story's times: what the programs do before, and how long one watches after.
const (
	before = time.Second
	after  = 6 * time.Second
)

func demo(ctx context.Context, netmond string) error {
	if err := netns.Furnish(); err != nil {
		return fmt.Errorf("mounts are forbidden in a user namespace here, so try it as root: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	with, without := newDevice("a"), newDevice("b")
	for _, d := range []*device{with, without} {
		if err := d.build(); err != nil {
			return err
		}
	}
	daemon, err := start(ctx, with, netmond)
	if err != nil {
		return err
	}
	defer func() { cancel(); <-daemon.ended }()

	story := newStory(with, without)
	story.open()
	for _, d := range []*device{with, without} {
		go d.talk(ctx, story.events)
	}
	if err := story.pause(ctx, before); err != nil {
		return err
	}
	story.begin()
	for _, d := range []*device{with, without} {
		if err := d.ip("route del default via " + gateway0); err != nil {
			return err
		}
	}
	for _, d := range []time.Duration{time.Second, 3 * time.Second, after} {
		if err := story.pause(ctx, time.Until(story.zero.Add(d))); err != nil {
			return err
		}
		story.count()
	}
	return story.end(daemon)
}
