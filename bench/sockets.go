//go:build linux

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/netmond/netmond/internal/netns"
)

// The device and its Internet: two uplinks into the namespace "peer", where every
// address of two prefixes is local. The first prefix is reached by what route the
// measurement makes, the second by the other uplink.
var (
	peerCommands = []string{
		"netns add peer",
		"link add wan0 type veth peer name peer0 netns peer",
		"link add wan1 type veth peer name peer1 netns peer",
		"address add 192.0.2.9/25 dev wan0",
		"address add 192.0.2.139/25 dev wan1",
		"-n peer address add 192.0.2.1/25 dev peer0",
		"-n peer address add 192.0.2.129/25 dev peer1",
		"-n peer link set lo up",
		"-n peer link set peer0 up",
		"-n peer link set peer1 up",
		"link set wan0 up",
		"link set wan1 up",
		"-n peer route add local 198.51.100.0/24 dev lo",
		"-n peer route add local 203.0.113.0/24 dev lo",
		"route add 203.0.113.0/24 via 192.0.2.129",
	}
	near = netip.MustParsePrefix("198.51.100.0/24")
	far  = netip.MustParsePrefix("203.0.113.0/24")
)

const (
	near0 = 0 // gateways[near0] is the router of the first uplink
	far0  = 2 // and gateways[far0] that of the second
)

const port = 443

// openPeer builds the picture and listens in the namespace "peer". Nobody accepts:
// connections wait in a queue that is long enough, and cost no descriptors.
func openPeer() error {
	for _, c := range peerCommands {
		if err := ip(c); err != nil {
			return err
		}
	}
	err := netns.Do("peer", func() error {
		const long = 1 << 20
		if err := os.WriteFile("/proc/sys/net/core/somaxconn", fmt.Append(nil, long), 0); err != nil {
			return err
		}
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		if err := unix.Bind(fd, &unix.SockaddrInet4{Port: port}); err != nil {
			return err
		}
		return unix.Listen(fd, long)
	})
	if err != nil {
		return fmt.Errorf("peer: %w", err)
	}
	return nil
}

// dial opens a connection to the i-th host of the prefix.
func dial(to netip.Prefix, i int) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	a := to.Addr().As4()
	a[3] = byte(1 + i%250)
	for {
		err = unix.Connect(fd, &unix.SockaddrInet4{Port: port, Addr: a})
		if err != unix.EINTR {
			break
		}
	}
	if err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("connect to %v: %w", netip.AddrFrom4(a), err)
	}
	return fd, nil
}

// owners are processes that own connections, each as many as it may have open.
type owners []*helper

// openOwners opens n connections to the prefix.
func openOwners(to netip.Prefix, n int) (owners, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return nil, err
	}
	most := int(min(limit.Max, 1<<20)) - 100
	var list owners
	for n > 0 {
		part := min(n, most)
		h, err := start("owner", to.String(), strconv.Itoa(part))
		if err != nil {
			return list, err
		}
		list = append(list, h)
		n -= part
	}
	for _, h := range list {
		if _, err := h.line(); err != nil {
			return list, err
		}
	}
	return list, nil
}

func (o owners) stop() {
	for _, h := range o {
		h.stop()
	}
}

// ended says how many connections have failed, and when the last of them did.
func (o owners) ended() (n int, last time.Duration, err error) {
	for _, h := range o {
		if err := h.say("ended"); err != nil {
			return 0, 0, err
		}
		text, err := h.line()
		if err != nil {
			return 0, 0, err
		}
		var r ownerReport
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			return 0, 0, err
		}
		n += r.Ended
		last = max(last, r.Last)
	}
	return n, last, nil
}

type ownerReport struct {
	Ended int
	Last  time.Duration // monotonic
}

// playOwner opens connections, notes when each fails, and answers each line with a
// report.
func playOwner(args []string) error {
	to, err := netip.ParsePrefix(args[0])
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return err
	}
	for i := range n {
		fd, err := dial(to, i)
		if err != nil {
			return err
		}
		if err := unix.EpollCtl(ep, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: int32(fd)}); err != nil {
			return err
		}
	}
	var ended, last atomic.Int64
	go func() {
		events := make([]unix.EpollEvent, 256)
		failed := make(map[int32]bool) // each once, however often it is told
		for {
			n, err := unix.EpollWait(ep, events, -1)
			if err != nil {
				continue // EINTR
			}
			for _, e := range events[:n] {
				if e.Events&unix.EPOLLERR != 0 && !failed[e.Fd] {
					failed[e.Fd] = true
					last.Store(int64(monotonic()))
					ended.Add(1)
				}
			}
		}
	}()
	fmt.Println("open")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		if err := tell(ownerReport{int(ended.Load()), time.Duration(last.Load())}); err != nil {
			return err
		}
	}
	return nil
}

// change makes one change at once.
func (w *writer) change(f func() error) error {
	if err := f(); err != nil {
		return err
	}
	return w.flush()
}

// breathe waits for the daemon to have dealt with what came: it has no way to say
// so.
func breathe(d time.Duration) { time.Sleep(d) }
