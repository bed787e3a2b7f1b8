//go:build unix

package browser

import (
	"os/exec"
	"syscall"
)

// ownGroup has a process start a group of its own, since Chromium is many.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func killGroup(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // gone already
