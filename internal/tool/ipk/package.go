package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"
)

// A .ipk is a gzipped tar of three members: debian-binary, which says 2.0;
// data.tar.gz, the files; control.tar.gz, the fields, the scripts, and the list
// of files that an upgrade keeps. This is what OpenWrt's scripts/ipkg-build
// writes, which sorts its members, gives all to root and leaves the times to
// SOURCE_DATE_EPOCH.

// A File goes into a package.
type File struct {
	Path string // absolute
	Mode int64  // permissions
	Data []byte // nil makes a directory
}

// A Package is what an .ipk is made of. The zero value is an empty one.
type Package struct {
	Name, Version, Arch string
	Depends             []string
	Fields              [][2]string // more of the control file, in order
	Description         string
	Conffiles           []string // kept by an upgrade where the operator changed them
	Scripts             []File   // postinst, prerm, ...: names without a directory
	Files               []File
}

// epoch is the time of everything in a package: 1980-01-01, which any file system
// can hold.
var epoch = time.Unix(315532800, 0)

// data is data.tar.gz, the same for each architecture with the same files.
func (p *Package) data() ([]byte, error) {
	return tarball(p.Files)
}

// join makes the .ipk of p around its data.tar.gz.
func (p *Package) join(data []byte) ([]byte, error) {
	var size int64
	for _, f := range p.Files {
		size += int64(len(f.Data))
	}
	control := []File{{"/control", 0o644, p.control(size)}}
	if len(p.Conffiles) > 0 {
		control = append(control, File{"/conffiles", 0o644, []byte(strings.Join(p.Conffiles, "\n") + "\n")})
	}
	for _, s := range p.Scripts {
		control = append(control, File{"/" + s.Path, 0o755, s.Data})
	}
	ctl, err := tarball(control)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	// What is in it is compressed already.
	err = archive(&b, gzip.NoCompression, []File{
		{"/debian-binary", 0o644, []byte("2.0\n")}, {"/data.tar.gz", 0o644, data}, {"/control.tar.gz", 0o644, ctl},
	}, false)
	return b.Bytes(), err
}

// control is the file of that name. size is what the files take when installed, in
// bytes.
func (p *Package) control(size int64) []byte {
	var b bytes.Buffer
	field := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
	}
	field("Package", p.Name)
	field("Version", p.Version)
	field("Depends", strings.Join(p.Depends, ", "))
	for _, f := range p.Fields {
		field(f[0], f[1])
	}
	field("Architecture", p.Arch)
	field("Installed-Size", fmt.Sprint(size))
	field("Description", p.Description)
	return b.Bytes()
}

// tarball is a gzipped tar of the files, sorted, with the directories they need.
func tarball(files []File) ([]byte, error) {
	var b bytes.Buffer
	err := archive(&b, gzip.BestCompression, files, true)
	return b.Bytes(), err
}

// archive writes the files as they are, or sorted and with their directories.
func archive(w io.Writer, level int, files []File, tree bool) error {
	if tree {
		files = withDirs(files)
	}
	z, err := gzip.NewWriterLevel(w, level)
	if err != nil {
		return err
	}
	t := tar.NewWriter(z)
	for _, f := range files {
		h := &tar.Header{
			Typeflag: tar.TypeReg, Name: "." + f.Path, Mode: f.Mode, Size: int64(len(f.Data)),
			ModTime: epoch, Uname: "root", Gname: "root", Format: tar.FormatGNU,
		}
		if f.Data == nil {
			h.Typeflag = tar.TypeDir
			h.Name = strings.TrimSuffix(h.Name, "/") + "/"
		}
		if err := t.WriteHeader(h); err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
		if _, err := t.Write(f.Data); err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
	}
	if err := t.Close(); err != nil {
		return err
	}
	return z.Close()
}

// withDirs adds the directories above the files, the root too, and sorts.
func withDirs(files []File) []File {
	all := make(map[string]File)
	for _, f := range files {
		for dir := path.Dir(f.Path); ; dir = path.Dir(dir) {
			if _, ok := all[dir]; !ok {
				all[dir] = File{Path: dir, Mode: 0o755}
			}
			if dir == "/" {
				break
			}
		}
		all[f.Path] = f
	}
	out := make([]File, 0, len(all))
	for _, f := range all {
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return out
}
