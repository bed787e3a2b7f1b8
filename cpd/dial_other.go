//go:build !linux

package cpd

import (
	"errors"
	"syscall"
)

// control refuses what only Linux can do, rather than ask over any link.
func control(dev string, mark uint32) func(network, address string, c syscall.RawConn) error {
	return func(_, _ string, _ syscall.RawConn) error {
		if dev == "" && mark == 0 {
			return nil
		}
		return &localError{"bind to link " + dev, errors.ErrUnsupported}
	}
}
