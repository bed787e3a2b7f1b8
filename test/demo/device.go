//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/netmond/netmond/internal/netns"
)

// A device has two uplinks into an Internet of its own:
//
//	device             Internet
//	wan0 192.0.2.2     192.0.2.1      198.51.100.7, the server
//	wan1 192.0.2.130   192.0.2.129
//
// Its providers do what providers should (RFC 2827): they drop packets whose
// source is not of their network.
const (
	gateway0 = "192.0.2.1"
	gateway1 = "192.0.2.129"
	server   = "198.51.100.7:7" // echoes
)

// uplinks names the link of each local address.
var uplinks = map[string]string{"192.0.2.2": "wan0", "192.0.2.130": "wan1"}

// device is a network namespace, and with the suffix -net that of its Internet.
type device struct {
	name         string
	sent, echoed atomic.Int64 // lines
}

func newDevice(name string) *device { return &device{name: name} }

// build makes the namespaces and starts the server.
func (d *device) build() error {
	inet := d.name + "-net"
	for _, ns := range []string{d.name, inet} {
		if err := ip("netns add " + ns); err != nil {
			return err
		}
	}
	for _, words := range []string{
		"-n NS link add wan0 type veth peer name peer0 netns NET",
		"-n NS link add wan1 type veth peer name peer1 netns NET",
		"-n NET link set lo up",
		"-n NET link set peer0 up",
		"-n NET link set peer1 up",
		"-n NET address add 192.0.2.1/25 dev peer0",
		"-n NET address add 192.0.2.129/25 dev peer1",
		"-n NET address add 198.51.100.7/32 dev lo",
		"-n NET rule add pref 10 lookup local",
		"-n NET rule del pref 0",
		"-n NET rule add pref 5 iif peer1 from 192.0.2.0/25 blackhole",
		"-n NS link set lo up",
		"-n NS link set wan0 up",
		"-n NS link set wan1 up",
		"-n NS address add 192.0.2.2/25 dev wan0",
		"-n NS address add 192.0.2.130/25 dev wan1",
		"-n NS route add default via " + gateway0 + " metric 10",
		"-n NS route add default via " + gateway1 + " metric 20",
	} {
		if err := ip(strings.NewReplacer("NS", d.name, "NET", inet).Replace(words)); err != nil {
			return err
		}
	}
	return netns.Do(inet, func() error {
		l, err := net.Listen("tcp4", server)
		if err == nil {
			go netns.Echo(l)
		}
		return err
	})
}

// ip runs a command of iproute2 on the device.
func (d *device) ip(words string) error { return ip("-n " + d.name + " " + words) }

func ip(words string) error {
	if out, err := exec.Command("ip", strings.Fields(words)...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w\n%s", words, err, out)
	}
	return nil
}

// event is something that happened on a device.
type event struct {
	device *device
	at     time.Time
	kind   kind
	text   string
}

type kind uint8

const (
	connected kind = iota // text: how
	answered              // the first echo of a connection
	failed                // text: with what
)

// talk is the program on the device: it sends a line five times a second, reads
// the echoes, and dials anew when its connection fails.
func (d *device) talk(ctx context.Context, events chan<- event) {
	say := func(k kind, text string) {
		select {
		case events <- event{d, time.Now(), k, text}:
		case <-ctx.Done():
		}
	}
	for ctx.Err() == nil {
		var c net.Conn
		err := netns.Do(d.name, func() (err error) {
			c, err = (&net.Dialer{Timeout: 3 * time.Second}).DialContext(ctx, "tcp4", server)
			return err
		})
		if err != nil {
			say(failed, reason(err))
			return
		}
		host, _, _ := net.SplitHostPort(c.LocalAddr().String())
		say(connected, "connected from "+host+" by "+uplinks[host])
		err = d.converse(ctx, c, func() { say(answered, "echo") })
		c.Close()
		if ctx.Err() == nil {
			say(failed, "error: "+reason(err))
		}
	}
}

// converse sends and reads until the connection fails or ctx ends.
func (d *device) converse(ctx context.Context, c net.Conn, first func()) error {
	failure := make(chan error, 1)
	go func() {
		lines := bufio.NewReader(c)
		for n := 0; ; n++ {
			if _, err := lines.ReadString('\n'); err != nil {
				failure <- err
				return
			}
			d.echoed.Add(1)
			if n == 0 {
				first()
			}
		}
	}()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		d.sent.Add(1)
		if _, err := io.WriteString(c, "are you there\n"); err != nil {
			d.sent.Add(-1) // the reader has the error too
		}
		select {
		case <-tick.C:
		case err := <-failure:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// reason is the error's symbol, or its text where it has none.
func reason(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return unix.ErrnoName(errno)
	}
	return err.Error()
}
