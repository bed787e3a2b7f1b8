package board

import (
	"cmp"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/netmond/netmond/internal/minijson"
)

const (
	maxFile  = 64 << 10 // bytes read of any one file; board.json has 4 KiB
	maxText  = 128      // bytes of any one string in an Info
	maxRoles = 32       // networks in an Info, and devices in each
)

// Detect looks at the tree of a running system, os.DirFS("/"). It never fails: a
// file that is missing, too large or not what its name says is passed over.
func Detect(fsys fs.FS) Info {
	release := readAssignments(fsys, "etc/openwrt_release")
	osRelease := readAssignments(fsys, "etc/os-release")
	if osRelease == nil {
		osRelease = readAssignments(fsys, "usr/lib/os-release")
	}
	board := readBoard(fsys)
	return Info{
		System:  system(release, osRelease),
		OS:      cmp.Or(release["DISTRIB_ID"], osRelease["NAME"], osRelease["ID"]),
		Version: cmp.Or(release["DISTRIB_RELEASE"], osRelease["VERSION_ID"], osRelease["VERSION"]),
		Model:   model(fsys, board.Model.Name),
		Init:    initSystem(fsys),
		Roles:   board.roles(),
	}
}

// system tells the kinds apart by what their builders put there: OpenWrt's
// base-files, os-release.bb of OpenEmbedded (whose CPE_NAME survives a distribution's own
// name), Debian and its descendants (os-release(5), ID_LIKE).
func system(release, osRelease map[string]string) string {
	like := strings.Fields(osRelease["ID"] + " " + osRelease["ID_LIKE"])
	switch {
	case release != nil, slices.Contains(like, "openwrt"):
		return "openwrt"
	case strings.HasPrefix(osRelease["CPE_NAME"], "cpe:/o:openembedded:"), slices.Contains(like, "poky"):
		return "yocto"
	case slices.Contains(like, "debian"):
		return "debian"
	}
	return ""
}

// initSystem goes by what each leaves in the tree; the first that is there wins,
// so those that start another's scripts come first.
func initSystem(fsys fs.FS) string {
	for _, sign := range []struct{ path, name string }{
		{"run/systemd/system", "systemd"}, // sd_booted(3)
		{"sbin/procd", "procd"},
		{"run/openrc", "openrc"},
		{"sbin/init.sysvinit", "sysvinit"}, // OpenEmbedded's alternatives
		{"sbin/telinit", "sysvinit"},
		{"bin/busybox", "busybox"},
	} {
		if _, err := fs.Stat(fsys, sign.path); err == nil {
			return sign.name
		}
	}
	return ""
}

// model prefers what the system's builder says to what the firmware says.
func model(fsys fs.FS, fromBoard string) string {
	if m := cmp.Or(
		clean(fromBoard),
		clean(readFile(fsys, "tmp/sysinfo/model")), // OpenWrt, on boards without device tree
		clean(readFile(fsys, "proc/device-tree/model")),
		clean(readFile(fsys, "sys/firmware/devicetree/base/model")),
	); m != "" {
		return m
	}
	vendor, product := readDMI(fsys, "sys_vendor"), readDMI(fsys, "product_name")
	if strings.HasPrefix(product, vendor) {
		return product
	}
	return clean(vendor + " " + product)
}

// readDMI returns one string of the firmware's table, empty where the maker
// left the template's text in it.
func readDMI(fsys fs.FS, name string) string {
	s := clean(readFile(fsys, "sys/class/dmi/id/"+name))
	switch strings.ToLower(strings.TrimRight(s, ".")) {
	case "to be filled by o.e.m", "default string", "system manufacturer", "system product name",
		"not specified", "not applicable", "o.e.m", "oem", "none":
		return ""
	}
	return s
}

// boardJSON is the part of OpenWrt's /etc/board.json that is used here. A network has
// one device or several ports.
type boardJSON struct {
	Model struct {
		Name string `json:"name"`
	} `json:"model"`
	Network map[string]struct {
		Device string   `json:"device"`
		Ports  []string `json:"ports"`
	} `json:"network"`
}

func readBoard(fsys fs.FS) (b boardJSON) {
	if minijson.Unmarshal([]byte(readFile(fsys, "etc/board.json")), &b) != nil {
		return boardJSON{}
	}
	return b
}

func (b boardJSON) roles() map[string][]string {
	roles := make(map[string][]string)
	for _, name := range slices.Sorted(maps.Keys(b.Network)) {
		if len(roles) == maxRoles {
			break
		}
		var devices []string
		for _, d := range append([]string{b.Network[name].Device}, b.Network[name].Ports...) {
			if d = clean(d); d != "" && len(devices) < maxRoles && !slices.Contains(devices, d) {
				devices = append(devices, d)
			}
		}
		if name = clean(name); name != "" && devices != nil {
			roles[name] = devices
		}
	}
	if len(roles) == 0 {
		return nil
	}
	return roles
}

// readAssignments reads a file of shell assignments, as os-release(5) has them: one a
// line, the value bare, in single quotes, or in double quotes with backslashes
// before $ " \ and `. Nil where there is no such file.
func readAssignments(fsys fs.FS, name string) map[string]string {
	text := readFile(fsys, name)
	if text == "" {
		return nil
	}
	m := make(map[string]string)
	for _, line := range strings.Split(text, "\n") {
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok || strings.HasPrefix(key, "#") {
			continue
		}
		m[key] = clean(unquote(value))
	}
	return m
}

func unquote(s string) string {
	if len(s) < 2 || s[0] != s[len(s)-1] {
		return s
	}
	switch s[0] {
	case '\'':
		return s[1 : len(s)-1]
	case '"':
		return unescape(s[1 : len(s)-1])
	}
	return s
}

// unescape removes the backslashes of a word in double quotes (POSIX shell, 2.2.3).
func unescape(s string) string {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && strings.IndexByte("$\"\\`", s[i+1]) >= 0 {
			i++
		}
		out = append(out, s[i])
	}
	return string(out)
}

// readFile returns the first maxFile bytes of a regular file, or nothing.
func readFile(fsys fs.FS, name string) string {
	// Asked first, because opening a FIFO would wait for its writer.
	if info, err := fs.Stat(fsys, name); err != nil || !info.Mode().IsRegular() {
		return ""
	}
	f, err := fsys.Open(name)
	if err != nil {
		return ""
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return ""
	}
	return string(b)
}

// clean makes s fit for a terminal, a log and JSON: runs of white space become one
// blank, what does not print goes, and what is longer than maxText is cut.
func clean(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "")), " ")
	s = strings.Map(func(r rune) rune {
		if strconv.IsPrint(r) {
			return r
		}
		return -1
	}, s)
	return strings.TrimSpace(cut(s, maxText))
}

// cut shortens s to at most n bytes, at the border of a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
