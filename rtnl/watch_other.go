//go:build !linux

package rtnl

import (
	"errors"
	"fmt"
)

func (w *Watcher) openEvents() (socket, error) { return w.openDumps() }

func (w *Watcher) openDumps() (socket, error) {
	if w.open != nil {
		return w.open()
	}
	return nil, fmt.Errorf("rtnl: netlink: %w", errors.ErrUnsupported)
}
