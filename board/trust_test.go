package board

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheckTrust(t *testing.T) {
	for _, tt := range []struct {
		name      string
		mode      fs.FileMode
		kind      fs.FileMode
		uid, self uint32
		want      string // of the error; empty is trusted
	}{
		{"root's", 0o755, 0, 0, 0, ""},
		{"root's-private", 0o700, 0, 0, 0, ""},
		{"root's-setuid", 0o755 | fs.ModeSetuid, 0, 0, 0, ""},
		{"root's-for-another-daemon", 0o755, 0, 0, 1000, ""},
		{"the-daemon's-own", 0o755, 0, 1000, 1000, ""},
		{"another's", 0o755, 0, 1000, 0, "owned by uid 1000; make it root's: chown 0:0"},
		{"another's-for-another", 0o755, 0, 1001, 1000, "owned by uid 1001"},
		{"group-may-write", 0o775, 0, 0, 0, "others may write it (mode 0775); take that away: chmod go-w"},
		{"all-may-write", 0o757, 0, 0, 0, "others may write it (mode 0757)"},
		{"link", 0o777 | fs.ModeSymlink, 0, 0, 0, "a symbolic link"},
		{"fifo", 0o755 | fs.ModeNamedPipe, 0, 0, 0, "neither a file nor"},
		{"device", 0o755 | fs.ModeDevice, 0, 0, 0, "neither a file nor"},
		{"directory-for-a-file", 0o755 | fs.ModeDir, 0, 0, 0, "neither a file nor"},
		{"directory", 0o755 | fs.ModeDir, fs.ModeDir, 0, 0, ""},
		{"directory-of-all", 0o777 | fs.ModeDir | fs.ModeSticky, fs.ModeDir, 0, 0, "others may write it"},
		{"link-for-a-directory", 0o777 | fs.ModeSymlink, fs.ModeDir, 0, 0, "a symbolic link"},
		{"file-for-a-directory", 0o755, fs.ModeDir, 0, 0, "neither a file nor"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := checkTrust(tt.mode, tt.kind, tt.uid, tt.self)
			if got := fmt.Sprint(err); (err == nil) != (tt.want == "") || err != nil && !strings.HasPrefix(got, tt.want) {
				t.Errorf("checkTrust = %v, want %q", err, tt.want)
			}
		})
	}
}

func TestHooksIn(t *testing.T) {
	dir := t.TempDir()
	for name, mode := range map[string]fs.FileMode{
		"10-log": 0o755, "notify.sh": 0o755, "own-old": 0o700,
		"README": 0o644, ".hidden": 0o755, "10-log~": 0o755, "#10-log#": 0o755, "a.bak": 0o755, "a.dpkg-dist": 0o755,
		"a-opkg": 0o755, "a.apk-new": 0o755, "a.rpmsave": 0o755, "a.disabled": 0o755,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "subdirectory"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"link": "10-log", "dangling": "nowhere"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	names, err := hooksIn(dir)
	// A link is listed, so that its refusal is told.
	if got, want := strings.Join(names, " "), "10-log link notify.sh own-old"; got != want || err != nil {
		t.Errorf("hooksIn = %s, %v, want %s", got, err, want)
	}
}

func TestHooksInIsBounded(t *testing.T) {
	dir := t.TempDir()
	for i := range maxScripts + 1 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%03d", i)), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	names, err := hooksIn(dir)
	if len(names) != maxScripts || names[0] != "000" || err == nil {
		t.Errorf("hooksIn = %d names from %q, %v, want %d and an error", len(names), names[:1], err, maxScripts)
	}
}

func TestHooksInNoDirectory(t *testing.T) {
	for _, dir := range []string{"", filepath.Join(t.TempDir(), "none")} {
		if names, err := hooksIn(dir); len(names) != 0 || err != nil {
			t.Errorf("hooksIn(%q) = %q, %v", dir, names, err)
		}
	}
}
