//go:build linux

package kernel

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// zone is what a resolver knows: the addresses of names, separated by blanks.
type zone map[string]string

// resolver starts a DNS server at an address of the Internet.
func (i *internet) resolver(t testing.TB, at string, z zone) {
	t.Helper()
	in(t, "peer", func() { i.resolverHere(t, at, z) })
}

// resolverHere starts it in the namespace of the calling thread.
func (i *internet) resolverHere(t testing.TB, at string, z zone) {
	t.Helper()
	c, err := net.ListenPacket("udp", net.JoinHostPort(at, "53"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			if reply, question := z.reply(buf[:n]); reply != nil {
				i.hear(c.LocalAddr(), from, question)
				_, _ = c.WriteTo(reply, from) // as if lost on the way
			}
		}
	}()
}

// reply answers a query of RFC 1035 section 4.1, and says what it was; nil where
// it was none.
func (z zone) reply(query []byte) (reply []byte, question string) {
	const header, typeA, typeAAAA = 12, 1, 28
	if len(query) < header {
		return nil, ""
	}
	var labels []string
	end := header
	for end < len(query) && query[end] != 0 {
		next := end + 1 + int(query[end])
		if next > len(query) {
			return nil, ""
		}
		labels = append(labels, string(query[end+1:next]))
		end = next
	}
	if end += 5; end > len(query) {
		return nil, ""
	}
	name := strings.Join(labels, ".")
	known, ok := z[name]
	kind := uint16(query[end-4])<<8 | uint16(query[end-3])
	var addrs []netip.Addr
	for _, f := range strings.Fields(known) {
		if a := netip.MustParseAddr(f); kind == typeA && a.Is4() || kind == typeAAAA && a.Is6() {
			addrs = append(addrs, a)
		}
	}
	code := byte(0)
	if !ok {
		code = 3 // NXDOMAIN
	}
	reply = append(reply, query[0], query[1], 0x81, 0x80|code, 0, 1, 0, byte(len(addrs)), 0, 0, 0, 0)
	reply = append(reply, query[header:end]...)
	for _, a := range addrs {
		reply = append(reply, 0xc0, header, byte(kind>>8), byte(kind), 0, 1, 0, 0, 0, 60, 0, byte(a.BitLen()/8))
		reply = append(reply, a.AsSlice()...)
	}
	return reply, map[uint16]string{typeA: "A ", typeAAAA: "AAAA "}[kind] + name
}

// lease tells of a link what a DHCP client's hook script would write.
func lease(t testing.TB, dev string, lines ...string) {
	t.Helper()
	write(t, leases+dev, strings.Join(lines, "\n"))
}

// resolvConf is what /etc/resolv.conf says for the rest of the test, in this mount
// namespace alone.
func resolvConf(t testing.TB, lines ...string) {
	t.Helper()
	const file = "/run/resolv.conf"
	write(t, file, strings.Join(lines, "\n"))
	err := unix.Mount(file, "/etc/resolv.conf", "", unix.MS_BIND, "")
	if errors.Is(err, syscall.ENOENT) {
		skip(t, "there is no /etc/resolv.conf to cover")
	}
	if err != nil {
		t.Fatalf("bind mount: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount("/etc/resolv.conf", unix.MNT_DETACH) })
}

// write writes a file of the system's configuration, which is gone with the test.
func write(t testing.TB, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(file) })
}
