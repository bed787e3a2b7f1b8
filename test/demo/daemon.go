//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"syscall"
	"time"

	"github.com/netmond/netmond/internal/netns"
)

// daemon is netmond on a device.
type daemon struct {
	ended  chan struct{}
	closed chan record // what it logged of a flow that it closed
}

// record is a line of its log.
type record struct{ Msg, Flow, Reason, Was string }

// start starts netmond on the device and waits until its table is complete. It
// ends with ctx.
func start(ctx context.Context, d *device, netmond string) (*daemon, error) {
	cmd := exec.CommandContext(ctx, netmond, "run", "-socket", "/run/netmond.sock", "-config", "/dev/null", "-log-format", "json")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	log, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	dm := &daemon{ended: make(chan struct{}), closed: make(chan record, 1)}
	ready := make(chan struct{})
	failure := make(chan error, 1)
	go func() {
		defer close(dm.ended)
		failure <- netns.Do(d.name, func() error { // its death signal comes with the thread's end
			if err := cmd.Start(); err != nil {
				return err
			}
			last := ""
			for lines := bufio.NewScanner(log); lines.Scan(); {
				var r record
				if json.Unmarshal(lines.Bytes(), &r) != nil {
					last = lines.Text()
				}
				switch r.Msg {
				case "table complete":
					close(ready)
				case "flow closed":
					select {
					case dm.closed <- r:
					default: // the first one is the story's
					}
				}
			}
			if err := cmd.Wait(); err != nil {
				return fmt.Errorf("%s: %w: %s", netmond, err, last)
			}
			return nil
		})
	}()
	select {
	case <-ready:
		return dm, nil
	case err := <-failure:
		return nil, fmt.Errorf("netmond ended: %w", err)
	case <-time.After(5 * time.Second):
		return nil, fmt.Errorf("%s: its table is not complete after 5 s", netmond)
	}
}
