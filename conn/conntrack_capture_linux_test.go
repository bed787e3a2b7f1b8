package conn

import (
	"bytes"
	"context"
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/netmond/netmond/internal/netlink"
)

// TestCaptureConntrack, with -update, writes testdata/conntrack.hex anew. It is
// the proof of where its bytes come from.
func TestCaptureConntrack(t *testing.T) {
	if !*update {
		t.Skip("captures with -update alone")
	}
	if !inNamespace(t) {
		return
	}
	setUp(t)
	sh(t, `ip address add 2001:db8::4/128 dev lo nodad
nft -f - <<-END
	table ip t {
		chain zones {
			type filter hook output priority raw
			udp dport 53 ct zone set 5
		}
		chain marks {
			type filter hook output priority mangle
			udp dport 53 ct mark set 0x100
		}
		chain out {
			type nat hook output priority -100
			ip daddr 198.51.100.7 dnat to 203.0.113.9
		}
		chain post {
			type nat hook postrouting priority srcnat
			ip daddr 203.0.113.9 snat to 192.0.2.3
		}
	}
	table ip6 t {
		chain post {
			type nat hook postrouting priority srcnat
			tcp dport 443 snat to 2001:db8::4
		}
	}
END`)
	c, err := OpenConntrack(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Shut()
	var answers [][]byte
	for i, k := range []struct {
		network, local, remote string
		proto                  byte
	}{
		{"tcp", "192.0.2.2:40001", "203.0.113.9:443", 6},
		{"tcp", "192.0.2.2:40002", "198.51.100.7:443", 6},
		{"tcp", "[2001:db8::3]:40003", "[2001:db8::2]:443", 6},
		{"udp", "192.0.2.2:40004", "192.0.2.3:53", 17},
		{"icmp", "192.0.2.2:0", "203.0.113.9:0", 1},
	} {
		speak(t, k.network, netip.MustParseAddrPort(k.local), netip.MustParseAddrPort(k.remote))
		for _, fam := range []byte{afINET, afINET6} {
			for datagram, err := range c.sock.Dump(context.Background(), ctGet, func(b []byte) []byte { return appendNfgen(b, fam) }) {
				if err != nil {
					t.Fatal(err)
				}
				for m, err := range netlink.Messages(datagram) {
					e, perr := parseCT(m.Data)
					if err == nil && perr == nil && e.proto == k.proto && e.orig.src.String() == k.local && e.orig.dst.String() == k.remote {
						answers = append(answers, bytes.Clone(m.Data))
					}
				}
			}
		}
		if len(answers) != i+1 {
			t.Fatalf("%d answers for %+v", len(answers)-i, k)
		}
	}
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		t.Fatal(err)
	}
	release, _, _ := strings.Cut(unix.ByteSliceToString(uts.Release[:]), "-")
	writeFixture(t, "conntrack.hex", "# kernel: Linux "+release+" "+unix.ByteSliceToString(uts.Machine[:])+"\n"+
		"# struct nfgenmsg of IPCTNL_MSG_CT_NEW, order: little; in this order: TCP with its source translated; TCP with both\n"+
		"# translated; IPv6 TCP with its source translated; UDP, mark 0x100, zone 5; ICMP echo with its source translated\n", answers)
}

// speak opens a TCP connection, or sends a UDP datagram or an echo request.
func speak(t *testing.T, network string, local, remote netip.AddrPort) {
	t.Helper()
	addr := func(a netip.AddrPort) unix.Sockaddr {
		if a.Addr().Is6() {
			return &unix.SockaddrInet6{Addr: a.Addr().As16(), Port: int(a.Port())}
		}
		return &unix.SockaddrInet4{Addr: a.Addr().As4(), Port: int(a.Port())}
	}
	family, kind := unix.AF_INET, map[string]int{"tcp": unix.SOCK_STREAM, "udp": unix.SOCK_DGRAM, "icmp": unix.SOCK_RAW}[network]
	if local.Addr().Is6() {
		family = unix.AF_INET6
	}
	proto := 0
	if network == "icmp" {
		proto = unix.IPPROTO_ICMP
	}
	socket := func() int {
		fd, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC, proto)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		return fd
	}
	var err error
	if network == "tcp" {
		l := socket()
		_ = unix.SetsockoptInt(l, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
		to := remote
		if to.Addr() == netip.MustParseAddr("198.51.100.7") {
			to = netip.AddrPortFrom(netip.MustParseAddr("203.0.113.9"), 443)
		}
		_ = unix.SetsockoptInt(l, unix.SOL_IP, unix.IP_TRANSPARENT, 1)
		_ = unix.SetsockoptInt(l, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
		if err = unix.Bind(l, addr(to)); err == nil {
			err = unix.Listen(l, 1)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	fd := socket()
	if err = unix.Bind(fd, addr(local)); err == nil {
		err = unix.Connect(fd, addr(remote))
	}
	switch {
	case err != nil:
	case network == "udp":
		_, err = unix.Write(fd, []byte{0})
	case network == "icmp":
		echo := []byte{8, 0, 0, 0, 0x12, 0x34, 0, 1} // with its checksum, the complement of the sum
		binary.BigEndian.PutUint16(echo[2:], ^uint16(0x0800+0x1234+1))
		_, err = unix.Write(fd, slices.Clip(echo))
	}
	if err != nil {
		t.Fatalf("%s %v to %v: %v", network, local, remote, err)
	}
}
