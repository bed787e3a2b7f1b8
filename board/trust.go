package board

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// hooksIn returns the names of dir that may be hooks: executable, and not left
// behind by an editor or a package manager. It looks at no owner; trusted does,
// just before a hook runs.
func hooksIn(dir string) ([]string, error) {
	files, err := namesIn(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, name := range files {
		if len(names) == maxScripts {
			return names, fmt.Errorf("only the first %d files run", maxScripts)
		}
		if isLeftover(name) {
			continue
		}
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && !info.IsDir() && info.Mode()&0o111 != 0 {
			names = append(names, name)
		}
	}
	return names, nil
}

// namesIn are the names of what a directory holds, sorted.
func namesIn(dir string) ([]string, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	slices.Sort(names)
	return names, err
}

// isLeftover reports whether a file's name says that it is a copy: of an editor, of
// dpkg, opkg, apk or rpm, or of somebody who wanted it out of the way.
func isLeftover(name string) bool {
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "#") {
		return true
	}
	for _, suffix := range []string{
		"~", ".bak", ".old", ".orig", ".rej", ".save", ".swp", ".tmp", ".disabled", ".off",
		".dpkg-old", ".dpkg-dist", ".dpkg-new", ".dpkg-tmp", ".ucf-old", ".ucf-new", ".ucf-dist",
		"-opkg", "-opkg.backup", ".apk-new", ".rpmnew", ".rpmsave", ".rpmorig",
	} {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return false
}

// trusted says why a script may not run with the rights of self, the daemon's effective
// uid; nil where it may. Script and directory have to be root's, or the daemon's own, and
// nobody else's to write; neither may be a symbolic link. Whoever could have put
// the script there could then have run it anyway.
func trusted(dir, name string, self uint32) error {
	if err := trustedFile(dir, fs.ModeDir, self); err != nil {
		return err
	}
	return trustedFile(filepath.Join(dir, name), 0, self)
}

func trustedFile(path string, kind fs.FileMode, self uint32) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	uid, err := owner(info)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := checkTrust(info.Mode(), kind, uid, self); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func checkTrust(mode, kind fs.FileMode, uid, self uint32) error {
	switch {
	case mode&fs.ModeSymlink != 0:
		return errors.New("a symbolic link; put the file itself there")
	case mode.Type() != kind:
		return fmt.Errorf("neither a file nor the directory of hooks, but %v", mode.Type())
	case uid != 0 && uid != self:
		return fmt.Errorf("owned by uid %d; make it root's: chown 0:0", uid)
	case mode&0o022 != 0:
		return fmt.Errorf("others may write it (mode %04o); take that away: chmod go-w", mode.Perm())
	}
	return nil
}
