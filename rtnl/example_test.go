package rtnl_test

import (
	"context"
	"fmt"

	"github.com/netmond/netmond/rtnl"
)

// Watch what happens to default routes. The first batches are what there is.
func ExampleWatch() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for batch, err := range rtnl.Watch(ctx) {
		if err != nil {
			fmt.Println(err) // no netlink on this system, or ctx has ended
			return
		}
		for _, e := range batch.Events {
			if r, ok := e.Message.(*rtnl.Route); ok && r.Default() {
				fmt.Println(e.Op, r)
			}
		}
		if !batch.More {
			return // the state is complete; a daemon would go on
		}
	}
}
