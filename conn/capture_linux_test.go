package conn

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/netmond/netmond/internal/netlink"
)

// TestCapture, with -update, writes testdata/*.hex anew. It is the proof of where
// their bytes come from.
func TestCapture(t *testing.T) {
	if !*update {
		t.Skip("captures with -update alone")
	}
	if !inNamespace(t) {
		return
	}
	setUp(t)
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		t.Fatal(err)
	}
	release, _, _ := strings.Cut(unix.ByteSliceToString(uts.Release[:]), "-")
	kernel := "# kernel: Linux " + release + " " + unix.ByteSliceToString(uts.Machine[:]) + "\n"

	var answers [][]byte
	for _, c := range []struct{ network, local, remote string }{
		{"tcp4", "192.0.2.3", "192.0.2.2:443"}, {"tcp6", "::ffff:192.0.2.3", "192.0.2.2:443"},
		{"tcp6", "2001:db8::3", "[2001:db8::2]:443"}, {"tcp4", "203.0.113.9", "192.0.2.2:444"},
	} {
		l, err := net.Listen("tcp", c.remote[strings.LastIndex(c.remote, ":"):])
		if err != nil {
			t.Fatal(err)
		}
		fd := dialRaw(t, c.network == "tcp6", netip.MustParseAddr(c.local), netip.MustParseAddrPort(c.remote), len(answers) == 0, len(answers) == 3)
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			t.Fatal(err)
		}
		d, err := OpenDiag()
		if err != nil {
			t.Fatal(err)
		}
		for datagram, err := range d.sock.Dump(context.Background(), tcpDiagGetSock, func(b []byte) []byte { return appendDiagReq(b, diagStates) }) {
			if err != nil {
				t.Fatal(err)
			}
			for m, err := range netlink.Messages(datagram) {
				if f, perr := parseDiag(m.Data); err == nil && perr == nil && f.Inode == uint32(st.Ino) {
					answers = append(answers, bytes.Clone(m.Data))
				}
			}
		}
		d.Shut()
		l.Close()
	}
	writeFixture(t, "diag.hex", kernel+
		"# struct inet_diag_msg, order: little; client sockets, in this order:\n"+
		"# IPv4, SO_MARK 7, SO_BINDTODEVICE; IPv6 socket with IPv4-mapped addresses; IPv6; IPv4 with IP_TRANSPARENT\n", answers)

	k, err := netlink.Open(syscall.NETLINK_ROUTE)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	answers = nil
	for _, q := range []struct {
		dst      string
		fibmatch bool
	}{{"198.51.100.7", false}, {"192.0.2.9", false}, {"192.0.2.2", false}, {"203.0.113.7", true}, {"100.64.0.1", false}, {"2001:db8:ff::7", false}} {
		a := netip.MustParseAddr(q.dst)
		var flags uint32
		if q.fibmatch {
			flags = rtmFFIBMatch
		}
		err := k.Do(context.Background(), rtmGetRoute, 0, func(b []byte) []byte {
			return netlink.AppendAttr(appendRtMsg(b, a, netip.Addr{}, flags), rtaDst, a.AsSlice())
		}, func(m netlink.Message) { answers = append(answers, bytes.Clone(m.Data)) })
		if err != nil {
			t.Fatalf("%s: %v", q.dst, err)
		}
	}
	writeFixture(t, "route.hex", kernel+
		"# struct rtmsg of RTM_NEWROUTE, order: little; answers to `ip route get` of, in this order:\n"+
		"# 198.51.100.7 via 192.0.2.1 dev wan; 192.0.2.9 dev wan; local 192.0.2.2; fibmatch 203.0.113.7 nexthop via 192.0.2.1\n"+
		"# nexthop via 192.0.2.4; 100.64.0.1 via inet6 fe80::1 dev wan; 2001:db8:ff::7 via 2001:db8::1 dev wan\n", answers)
}

// setUp makes the link wan, ifindex 2, with addresses and routes.
func setUp(t *testing.T) {
	t.Helper()
	for _, line := range []string{
		"ip link set lo up",
		"ip link add wan index 2 type veth peer name p index 3",
		"ip address add 192.0.2.2/24 dev wan",
		"ip address add 2001:db8::2/64 dev wan nodad",
		"ip link set wan up",
		"ip link set p up",
		"ip address add 192.0.2.3/32 dev lo",
		"ip address add 2001:db8::3/128 dev lo nodad",
		"ip route add local 203.0.113.9 dev lo",
		"ip route add default via 192.0.2.1 dev wan",
		"ip route add 203.0.113.0/24 nexthop via 192.0.2.1 dev wan nexthop via 192.0.2.4 dev wan",
		"ip route add 100.64.0.0/10 via inet6 fe80::1 dev wan",
		"ip -6 route add default via 2001:db8::1 dev wan",
	} {
		sh(t, line)
	}
}

// dialRaw connects a socket of the given family, marked and bound or transparent.
func dialRaw(t *testing.T, v6 bool, local netip.Addr, remote netip.AddrPort, marked, transparent bool) int {
	t.Helper()
	family := unix.AF_INET
	if v6 {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	set := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if transparent {
		set(unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_TRANSPARENT, 1))
	}
	addr := func(a netip.Addr, port uint16) unix.Sockaddr {
		if v6 {
			return &unix.SockaddrInet6{Addr: a.As16(), Port: int(port)}
		}
		return &unix.SockaddrInet4{Addr: a.As4(), Port: int(port)}
	}
	set(unix.Bind(fd, addr(local, 0)))
	if marked {
		set(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, 7))
		set(unix.SetsockoptString(fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE, "lo"))
	}
	set(unix.Connect(fd, addr(remote.Addr(), remote.Port())))
	return fd
}

func writeFixture(t *testing.T, name, head string, answers [][]byte) {
	t.Helper()
	var b strings.Builder
	b.WriteString(head)
	for _, a := range answers {
		b.WriteString("\n")
		for digits := hex.EncodeToString(a); digits != ""; {
			n := min(len(digits), 64)
			fmt.Fprintln(&b, digits[:n])
			digits = digits[n:]
		}
	}
	if err := os.WriteFile("testdata/"+name, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
