// Command striplines takes out of Go programs for Linux what nothing but the file
// names and line numbers of a stack trace needs: a seventh of netmond's compressed
// size. Names of functions and offsets into them stay, so a trace says
//
//	main.run(...)
//		?:0 +0x1c
//
// and the lines come back from a build of the same version that kept them:
//
//	go run ./internal/tool/striplines FILE...
//	go run ./internal/tool/striplines -restore UNSTRIPPED <TRACE
//
// It is for files as the linker wrote them: run it before strip(1). What it does
// not understand to the last byte it leaves as it is, and fails. Once more on the
// same file, it changes nothing.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "striplines:", err)
		os.Exit(1)
	}
}

func run(args []string, stdin io.Reader, stdout io.Writer) error {
	fs := flag.NewFlagSet("striplines", flag.ContinueOnError)
	unstripped := fs.String("restore", "", "add lines to the trace on standard input, from the `file` that kept them")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if *unstripped != "" {
		return restore(*unstripped, stdin, stdout)
	}
	if fs.NArg() == 0 {
		return errors.New("no file: name the programs to strip")
	}
	for _, name := range fs.Args() {
		if err := stripFile(name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// stripFile puts the stripped program in the place of the file at once, or leaves
// the file as it is.
func stripFile(name string) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	program, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	stripped := bytes.Clone(program)
	if err := strip(stripped); err != nil {
		return err
	}
	if bytes.Equal(stripped, program) {
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".striplines-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(stripped)
	if err := errors.Join(err, f.Chmod(info.Mode().Perm()), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// strip changes an ELF file in memory. After an error it is as it was.
func strip(program []byte) error {
	section, order, err := find(program)
	if err != nil {
		return err
	}
	t, err := parse(section, order)
	if err != nil {
		return fmt.Errorf("%w: the linker of this Go is unknown here; build without striplines, or teach it the layout (pclntab.go)", err)
	}
	t.strip()
	return nil
}
