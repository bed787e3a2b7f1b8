//go:build linux

package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"time"
)

// birdConfig has BIRD take in the kernel's routes, and nothing else.
const birdConfig = `log %q all;
router id 192.0.2.9;
protocol device { }
protocol kernel k4 { learn; persist; scan time 3600; ipv4 { import all; export none; }; }
`

// bird runs BIRD 2 until its table has the routes.
func bird(routes int) (usage, error) {
	path, err := exec.LookPath("bird")
	if err != nil {
		path = "/usr/sbin/bird" // where a user's PATH may not lead
		if _, err := os.Stat(path); err != nil {
			return usage{}, errAbsent
		}
	}
	dir, err := os.MkdirTemp("", "bench-bird-")
	if err != nil {
		return usage{}, err
	}
	defer os.RemoveAll(dir)
	conf, ctl := filepath.Join(dir, "bird.conf"), filepath.Join(dir, "bird.ctl")
	if err := os.WriteFile(conf, fmt.Appendf(nil, birdConfig, filepath.Join(dir, "log")), 0o644); err != nil {
		return usage{}, err
	}
	cmd := exec.Command(path, "-f", "-c", conf, "-s", ctl, "-P", filepath.Join(dir, "pid"))
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return usage{}, err
	}
	defer func() {
		_ = cmd.Process.Kill() // it has nothing to put in order
		_ = cmd.Wait()
	}()
	for end := start.Add(2 * time.Minute); ; {
		n, err := birdImported(ctl)
		if err == nil && n >= routes {
			break
		}
		if time.Now().After(end) {
			return usage{}, fmt.Errorf("%d of %d routes: %w", n, routes, errors.Join(err, os.ErrDeadlineExceeded))
		}
		time.Sleep(20 * time.Millisecond)
	}
	u := memory(strconv.Itoa(cmd.Process.Pid))
	u.Wall = time.Since(start)
	u.CPU, err = cpuNow(cmd.Process.Pid)
	return u, err
}

var importedLine = regexp.MustCompile(`(\d+) imported`)

// birdImported asks how many routes the kernel protocol has brought, which costs
// BIRD next to nothing.
func birdImported(ctl string) (int, error) {
	c, err := net.Dial("unix", ctl)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(30 * time.Second)) // it answers when the scan is over
	if _, err := c.Write([]byte("show protocols all k4\n")); err != nil {
		return 0, err
	}
	for in := bufio.NewScanner(c); in.Scan(); {
		if m := importedLine.FindStringSubmatch(in.Text()); m != nil {
			return strconv.Atoi(m[1])
		}
		if len(in.Text()) > 4 && in.Text()[:5] == "0000 " {
			break
		}
	}
	return 0, errors.New("no answer")
}
