//go:build linux

package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/netmond/netmond/smd"
)

// behind is how far the publisher may get ahead of the slowest subscriber: half a
// queue, so that nothing is lost and each message counts.
const behind = 512

// bus measures messages a second: those published, each of which every subscriber
// has had.
func bus(c *config) ([]row, error) {
	const many = 100
	var one, all, socket []float64
	for range c.Runs {
		r, err := inProcess(1, 1_000_000)
		if err != nil {
			return nil, err
		}
		one = append(one, r)
		if r, err = inProcess(many, 20_000); err != nil {
			return nil, err
		}
		all = append(all, r)
		if r, err = overSocket(200_000); err != nil {
			return nil, err
		}
		socket = append(socket, r)
	}
	r, s := median(one), median(socket)
	return []row{
		goal("bus: messages a second to one subscriber in the process", r >= 700_000, "at least 700,000", "%s", count(int(r))),
		info(fmt.Sprintf("bus: messages a second to %d subscribers in the process", many), "%s, deliveries %s", count(int(median(all))), count(int(median(all)*many))),
		goal("bus: messages a second to a client of the socket", s >= 50_000, "at least 50,000", "%s", count(int(s))),
	}, nil
}

// seen is the number of the newest message that a subscriber has had, in a cache
// line of its own.
type seen struct {
	atomic.Uint64
	_ [56]byte
}

// publish publishes n messages and returns how many that were a second. It waits
// for subscribers that fall behind, and at the end for all.
func publish(b *smd.Bus, n uint64, subscribers []seen) (float64, error) {
	wait := func(seq uint64) {
		for i := range subscribers {
			for subscribers[i].Load() < seq {
				runtime.Gosched()
			}
		}
	}
	start := time.Now()
	for i := range n {
		if i%(behind/2) == 0 && i > behind {
			wait(i - behind)
		}
		msg := smd.Route{RT: "add", Dst: "198.51.100.0/24", Gw: "192.0.2.1", Dev: "wan", Table: 254, Metric: uint32(i)}
		if err := b.Publish(smd.Network, msg); err != nil {
			return 0, err
		}
	}
	wait(n)
	if lost := b.Lost(); lost > 0 {
		return 0, fmt.Errorf("%d messages were lost", lost)
	}
	return float64(n) / time.Since(start).Seconds(), nil
}

func inProcess(subscribers int, n uint64) (float64, error) {
	b := smd.NewBus(smd.Options{})
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	defer done.Wait()
	defer cancel()
	list := make([]seen, subscribers)
	for i := range list {
		sub := b.Subscribe(ctx, smd.Network)
		done.Add(1)
		go func() {
			defer done.Done()
			for m := range sub {
				list[i].Store(m.Seq)
			}
		}()
	}
	return publish(b, n, list)
}

// overSocket has a client read lines and count them.
func overSocket(n uint64) (float64, error) {
	dir, err := os.MkdirTemp("", "bench-bus-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "sock")
	l, err := smd.Listen(path)
	if err != nil {
		return 0, err
	}
	b := smd.NewBus(smd.Options{})
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- (&smd.Server{Bus: b}).Serve(ctx, l) }()
	defer func() { cancel(); <-served }()

	conn, err := net.Dial("unix", path)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(`{"do":"events","class":["network"]}` + "\n")); err != nil {
		return 0, err
	}
	in := bufio.NewReader(conn)
	if _, err := in.ReadSlice('\n'); err != nil { // the snapshot: the subscription stands
		return 0, err
	}
	list := make([]seen, 1)
	go func() {
		for {
			if _, err := in.ReadSlice('\n'); err != nil {
				return
			}
			list[0].Add(1)
		}
	}()
	return publish(b, n, list)
}
