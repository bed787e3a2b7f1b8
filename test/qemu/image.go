package qemu

import (
	"bytes"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/u-root/u-root/pkg/cpio"

	"github.com/netmond/netmond/test/qemu/console"
)

// image is a file system in the making. The zero value is not ready; see newImage.
type image struct {
	records []cpio.Record
	there   map[string]bool
}

// newImage starts an image with what every guest has: a console, the modules, and
// the tools of the cache's directory cache.
func newImage(cache string) (*image, error) {
	i := &image{there: make(map[string]bool)}
	i.add(cpio.CharDev("dev/console", 0o600, 5, 1), cpio.Directory("etc", 0o755), cpio.Symlink("var/run", "/run"),
		cpio.StaticFile("etc/protocols", "icmp 1\ntcp 6\nudp 17\n", 0o644))
	modules, err := os.ReadDir(filepath.Join(cache, "modules"))
	if err != nil {
		return nil, err
	}
	for _, m := range modules {
		if err := i.file("modules/"+m.Name(), filepath.Join(cache, "modules", m.Name())); err != nil {
			return nil, err
		}
	}
	return i, i.tools(filepath.Join(cache, "root"))
}

func (i *image) add(records ...cpio.Record) {
	for _, r := range records {
		i.there[r.Name] = true
		i.records = append(i.records, r)
	}
}

// file adds a file of the host, mode 0755.
func (i *image) file(name, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	i.add(cpio.StaticFile(name, string(text), 0o755))
	return nil
}

// tools adds the programs of the directory that tests use, with the libraries they
// need.
func (i *image) tools(dir string) error {
	root, err := os.OpenRoot(dir) // no link may lead to the host's programs
	if err != nil {
		return err
	}
	defer root.Close()
	b := &box{image: i, FS: root.FS(), libraries: make(map[string]string)}
	err = fs.WalkDir(b, ".", func(path string, e fs.DirEntry, err error) error {
		if err == nil && strings.Contains(e.Name(), ".so") {
			b.libraries[e.Name()] = path
		}
		return err
	})
	if err != nil {
		return err
	}
	for name, path := range map[string]string{"bin/ip": "bin/ip", "bin/nft": "usr/sbin/nft", "bin/busybox": "bin/busybox"} {
		if err := b.program(name, path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if i.there["bin/busybox"] {
		for _, applet := range []string{"cat", "chmod", "echo", "env", "grep", "id", "mv", "sh", "sleep", "test", "touch"} {
			i.add(cpio.Symlink("bin/"+applet, "busybox"))
		}
	}
	return nil
}

// box is a tree of programs and libraries that go into an image.
type box struct {
	*image
	fs.FS
	libraries map[string]string // paths by file name
}

// program adds an executable or a library and, where its libraries are not there
// yet, those.
func (b *box) program(name, path string) error {
	if b.there[name] {
		return nil
	}
	text, err := fs.ReadFile(b, path)
	if err != nil {
		return err
	}
	b.add(cpio.StaticFile(name, string(text), 0o755))
	f, err := elf.NewFile(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	needed, err := f.ImportedLibraries()
	if err != nil && !errors.Is(err, elf.ErrNoSymbols) {
		return fmt.Errorf("%s: %w", path, err)
	}
	into := make(map[string]string) // where the library must be
	for _, lib := range needed {
		into["lib/"+lib] = lib
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			interp := make([]byte, p.Filesz)
			if _, err := p.ReadAt(interp, 0); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			at := strings.Trim(string(interp), "/\x00")
			into[at] = filepath.Base(at)
		}
	}
	for at, lib := range into {
		from, ok := b.libraries[lib]
		if !ok {
			return fmt.Errorf("%s: no library %s", path, lib)
		}
		if err := b.program(at, from); err != nil {
			return err
		}
	}
	return nil
}

// jobs adds what the first process has to do.
func (i *image) jobs(jobs []console.Job) error {
	text, err := json.Marshal(jobs)
	if err != nil {
		return err
	}
	i.add(cpio.StaticFile(strings.TrimPrefix(console.Jobs, "/"), string(text), 0o644))
	return nil
}

// write writes the image to a file.
func (i *image) write(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := cpio.NewDedupWriter(cpio.Newc.Writer(f))
	if err := cpio.WriteRecordsAndDirs(w, i.records); err != nil {
		return err
	}
	if err := cpio.WriteTrailer(w); err != nil {
		return err
	}
	return f.Close()
}
