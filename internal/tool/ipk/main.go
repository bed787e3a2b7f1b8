// Command ipk writes installable OpenWrt packages (.ipk, for opkg) of the binaries
// in dist/, without OpenWrt's SDK. The same input makes the same bytes.
//
//	go run ./internal/tool/ipk -version 1.2.3 -dist dist -out dist/ipk
//	go run ./internal/tool/ipk -version 1.2.3 -arch mipsel_24kc,aarch64_cortex-a53
//
// What goes into a package stands in contents.go, which follows the recipes in
// openwrt/package and openwrt/luci-app-netmond. Releases of OpenWrt from 25.12 on
// take .apk instead, which its SDK makes: openwrt/README.md.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "ipk:", err)
		os.Exit(1)
	}
}

// versions are those that opkg compares as one would expect.
var versions = regexp.MustCompile(`^[0-9][0-9A-Za-z.+~-]*$`)

func run(args []string) error {
	fs := flag.NewFlagSet("ipk", flag.ContinueOnError)
	root := fs.String("root", ".", "`directory` of the source tree")
	dist := fs.String("dist", "dist", "`directory` of the binaries, netmond-ARCH and netmond-ARCH-mini")
	out := fs.String("out", "dist/ipk", "`directory` to write to")
	version := fs.String("version", "", "`version` of netmond, as the binaries say it")
	release := fs.Int("release", 1, "release of the package")
	only := fs.String("arch", "", "comma `list` of OpenWrt's architectures; all of them without")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if !versions.MatchString(*version) || *release < 1 {
		return fmt.Errorf("-version %q -release %d: want a number such as 1.2.3, and 1 or more", *version, *release)
	}
	list, err := chosen(*only)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(*out, 0o755); err != nil {
		return err
	}
	full := fmt.Sprintf("%s-r%d", *version, *release)
	write := func(p Package, data []byte) error {
		name := fmt.Sprintf("%s_%s_%s.ipk", p.Name, p.Version, p.Arch)
		b, err := p.join(data)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(*out, name), b, 0o644)
	}
	for _, target := range list {
		for _, mini := range []bool{false, true} {
			binary := filepath.Join(*dist, "netmond-"+target.binary)
			if mini {
				binary += "-mini"
			}
			p, err := daemon(*root, binary, mini)
			if err != nil {
				return err
			}
			p.Version = full
			// The same files for each architecture that runs the binary.
			data, err := p.data()
			if err != nil {
				return err
			}
			for _, arch := range target.arches {
				p.Arch = arch
				if err := write(p, data); err != nil {
					return err
				}
			}
		}
	}
	p, err := luci(*root)
	if err != nil {
		return err
	}
	p.Version, p.Arch = full, "all"
	data, err := p.data()
	if err != nil {
		return err
	}
	return write(p, data)
}

// A target is a binary of dist/ with OpenWrt's architectures that run it.
type target struct {
	binary string
	arches []string
}

// targets follow OpenWrt's golang-values.mk: floating point in hardware only where
// the architecture's name promises it. Those that need another binary than ours, or
// that Go does not serve, are left out (powerpc, mips64, loongarch64, ARMv4).
var targets = []target{
	{"386", []string{"i386_pentium-mmx", "i386_pentium4"}},
	{"amd64", []string{"x86_64"}},
	{"arm64", []string{"aarch64_cortex-a53", "aarch64_cortex-a72", "aarch64_cortex-a76", "aarch64_generic"}},
	{"armv5", []string{"arm_arm926ej-s", "arm_cortex-a7", "arm_cortex-a9", "arm_xscale"}},
	{"armv6", []string{"arm_arm1176jzf-s_vfp"}},
	{"armv7", []string{
		"arm_cortex-a15_neon-vfpv4", "arm_cortex-a5_vfpv4", "arm_cortex-a7_neon-vfpv4", "arm_cortex-a7_vfpv4",
		"arm_cortex-a8_vfpv3", "arm_cortex-a9_neon", "arm_cortex-a9_vfpv3-d16",
	}},
	{"mips", []string{"mips_24kc", "mips_4kec", "mips_mips32"}},
	{"mipsle", []string{"mipsel_24kc", "mipsel_24kc_24kf", "mipsel_74kc", "mipsel_mips32"}},
	{"riscv64", []string{"riscv64_generic", "riscv64_riscv64"}},
}

// chosen is the part of targets that a comma list of architectures asks for.
func chosen(list string) ([]target, error) {
	if list == "" {
		return targets, nil
	}
	want := make(map[string]bool)
	for _, arch := range strings.Split(list, ",") {
		want[arch] = true
	}
	var out []target
	for _, t := range targets {
		var arches []string
		for _, arch := range t.arches {
			if want[arch] {
				arches = append(arches, arch)
				delete(want, arch)
			}
		}
		if len(arches) > 0 {
			out = append(out, target{t.binary, arches})
		}
	}
	if len(want) > 0 {
		var err error
		for arch := range want {
			err = errors.Join(err, fmt.Errorf("-arch %q: no binary runs there; `opkg print-architecture` tells what a device has", arch))
		}
		return nil, err
	}
	return out, nil
}
