package board

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"unicode"
	"unicode/utf8"
)

func TestDetect(t *testing.T) {
	for _, tt := range []struct {
		tree, line string
		want       Info
	}{
		{"openwrt-23.05", "OpenWrt 23.05.5 on GL-MT300N-V2, procd", Info{
			System: "openwrt", OS: "OpenWrt", Version: "23.05.5", Model: "GL-MT300N-V2", Init: "procd",
			Roles: map[string][]string{"lan": {"eth0.1"}, "wan": {"eth0.2"}},
		}},
		{"openwrt-24.10", "OpenWrt 24.10.2 on GL.iNet GL-MT6000, procd", Info{
			System: "openwrt", OS: "OpenWrt", Version: "24.10.2", Model: "GL.iNet GL-MT6000", Init: "procd",
			Roles: map[string][]string{"lan": {"lan1", "lan2", "lan3", "lan4", "lan5"}, "wan": {"eth1"}},
		}},
		{"poky-scarthgap", "Poky (Yocto Project Reference Distro) 5.0.4 on TI AM335x BeagleBone Black, sysvinit", Info{
			System: "yocto", OS: "Poky (Yocto Project Reference Distro)", Version: "5.0.4",
			Model: "TI AM335x BeagleBone Black", Init: "sysvinit",
		}},
		{"debian-12", "Debian GNU/Linux 12 on LENOVO 20XW00ABGE, systemd", Info{
			System: "debian", OS: "Debian GNU/Linux", Version: "12", Model: "LENOVO 20XW00ABGE", Init: "systemd",
		}},
		{"plain", "The \"Gadget\" System 1 \"first\" $`\\, busybox", Info{
			OS: `The "Gadget" System`, Version: "1 \"first\" $`\\", Init: "busybox",
		}},
	} {
		t.Run(tt.tree, func(t *testing.T) {
			got := Detect(os.DirFS(filepath.Join("testdata", tt.tree)))
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("Detect\n got %+v\nwant %+v", got, tt.want)
			}
			if got.String() != tt.line {
				t.Errorf("String() = %s, want %s", got, tt.line)
			}
		})
	}
}

// TestDetectSigns has what the trees of testdata do not.
func TestDetectSigns(t *testing.T) {
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  string // as JSON
	}{
		{"nothing", nil, `{}`},
		{"own-distribution-built-with-yocto", map[string]string{"etc/os-release": "ID=acme\nNAME=Acme\nCPE_NAME=\"cpe:/o:openembedded:acme:1\""},
			`{"system":"yocto","os":"Acme"}`},
		{"descendant-of-debian", map[string]string{"etc/os-release": "ID=raspbian\nID_LIKE=debian\nVERSION_ID=\"12\""},
			`{"system":"debian","os":"raspbian","version":"12"}`},
		{"descendant-of-openwrt", map[string]string{"etc/os-release": "ID=turris\nID_LIKE=\"lede openwrt\""},
			`{"system":"openwrt","os":"turris"}`},
		{"own-release-file-wins", map[string]string{"etc/openwrt_release": "DISTRIB_ID='Own'", "etc/os-release": "NAME=OpenWrt\nVERSION_ID=1"},
			`{"system":"openwrt","os":"Own","version":"1"}`},
		{"openrc", map[string]string{"run/openrc/softlevel": "", "bin/busybox": ""}, `{"init":"openrc"}`},
		{"sysvinit", map[string]string{"sbin/telinit": ""}, `{"init":"sysvinit"}`},
		{"systemd-before-sysvinit-commands", map[string]string{"run/systemd/system/x": "", "sbin/telinit": ""}, `{"init":"systemd"}`},
		{"product-repeats-the-vendor", map[string]string{"sys/class/dmi/id/sys_vendor": "QEMU\n", "sys/class/dmi/id/product_name": "QEMU Virt\n"},
			`{"model":"QEMU Virt"}`},
		{"device-tree-before-dmi", map[string]string{"proc/device-tree/model": "Board\x00", "sys/class/dmi/id/product_name": "PC\n"},
			`{"model":"Board"}`},
		{"broken-board", map[string]string{"etc/board.json": `{"model":{"name":"x"},"network":[`}, `{}`},
		{"board-of-other-types", map[string]string{"etc/board.json": `{"model":{"name":"x"},"network":{"wan":{"device":5}}}`}, `{}`},
		{"roles-without-devices", map[string]string{"etc/board.json": `{"network":{"wan":{"protocol":"dhcp"}}}`}, `{}`},
		{"device-and-ports", map[string]string{"etc/board.json": `{"network":{"lan":{"device":"eth0","ports":["eth0","eth1"]}}}`},
			`{"roles":{"lan":["eth0","eth1"]}}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fsys := fstest.MapFS{}
			for name, text := range tt.files {
				fsys[name] = &fstest.MapFile{Data: []byte(text)}
			}
			got, err := json.Marshal(Detect(fsys))
			if err != nil || string(got) != tt.want {
				t.Errorf("Detect = %s, %v, want %s", got, err, tt.want)
			}
		})
	}
}

func TestDetectDoesNotWaitForAFIFO(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "etc/os-release"), 0o644); err != nil {
		t.Skip(err)
	}
	if got := Detect(os.DirFS(dir)); !reflect.DeepEqual(got, Info{}) {
		t.Errorf("Detect = %+v, want nothing", got)
	}
}

// FuzzDetect puts hostile bytes into every file that Detect reads.
func FuzzDetect(f *testing.F) {
	f.Add([]byte("ID=x\nNAME='y'\nVERSION=\"z\\\"\""), []byte(`{"model":{"name":"m"},"network":{"wan":{"ports":["a","b"]}}}`), []byte("model\x00"))
	f.Fuzz(func(t *testing.T, release, board, model []byte) {
		info := Detect(fstest.MapFS{
			"etc/openwrt_release":                &fstest.MapFile{Data: release},
			"etc/os-release":                     &fstest.MapFile{Data: release},
			"etc/board.json":                     &fstest.MapFile{Data: board},
			"proc/device-tree/model":             &fstest.MapFile{Data: model},
			"sys/class/dmi/id/product_name":      &fstest.MapFile{Data: model},
			"sys/class/dmi/id/sys_vendor":        &fstest.MapFile{Data: release},
			"sys/firmware/devicetree/base/model": &fstest.MapFile{Mode: fs.ModeDevice},
		})
		texts := []string{info.OS, info.Version, info.Model}
		for role, devices := range info.Roles {
			texts = append(append(texts, role), devices...)
			if len(devices) == 0 || len(devices) > maxRoles {
				t.Errorf("role %q has %d devices", role, len(devices))
			}
		}
		if len(info.Roles) > maxRoles {
			t.Errorf("%d roles", len(info.Roles))
		}
		for _, s := range texts {
			if len(s) > maxText || !utf8.ValidString(s) || strings.TrimSpace(s) != s || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("%q is not clean", s)
			}
		}
	})
}

func ExampleDetect() {
	fmt.Println(Detect(os.DirFS("testdata/openwrt-24.10")))
	// Output: OpenWrt 24.10.2 on GL.iNet GL-MT6000, procd
}
