//go:build !linux

package board

import (
	"context"
	"errors"
	"io/fs"
	"os/exec"
	"time"
)

func monotonic() (time.Duration, error) { return 0, errors.ErrUnsupported }

func owner(fs.FileInfo) (uint32, error) { return 0, errors.ErrUnsupported }

func start(*exec.Cmd) error { return errors.ErrUnsupported }

func await(context.Context, *exec.Cmd) error { return errors.ErrUnsupported }
