package packaging

import (
	"path/filepath"
	"strings"
	"testing"
)

var folders = []string{"openwrt", "packaging", "yocto"}

// TestScriptsPassShellcheck checks every script that goes onto a device.
func TestScriptsPassShellcheck(t *testing.T) {
	shellcheck := need(t, "shellcheck", "shellcheck")
	for _, path := range files(t, script, folders...) {
		t.Run(filepath.ToSlash(strings.TrimPrefix(path, root)), func(t *testing.T) {
			run(t, shellcheck, "--source-path="+root, "--external-sources", path)
		})
	}
}

// TestScriptsParseInEveryShell has them read by the shells of the devices.
func TestScriptsParseInEveryShell(t *testing.T) {
	dash, busybox, zsh := need(t, "dash", "dash"), need(t, "busybox", "busybox-static"), need(t, "zsh", "zsh")
	for _, path := range files(t, script, folders...) {
		if strings.HasSuffix(path, ".bash") {
			run(t, "bash", "-n", path)
			continue
		}
		run(t, dash, "-n", path)
		run(t, busybox, "sh", "-n", path)
	}
	run(t, zsh, "-n", root+"/packaging/completion/_netmond")
}

// TestPackageTestScript runs what OpenWrt runs on its packages, on both flavours.
func TestPackageTestScript(t *testing.T) {
	for name, path := range map[string]string{"netmond": binary, "netmond-mini": mini} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("PATH", filepath.Dir(path)+":"+"/usr/bin:/bin")
			run(t, "sh", root+"/openwrt/package/netmond/test.sh", name, version)
		})
	}
}
