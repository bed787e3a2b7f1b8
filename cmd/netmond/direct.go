package main

import (
	"context"
	"fmt"

	"github.com/netmond/netmond/rtable"
	"github.com/netmond/netmond/rtnl"
)

// readTable reads the kernel's state once, for a command that runs without a
// daemon.
func readTable(ctx context.Context) (*rtable.Table, error) {
	var t *rtable.Table
	for b, err := range rtnl.Watch(ctx) {
		if err != nil {
			return nil, fmt.Errorf("the kernel's routes: %w", err)
		}
		if t, _ = t.Apply(b); t.Ready() {
			break
		}
	}
	return t, nil
}
