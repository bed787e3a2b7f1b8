package packaging

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// member is one of a tar.
type member struct {
	tar.Header
	data []byte
}

// unpack reads a gzipped tar, in order.
func unpack(t *testing.T, b []byte) []member {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	var out []member
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, member{*h, data})
	}
}

func find(list []member, name string) *member {
	for i := range list {
		if list[i].Name == name {
			return &list[i]
		}
	}
	return nil
}

// makePackages makes the packages of binaries that only say their names.
func makePackages(t *testing.T, arches string) (dir string) {
	t.Helper()
	dist, out := t.TempDir(), t.TempDir()
	for _, name := range []string{"386", "amd64", "arm64", "armv5", "armv6", "armv7", "mips", "mipsle", "riscv64"} {
		write(t, filepath.Join(dist, "netmond-"+name), name)
		write(t, filepath.Join(dist, "netmond-"+name+"-mini"), name+" mini")
	}
	run(t, "go", "run", root+"/internal/tool/ipk", "-root", root, "-dist", dist, "-out", out, "-version", version, "-arch", arches)
	return out
}

// TestIpkIsInstallable takes the packages of one architecture apart.
func TestIpkIsInstallable(t *testing.T) {
	dir := makePackages(t, "mipsel_24kc")
	for _, tc := range []struct {
		name, arch string
		fields     []string
		binary     string
	}{
		{"netmond", "mipsel_24kc", []string{"Depends: libc, kmod-inet-diag, ca-bundle", "Require-User: netmond:netmond"}, "mipsle"},
		{"netmond-mini", "mipsel_24kc", []string{"Depends: libc, kmod-inet-diag", "Provides: netmond", "Conflicts: netmond"}, "mipsle mini"},
		{"luci-app-netmond", "all", []string{"Depends: libc, luci-base, netmond"}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b, err := os.ReadFile(filepath.Join(dir, tc.name+"_"+version+"-r1_"+tc.arch+".ipk"))
			if err != nil {
				t.Fatal(err)
			}
			outer := unpack(t, b)
			if len(outer) != 3 || outer[0].Name != "./debian-binary" || string(outer[0].data) != "2.0\n" ||
				outer[1].Name != "./data.tar.gz" || outer[2].Name != "./control.tar.gz" {
				t.Fatalf("members %v", outer)
			}
			data, control := unpack(t, outer[1].data), unpack(t, outer[2].data)
			for _, list := range [][]member{outer, data, control} {
				orderly(t, list, len(list) == 3)
			}
			fields := find(control, "./control")
			if fields == nil {
				t.Fatal("no control file")
			}
			for _, want := range append(tc.fields, "Package: "+tc.name, "Version: "+version+"-r1", "Architecture: "+tc.arch) {
				if !slices.Contains(strings.Split(string(fields.data), "\n"), want) {
					t.Errorf("control lacks %q:\n%s", want, fields.data)
				}
			}
			if !regexp.MustCompile(`(?m)^Installed-Size: [1-9][0-9]*$`).Match(fields.data) {
				t.Errorf("control lacks a size:\n%s", fields.data)
			}
			packageScripts(t, control)
			if tc.binary == "" {
				return
			}
			if m := find(data, "./usr/sbin/netmond"); m == nil || m.Mode != 0o755 || string(m.data) != tc.binary {
				t.Errorf("usr/sbin/netmond = %+v", m)
			}
			if m := find(data, "./etc/init.d/netmond"); m == nil || m.Mode != 0o755 {
				t.Errorf("etc/init.d/netmond = %+v", m)
			}
			keep := find(control, "./conffiles")
			if keep == nil || !strings.Contains(string(keep.data), "/etc/config/netmond\n") {
				t.Fatalf("conffiles = %+v", keep)
			}
			for _, path := range strings.Fields(string(keep.data)) {
				if m := find(data, "."+path); m == nil || m.Typeflag != tar.TypeReg {
					t.Errorf("conffiles names %s, which is no file of the package", path)
				}
			}
		})
	}
}

// orderly checks owners, times, modes and order, and that each directory comes before
// what is in it.
func orderly(t *testing.T, list []member, outer bool) {
	t.Helper()
	seen := map[string]bool{"": true}
	for i, m := range list {
		if m.Uid != 0 || m.Gid != 0 || m.Uname != "root" || m.Gname != "root" || !m.ModTime.Equal(time.Unix(315532800, 0)) {
			t.Errorf("%s: uid %d gid %d time %v", m.Name, m.Uid, m.Gid, m.ModTime)
		}
		if m.Mode&0o022 != 0 || m.Mode&0o444 != 0o444 {
			t.Errorf("%s: mode %o", m.Name, m.Mode)
		}
		if outer {
			continue
		}
		if i > 0 && list[i-1].Name >= m.Name {
			t.Errorf("%s comes before %s", list[i-1].Name, m.Name)
		}
		dir, _ := filepath.Split(strings.TrimSuffix(m.Name, "/"))
		if !seen[dir] {
			t.Errorf("%s comes without its directory", m.Name)
		}
		if m.Typeflag == tar.TypeDir {
			seen[m.Name] = true
		}
	}
}

// packageScripts checks those of a package as far as they can be without OpenWrt.
func packageScripts(t *testing.T, control []member) {
	t.Helper()
	shellcheck := need(t, "shellcheck", "shellcheck")
	for _, name := range []string{"postinst", "postinst-pkg", "prerm"} {
		m := find(control, "./"+name)
		if m == nil || m.Mode != 0o755 {
			t.Errorf("%s = %+v", name, m)
			continue
		}
		path := filepath.Join(t.TempDir(), name)
		write(t, path, string(m.data))
		run(t, shellcheck, "--shell=dash", "--exclude=SC1091", path)
	}
}

// TestIpkIsReproducible makes all packages twice.
func TestIpkIsReproducible(t *testing.T) {
	a, b := makePackages(t, ""), makePackages(t, "")
	list, err := os.ReadDir(a)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 2*20+1 {
		t.Errorf("%d packages", len(list))
	}
	for _, e := range list {
		x, err := os.ReadFile(filepath.Join(a, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		y, err := os.ReadFile(filepath.Join(b, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(x, y) {
			t.Errorf("%s differs from one time to the next", e.Name())
		}
	}
}

// TestIpkHasWhatTheRecipeInstalls compares the tool's list with OpenWrt's Makefile.
func TestIpkHasWhatTheRecipeInstalls(t *testing.T) {
	recipe := read(t, "openwrt/package/netmond/Makefile")
	modes := map[string]int64{"BIN": 0o755, "DATA": 0o644, "CONF": 0o600}
	want := map[string]int64{"./usr/sbin/netmond": 0o755}
	install := regexp.MustCompile(`(?m)^\t\$\(INSTALL_(BIN|DATA|CONF)\) (\S+) \$\(1\)(\S+)$`)
	for _, m := range install.FindAllStringSubmatch(recipe, -1) {
		from := strings.NewReplacer("./files", "openwrt/package/netmond/files", "$(PKG_BUILD_DIR)", ".").Replace(m[2])
		read(t, from)
		want["."+m[3]] = modes[m[1]]
	}
	b, err := os.ReadFile(filepath.Join(makePackages(t, "x86_64"), "netmond_"+version+"-r1_x86_64.ipk"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range unpack(t, unpack(t, b)[1].data) {
		if m.Typeflag == tar.TypeDir || strings.HasPrefix(m.Name, "./lib/upgrade/") { // the SDK makes those itself
			continue
		}
		mode, ok := want[m.Name]
		if !ok || mode != m.Mode {
			t.Errorf("%s, mode %o; the recipe has %o", m.Name, m.Mode, mode)
		}
		delete(want, m.Name)
	}
	for name := range want {
		t.Errorf("the .ipk lacks %s", name)
	}
}

// TestRecipeCompilesAsCross: the same packages are inlined.
func TestRecipeCompilesAsCross(t *testing.T) {
	inlined := regexp.MustCompile(`(?m)^INLINED := (.*)$`).FindStringSubmatch(read(t, "Makefile"))
	if inlined == nil {
		t.Fatal("no INLINED in the Makefile")
	}
	recipe := strings.ReplaceAll(read(t, "openwrt/package/netmond/Makefile"), "$(GO_PKG)", "github.com/netmond/netmond")
	same(t, "the recipe", matches(t, recipe, `-gcflags=([^ =]+)= ?`), append(strings.Fields(inlined[1]), "all"))
}
