package packaging

import (
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/netmond/netmond/cpd"
)

// TestLeaseHooks runs the hooks of both DHCP clients as they do, and reads what
// netmond reads.
func TestLeaseHooks(t *testing.T) {
	shells := map[string][]string{"dash": {need(t, "dash", "dash")}, "busybox": {need(t, "busybox", "busybox-static"), "sh"}}
	lib, err := filepath.Abs(filepath.Join(root, "packaging/lease"))
	if err != nil {
		t.Fatal(err)
	}
	hex := func(s string) string {
		var b strings.Builder
		for _, c := range []byte(s) {
			b.WriteString("0123456789abcdef"[c>>4:][:1] + "0123456789abcdef"[c&15:][:1])
		}
		return b.String()
	}
	udhcpc := func(event, dns, uri string) []string {
		return []string{"udhcpc", event, "interface=eth1", "dns=" + dns, "opt114=" + hex(uri)}
	}
	odhcp6c := func(event, dns, uri string) []string {
		return []string{"odhcp6c", event, "RDNSS=" + dns, "CAPTIVE_PORTAL_URI=" + uri}
	}
	const uri, uri6 = "https://portal.example.net/api?a=1&b=%20", "https://portal.example.com/v6"
	steps := []struct {
		hook      []string
		resolvers string
		capport   string
	}{
		{udhcpc("bound", "192.0.2.53 192.0.2.54", uri), "192.0.2.53 192.0.2.54", uri},
		{odhcp6c("bound", "2001:db8::53", uri6), "192.0.2.53 192.0.2.54 2001:db8::53", uri},
		{udhcpc("nak", "198.51.100.1", ""), "192.0.2.53 192.0.2.54 2001:db8::53", uri},
		{udhcpc("renew", "192.0.2.55", ""), "192.0.2.55 2001:db8::53", uri6},
		{udhcpc("renew", "192.0.2.55\nCAPTIVE_PORTAL=https://portal.example.org/", "https://a\nCAPTIVE_PORTAL=https://b/"), "2001:db8::53", uri6},
		{udhcpc("renew", "$(touch pwned) `touch pwned`", `";touch pwned;"`), "2001:db8::53", uri6},
		{udhcpc("renew", "", "https://portal.example.org/\x80"), "2001:db8::53", uri6},
		{udhcpc("deconfig", "", ""), "2001:db8::53", uri6},
		{odhcp6c("unbound", "2001:db8::53", uri6), "", ""},
	}
	for name, shell := range shells {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			leases := filepath.Join(dir, cpd.HookDir)
			for i, s := range steps {
				args := append(shell[1:len(shell):len(shell)], filepath.Join(lib, s.hook[0]))
				if s.hook[0] == "odhcp6c" {
					args = append(args, "eth1")
				}
				cmd := exec.Command(shell[0], append(args, s.hook[1])...)
				cmd.Dir = dir
				cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "NETMOND_LIB=" + lib, "NETMOND_LEASES=" + leases}, s.hook[2:]...)
				out, _ := cmd.CombinedOutput() // what it wrote counts
				if len(out) > 0 {
					t.Errorf("step %d: %s", i, out)
				}
				var want []netip.Addr
				for _, a := range strings.Fields(s.resolvers) {
					want = append(want, netip.MustParseAddr(a))
				}
				l := cpd.Leases(os.DirFS(dir), "eth1", 2)
				if !slices.Equal(l.Resolvers, want) || l.Capport != s.capport {
					t.Errorf("step %d: lease %v %q, want %v %q", i, l.Resolvers, l.Capport, want, s.capport)
				}
			}
			if left, err := os.ReadDir(leases); err != nil || len(left) != 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
			if _, err := os.Stat(filepath.Join(dir, "pwned")); err == nil {
				t.Error("a stranger's text was run")
			}
		})
	}
}

// TestLeasesAreNotTheDaemons: root writes what DHCP clients were told, and a user whom
// the daemon runs as could lead it anywhere from a directory of its own. The scripts and
// the program agree on the place.
func TestLeasesAreNotTheDaemons(t *testing.T) {
	if dir := strings.TrimPrefix(cpd.HookDir, "var/run/"); strings.Contains(dir, "/") || dir == "netmond" {
		t.Errorf("the leases are in %s", cpd.HookDir)
	}
	for _, path := range []string{"packaging/lease/lease.sh", "openwrt/package/netmond/files/netmond.init", "packaging/man/netmond.8"} {
		if !strings.Contains(read(t, path), "/"+cpd.HookDir) {
			t.Errorf("%s does not name /%s", path, cpd.HookDir)
		}
	}
}
