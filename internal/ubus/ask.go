package ubus

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
)

// Ask is one Call, over a connection of its own to the ubusd that listens at path.
// Without one the error is ErrNotConnected.
func Ask(ctx context.Context, path, object, method string, args any) (json.RawMessage, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotConnected, err)
	}
	c := New(path)
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- c.Run(running) }()
	answer, err := c.Call(ctx, object, method, args)
	stop()
	<-ended // nil: there is nothing to publish that could be refused
	return answer, err
}
