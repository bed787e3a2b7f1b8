//go:build linux

package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	jsimonetti "github.com/jsimonetti/rtnetlink/v2"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/netmond/netmond/rtable"
	"github.com/netmond/netmond/rtnl"

	"github.com/netmond/netmond/internal/fulltable"
)

// contender reads the whole table in some way.
type contender struct {
	name string
	read func() (usage, error)
}

// errAbsent says that a contender is not installed.
var errAbsent = errors.New("not installed")

// cold measures what the first table costs.
func cold(c *config) ([]row, error) {
	if err := ipBatch(uplinkCommands...); err != nil {
		return nil, err
	}
	start := time.Now()
	if err := load(fulltable.Prefixes(c.Routes)); err != nil {
		return nil, err
	}
	fmt.Fprintf(os.Stderr, "  %s routes added in %v\n", count(c.Routes), time.Since(start).Round(time.Millisecond))
	contenders := []contender{
		{"floor: the dump received and dropped", role("floor")},
		{"netmond: rtnl.Watch and rtable.Apply", role("netmond")},
		{"vishvananda/netlink RouteListFiltered", role("vishvananda")},
		{"jsimonetti/rtnetlink Route.List", role("jsimonetti")},
		{"ip route show table all >/dev/null", ipRoutes},
		{"BIRD 2, kernel protocol with learn", func() (usage, error) { return bird(c.Routes) }},
	}
	runs := make([][]usage, len(contenders))
	absent := make([]bool, len(contenders))
	for range c.Runs {
		for i, x := range contenders {
			if absent[i] {
				continue
			}
			u, err := x.read()
			if errors.Is(err, errAbsent) {
				absent[i] = true
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", x.name, err)
			}
			if u.Routes != 0 && u.Routes < c.Routes {
				return nil, fmt.Errorf("%s: %d routes, want %d at least", x.name, u.Routes, c.Routes)
			}
			if c.Verbose {
				fmt.Fprintf(os.Stderr, "  %s: %+v\n", x.name, u)
			}
			runs[i] = append(runs[i], u)
		}
	}
	return coldRows(c, contenders, runs), nil
}

func role(name string) func() (usage, error) { return func() (usage, error) { return spend(name) } }

// coldRows compares by the ratios of each round, of which the median counts.
func coldRows(c *config, contenders []contender, runs [][]usage) (rows []row) {
	what := fmt.Sprintf("cold start, %s routes: ", count(c.Routes))
	for i, x := range contenders {
		if len(runs[i]) == 0 {
			rows = append(rows, info(what+x.name, "not installed"))
			continue
		}
		u := middle(runs[i])
		rows = append(rows, info(what+x.name, "CPU %s, wall %s, peak %s, resident %s", ms(u.CPU), ms(u.Wall), mib(u.Peak), mib(u.RSS)))
	}
	over := func(i, j int) float64 {
		var list []float64
		for k := range runs[i] {
			list = append(list, ratio(runs[i][k].CPU, runs[j][k].CPU))
		}
		return median(list)
	}
	const floor, netmond, vishvananda, bird = 0, 1, 2, 5
	r := over(netmond, floor)
	rows = append(rows, goal(what+"CPU of netmond / floor", r <= 1.4, "at most 1.4", "%.2f", r))
	if len(runs[bird]) > 0 {
		r = over(netmond, bird)
		rows = append(rows, goal(what+"CPU of netmond / BIRD 2", r < 1, "below 1", "%.2f", r))
	}
	r = over(netmond, vishvananda)
	rows = append(rows, goal(what+"CPU of netmond / vishvananda", r <= 1./3, "at most 0.33", "%.2f", r))
	u := middle(runs[netmond])
	rows = append(rows, goal(what+"netmond resident", u.RSS <= 64<<20, "at most 64 MiB", "%s (shared pages in part: %s; peak %s)", mib(u.RSS), mib(u.PSS), mib(u.Peak)))
	return rows
}

// middle is the medians of each figure.
func middle(runs []usage) (u usage) {
	pick := func(f func(usage) uint64) uint64 {
		var list []uint64
		for _, r := range runs {
			list = append(list, f(r))
		}
		return median(list)
	}
	u.CPU = time.Duration(pick(func(u usage) uint64 { return uint64(u.CPU) }))
	u.Wall = time.Duration(pick(func(u usage) uint64 { return uint64(u.Wall) }))
	u.Peak = pick(func(u usage) uint64 { return u.Peak })
	u.RSS = pick(func(u usage) uint64 { return u.RSS })
	u.PSS = pick(func(u usage) uint64 { return u.PSS })
	return u
}

// playFloor receives the answer to a dump request of all IPv4 routes and looks at
// nothing but whether it has ended.
func playFloor([]string) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_GET_STRICT_CHK, 1); err != nil {
		return err
	}
	native := binary.NativeEndian
	req := make([]byte, 16+12)
	native.PutUint32(req, uint32(len(req)))
	native.PutUint16(req[4:], unix.RTM_GETROUTE)
	native.PutUint16(req[6:], unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	native.PutUint32(req[8:], 1)
	req[16] = unix.AF_INET
	if err := unix.Sendto(fd, req, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	buf := make([]byte, 32<<10)
	for {
		n, _, err := unix.Recvfrom(fd, buf, 0)
		if err != nil {
			return err
		}
		// NLMSG_DONE with its status is the last message, alone or behind others.
		if n >= 20 && native.Uint32(buf[n-20:]) == 20 && native.Uint16(buf[n-16:]) == unix.NLMSG_DONE {
			return tell(self(0))
		}
	}
}

// playNetmond has the table complete.
func playNetmond([]string) error {
	var t *rtable.Table
	for b, err := range (&rtnl.Watcher{Reuse: true}).Watch(context.Background()) {
		if err != nil {
			return err
		}
		if t, _ = t.Apply(b); t.Ready() {
			break
		}
	}
	return tell(self(t.Len()))
}

func playVishvananda([]string) error {
	list, err := netlink.RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{Table: unix.RT_TABLE_UNSPEC}, netlink.RT_FILTER_TABLE)
	if err != nil {
		return err
	}
	return tell(self(len(list)))
}

func playJsimonetti([]string) error {
	c, err := jsimonetti.Dial(nil)
	if err != nil {
		return err
	}
	list, err := c.Route.List()
	if err != nil {
		return err
	}
	return tell(self(len(list)))
}

// ipRoutes is iproute2, whose every line goes to /dev/null.
func ipRoutes() (usage, error) {
	cmd := exec.Command("ip", "route", "show", "table", "all")
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return usage{}, err
	}
	u := usage{Wall: time.Since(start), CPU: cpuOf(cmd.ProcessState)}
	if r, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		u.Peak = uint64(r.Maxrss) << 10
		u.RSS = u.Peak
	}
	return u, nil
}
