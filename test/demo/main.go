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

	"golang.org/x/sys/unix"
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
	cmd := exec.Command("/proc/self/exe", netmond)
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS,
		Pdeathsig:  syscall.SIGKILL,
	}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}}
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("user and network namespaces are forbidden here, so try it as root: %w", err)
	}
	return cmd.Wait()
}

// furnish prepares the mounts: private, and with an empty /run for the names of
// namespaces and the daemon's socket.
func furnish() error {
	err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	if err == nil {
		err = unix.Mount("tmpfs", "/run", "tmpfs", 0, "mode=755")
	}
	if err != nil {
		return fmt.Errorf("mounts are forbidden in a user namespace here, so try it as root: %w", err)
	}
	return nil
}

// The story's times: what the programs do before, and how long one watches after.
const (
	before = time.Second
	after  = 6 * time.Second
)

func demo(ctx context.Context, netmond string) error {
	if err := furnish(); err != nil {
		return err
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
