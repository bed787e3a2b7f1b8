//go:build linux

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"
)

// helper is a role that goes on while others work: lines go in and out.
type helper struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func start(role string, args ...string) (*helper, error) {
	cmd := command(role, args...)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return &helper{cmd, in, bufio.NewReader(out)}, cmd.Start()
}

func (h *helper) say(line string) error {
	_, err := fmt.Fprintln(h.in, line)
	return err
}

// line waits for a line. A helper that ends instead is an error.
func (h *helper) line() (string, error) {
	text, err := h.out.ReadString('\n')
	if err != nil {
		return "", errors.Join(err, h.cmd.Wait())
	}
	return strings.TrimSpace(text), nil
}

// cpu is what the helper has used so far.
func (h *helper) cpu() (time.Duration, error) { return cpuNow(h.cmd.Process.Pid) }

// stop ends the helper, whose standard input ends with it.
func (h *helper) stop() {
	h.in.Close()
	_ = h.cmd.Process.Kill()
	_ = h.cmd.Wait()
}
