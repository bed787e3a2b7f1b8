package main

import (
	"context"
	"fmt"
	"iter"
	"strconv"

	"github.com/netmond/netmond/rtnl"

	"github.com/netmond/netmond/internal/view"
)

// number is a flag that takes a decimal or hexadecimal number of 32 bits.
type number uint32

func (n *number) String() string { return strconv.FormatUint(uint64(*n), 10) }

func (n *number) Set(s string) error {
	v, err := strconv.ParseUint(s, 0, 32)
	if err != nil {
		return fmt.Errorf("a number from 0 to 4294967295, decimal or 0x")
	}
	*n = number(v)
	return nil
}

func runRoutes(ctx context.Context, c *invocation) error {
	fs := c.newFlags()
	var q queryFlags
	q.register(fs)
	table := fs.String("table", "main", "`table` by number or name, or all")
	if _, err := c.parse(fs, 0); err != nil {
		return err
	}
	if _, err := view.Routes(nil, *table); err != nil {
		return usageError{err}
	}
	if q.json {
		list, ok, err := items[view.Route](ctx, q.socket, map[string]any{"do": "routes", "table": *table})
		if err != nil {
			return err
		}
		if ok {
			return printList(c.stdout, list)
		}
	}
	t, err := readTable(ctx)
	if err != nil {
		return err
	}
	routes, err := view.Routes(t, *table)
	if err != nil {
		return err
	}
	if q.json {
		return printList(c.stdout, func(yield func(view.Route, error) bool) {
			for r := range routes {
				if !yield(view.NewRoute(t, r), nil) {
					return
				}
			}
		})
	}
	return printRoutes(c, routes, func(link uint32) string { return view.Printable(t.LinkName(link)) })
}

func printRoutes(c *invocation, routes iter.Seq[*rtnl.Route], name rtnl.Namer) error {
	for r := range routes {
		if _, err := c.stdout.Write(append(r.Append(nil, name), '\n')); err != nil {
			return err
		}
	}
	return nil
}

func runFlows(ctx context.Context, c *invocation) error {
	fs := c.newFlags()
	var q queryFlags
	q.register(fs)
	if _, err := c.parse(fs, 0); err != nil {
		return err
	}
	list, ok, err := items[view.Flow](ctx, q.socket, map[string]any{"do": "flows"})
	if err != nil {
		return err
	}
	if !ok {
		t, err := readTable(ctx)
		if err != nil {
			return err
		}
		list = func(yield func(view.Flow, error) bool) {
			for f, err := range deviceFlows(ctx) {
				if err != nil {
					yield(view.Flow{}, err)
					return
				}
				if !yield(view.NewFlow(t, f), nil) {
					return
				}
			}
		}
	}
	if q.json {
		return printList(c.stdout, list)
	}
	for f, err := range list {
		if err != nil {
			return err
		}
		if _, err := fmt.Fprint(c.stdout, f.Text()); err != nil {
			return err
		}
	}
	return nil
}
