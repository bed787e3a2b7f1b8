package board

import (
	"context"
	"errors"
	"io/fs"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// monotonic reads CLOCK_MONOTONIC, which Go keeps to itself.
func monotonic() (time.Duration, error) {
	var ts unix.Timespec
	err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return time.Duration(ts.Nano()), err
}

// owner returns the uid of a file's owner.
func owner(info fs.FileInfo) (uint32, error) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, errors.New("owner unknown")
	}
	return st.Uid, nil
}

// start starts cmd as the leader of a process group of its own.
func start(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd.Start()
}

// await returns when what start started has ended, or, once ctx has, been killed. In both
// cases its whole process group is killed: what a hook leaves behind would gather.
// The leader is reaped only after that, so that its id cannot have become
// another's: a group is never killed that is not our own child's.
func await(ctx context.Context, cmd *exec.Cmd) error {
	pid := cmd.Process.Pid
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		for unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
		}
	}()
	var cause error
	select {
	case <-exited:
	case <-ctx.Done():
		cause = context.Cause(ctx)
	}
	unix.Kill(-pid, unix.SIGKILL)
	<-exited
	err := cmd.Wait()
	if cause != nil {
		return cause
	}
	return err
}
