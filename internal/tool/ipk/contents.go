package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Fields of every package.
var common = [][2]string{
	{"Section", "net"},
	{"Priority", "optional"},
	{"License", "MIT"},
	{"Maintainer", "netmond maintainers <maintainers@netmond.example>"},
	{"URL", "https://github.com/netmond/netmond"},
}

// The scripts are those that OpenWrt's package-pack.mk gives every package: the
// functions come with base-files, enable and start what is in /etc/init.d, and add
// the users of Require-User.
const (
	postinst = `#!/bin/sh
[ "${IPKG_NO_SCRIPT}" = "1" ] && exit 0
[ -s "${IPKG_INSTROOT}/lib/functions.sh" ] || exit 0
. "${IPKG_INSTROOT}/lib/functions.sh"
default_postinst "$0" "$@"
`
	prerm = `#!/bin/sh
[ -s "${IPKG_INSTROOT}/lib/functions.sh" ] || exit 0
. "${IPKG_INSTROOT}/lib/functions.sh"
default_prerm "$0" "$@"
`
	// default_postinst runs postinst-pkg of the package itself. ubusd looks the user
	// of an ACL up when it reads the file.
	postinstPkg = `[ -n "${IPKG_INSTROOT}" ] || killall -s HUP ubusd 2>/dev/null
exit 0
`
	// LuCI keeps an index of its menu.
	luciPostinstPkg = `[ -n "${IPKG_INSTROOT}" ] || {
	rm -f /tmp/luci-indexcache.*
	rm -rf /tmp/luci-modulecache/
	killall -HUP rpcd 2>/dev/null
	exit 0
}
`
)

func scripts(pkg string) []File {
	return []File{{"postinst", 0o755, []byte(postinst)}, {"postinst-pkg", 0o755, []byte(pkg)}, {"prerm", 0o755, []byte(prerm)}}
}

// source is a file of the tree and where it goes.
type source struct {
	from, to string
	mode     int64
}

// Files of the daemon's package, beside its binary.
var daemonFiles = []source{
	{"openwrt/package/netmond/files/netmond.init", "/etc/init.d/netmond", 0o755},
	{"openwrt/package/netmond/files/netmond.config", "/etc/config/netmond", 0o644},
	{"openwrt/package/netmond/files/netmond.hotplug", "/etc/hotplug.d/netmond/50-example", 0o644},
	{"openwrt/package/netmond/files/netmond.capabilities", "/etc/capabilities/netmond.json", 0o644},
	{"openwrt/package/netmond/files/netmond.acl", "/usr/share/acl.d/netmond.json", 0o644},
	{"openwrt/package/netmond/files/netmond.rpcd", "/usr/share/rpcd/acl.d/netmond.json", 0o644},
	{"packaging/lease/lease.sh", "/usr/lib/netmond/lease.sh", 0o644},
	{"packaging/lease/udhcpc", "/etc/udhcpc.user.d/netmond", 0o644},
	{"packaging/lease/odhcp6c", "/etc/odhcp6c.user.d/netmond", 0o644},
}

// daemon is the package netmond, or netmond-mini. The caller adds version and
// architecture.
func daemon(root, binary string, mini bool) (Package, error) {
	p := Package{
		Name: "netmond", Depends: []string{"libc", "kmod-inet-diag", "ca-bundle"},
		Description: "Closes the connections whose path has died, checks uplinks for captive portals.",
		Conffiles:   []string{"/etc/config/netmond", "/etc/hotplug.d/netmond/50-example"},
		Scripts:     scripts(postinstPkg),
		Fields:      append([][2]string{{"Require-User", "netmond:netmond"}}, common...),
	}
	if mini {
		p.Name = "netmond-mini"
		p.Depends = []string{"libc", "kmod-inet-diag"}
		p.Description += " Without TLS."
		p.Fields = append([][2]string{{"Provides", "netmond"}, {"Conflicts", "netmond"}}, p.Fields...)
	}
	b, err := os.ReadFile(binary)
	if err != nil {
		return p, fmt.Errorf("%w; make cross makes the binaries", err)
	}
	p.Files = []File{
		{"/usr/sbin/netmond", 0o755, b},
		{"/etc/netmond/hooks.d", 0o755, nil},
		// What else an upgrade of the system keeps: what the operator put there.
		{"/lib/upgrade/keep.d/" + p.Name, 0o644, []byte("/etc/hotplug.d/netmond/\n/etc/netmond/\n")},
	}
	for _, s := range daemonFiles {
		if err := p.add(filepath.Join(root, s.from), s.to, s.mode); err != nil {
			return p, err
		}
	}
	return p, nil
}

// luci is the package luci-app-netmond: what is below htdocs and root in its
// folder, as luci.mk installs it.
func luci(root string) (Package, error) {
	p := Package{
		Name: "luci-app-netmond", Depends: []string{"libc", "luci-base", "netmond"},
		Description: "LuCI support for netmond",
		Scripts:     scripts(luciPostinstPkg),
		Fields:      common,
	}
	for _, part := range []struct{ from, to string }{{"htdocs", "/www"}, {"root", ""}} {
		top := filepath.Join(root, "openwrt/luci-app-netmond", part.from)
		err := filepath.WalkDir(top, func(name string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			return p.add(name, part.to+filepath.ToSlash(strings.TrimPrefix(name, top)), 0o644)
		})
		if err != nil {
			return p, err
		}
	}
	return p, nil
}

// add adds the file from as to. One that is empty counts as a mistake.
func (p *Package) add(from, to string, mode int64) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if len(b) == 0 {
		return fmt.Errorf("%s: empty", from)
	}
	p.Files = append(p.Files, File{to, mode, b})
	return nil
}
