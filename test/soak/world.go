//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/netmond/netmond/internal/netns"
)

// The device is this process's own network namespace, its Internet the namespace
// "net", which has every host of the ranges behind:
//
//	device                              net
//	wan0  192.0.2.2, .3      /26  ----  peer0  192.0.2.1     198.51.100.0/24
//	      2001:db8::2, ::3   /64        2001:db8::1          203.0.113.0/24
//	wan1  192.0.2.66, .67    /26  ----  peer1  192.0.2.65    2001:db8:ff::/48
//	      2001:db8:1::2, ::3 /64        2001:db8:1::1        2001:db8:fe::/48
//	wan2  192.0.2.130, .131  /26  ----  peer2  192.0.2.129
//	      2001:db8:2::2, ::3 /64        2001:db8:2::1
//	lo    192.0.2.200
//
// The gateways are permanent neighbours, since a kernel that has lost a neighbour
// may go by another route for a while, which no table tells.
const wans = 3

// The servers' ports. Bound connections have their own: the kernel lets an unbound
// one have the very addresses and ports of a bound one, and its end is then the
// end of both at the server.
const port, boundPort = "7", "9"

func wan(i int) string               { return fmt.Sprintf("wan%d", i) }
func gateway4(i int) string          { return fmt.Sprintf("192.0.2.%d", 64*i+1) }
func gateway6(i int) string          { return fmt.Sprintf("2001:db8:%x::1", i) }
func addr4(i, n int) string          { return fmt.Sprintf("192.0.2.%d", 64*i+2+n) }
func addr6(i, n int) string          { return fmt.Sprintf("2001:db8:%x::%d", i, 2+n) }
func via4(i int) string              { return "via " + gateway4(i) + " dev " + wan(i) }
func via6(i int) string              { return "via " + gateway6(i) + " dev " + wan(i) }
func host4(net string, n int) string { return fmt.Sprintf("%s.%d", net, n) }
func host6(net string, n int) string { return fmt.Sprintf("%s::%x", net, n) }

// inet is the name of the other namespace.
const inet = "net"

// world is the device and its Internet, with an echo server on either.
type world struct {
	base []object
}

// newWorld builds it, with everything in its place.
func newWorld() (*world, error) {
	if err := os.Mkdir("/run/netns", 0o755); err != nil {
		return nil, err
	}
	if err := ip("", "netns add "+inet); err != nil {
		return nil, err
	}
	for _, ns := range []string{"", inet} {
		if err := in(ns, sysctls); err != nil {
			return nil, err
		}
	}
	lines := []string{"link set lo up"}
	far := []string{"link set lo up"}
	for i := range wans {
		mac := func(side int) string { return fmt.Sprintf("02:00:00:00:%02x:%02x", i, side) }
		lines = append(lines, fmt.Sprintf("link add %s address %s type veth peer name peer%d address %s netns %s", wan(i), mac(0), i, mac(1), inet))
		peer := fmt.Sprintf("peer%d", i)
		far = append(far, "address add "+gateway4(i)+"/26 dev "+peer, "address add "+gateway6(i)+"/64 dev "+peer+" nodad", "link set "+peer+" up")
	}
	for _, prefix := range []string{"198.51.100.0/24", "203.0.113.0/24", "2001:db8:ff::/48", "2001:db8:fe::/48"} {
		far = append(far, "route add local "+prefix+" dev lo")
	}
	far = append(far, "route add "+loSource+" via "+addr4(0, 0))
	if err := ip("", lines...); err != nil {
		return nil, err
	}
	w := &world{base: base()}
	if err := ip(inet, far[:len(far)-1]...); err != nil {
		return nil, err
	}
	if err := ip("", w.lines(nil)...); err != nil {
		return nil, err
	}
	if err := ip(inet, far[len(far)-1]); err != nil {
		return nil, err
	}
	for _, ns := range []string{"", inet} {
		if err := in(ns, serve); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// sysctls makes addresses usable at once, and keeps the peer's for it.
func sysctls() error {
	for key, value := range map[string]string{
		"ipv6/conf/%s/accept_dad": "0", "ipv6/conf/%s/accept_ra": "0", "ipv6/conf/%s/router_solicitations": "0",
		"ipv4/conf/%s/rp_filter": "0",
	} {
		for _, link := range []string{"all", "default"} {
			if err := os.WriteFile("/proc/sys/net/"+fmt.Sprintf(key, link), []byte(value), 0); err != nil {
				return fmt.Errorf("%w: sysctl: %w", errForbidden, err)
			}
		}
	}
	return nil
}

// serve starts the echo servers of the calling thread's namespace, for the life of
// the process. Who has vanished without a word is let go within a minute.
func serve() error { return errors.Join(serveAt(port), serveAt(boundPort)) }

func serveAt(port string) error {
	c := net.ListenConfig{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 20 * time.Second, Interval: 10 * time.Second, Count: 4}}
	l, err := c.Listen(context.Background(), "tcp", ":"+port)
	if err != nil {
		return err
	}
	go netns.Echo(l)
	return nil
}

// ip runs iproute2 commands in the namespace ns. The others run where one fails.
// Those of IPv6 that do not show it begin with -6, which a batch does not know, so
// they come last.
func ip(ns string, lines ...string) error {
	var plain, six []string
	for _, line := range lines {
		if rest, ok := strings.CutPrefix(line, "-6 "); ok {
			six = append(six, rest)
		} else {
			plain = append(plain, line)
		}
	}
	return errors.Join(batch(ns, nil, plain), batch(ns, []string{"-6"}, six))
}

func batch(ns string, args, lines []string) error {
	if len(lines) == 0 {
		return nil
	}
	if ns != "" {
		args = append(args, "-n", ns)
	}
	args = append(args, "-force", "-batch", "-")
	cmd := exec.Command("ip", args...)
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n"))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w\n%s", strings.Join(lines, "; "), err, bytes.TrimSpace(out))
	}
	return nil
}

// in runs f in a network namespace; "" is that of the caller.
func in(ns string, f func() error) error {
	if ns == "" {
		return f()
	}
	return netns.Do(ns, f)
}
