package main

import (
	"bufio"
	"bytes"
	"debug/elf"
	"debug/gosym"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
)

var (
	// A line of a trace that names a function, and one that has lost its place,
	// behind whatever a system log puts before them.
	called = regexp.MustCompile(`(\S+?)(?:\([^()]*\)| in goroutine \d+)?$`)
	lost   = regexp.MustCompile(`\?:0 \+0x([0-9a-f]+)`)
)

// restore copies a trace and fills in files and lines from an unstripped build of
// the same version. For a call that was inlined they stand at the function that it
// was inlined into; where a name is not of one function alone they stay away.
func restore(unstripped string, trace io.Reader, out io.Writer) error {
	program, err := os.ReadFile(unstripped)
	if err != nil {
		return err
	}
	table, err := lines(program)
	if err != nil {
		return fmt.Errorf("%s: %w", unstripped, err)
	}
	if main := table.LookupFunc("runtime.main"); main == nil || place(table, main.Entry) == "" {
		return fmt.Errorf("%s has no lines: make clean cross STRIPLINES=: writes one that has", unstripped)
	}
	funcs := make(map[string][]gosym.Func)
	for _, f := range table.Funcs {
		name := arguments.ReplaceAllString(f.Name, "[...]")
		funcs[name] = append(funcs[name], f)
	}
	var name string
	scan := bufio.NewScanner(trace)
	for scan.Scan() {
		line := scan.Bytes()
		if m := lost.FindSubmatchIndex(line); m != nil && len(funcs[name]) == 1 {
			offset, _ := strconv.ParseUint(string(line[m[2]:m[3]]), 16, 64)
			// The address is the one to return to, behind the call.
			if place := place(table, funcs[name][0].Entry+offset-1); place != "" {
				line = bytes.Replace(line, []byte("?:0"), []byte(place), 1)
			}
		} else if m := called.FindSubmatch(line); m != nil {
			name = string(m[1])
		}
		if _, err := fmt.Fprintf(out, "%s\n", line); err != nil {
			return err
		}
	}
	return scan.Err()
}

// place is the file and the line of an address, empty where it has none.
func place(table *gosym.Table, pc uint64) string {
	file, line, _ := table.PCToLine(pc)
	if file == "" {
		return ""
	}
	return fmt.Sprintf("%s:%d", file, line)
}

// lines is what a program knows about its lines.
func lines(program []byte) (*gosym.Table, error) {
	section, _, err := find(program)
	if err != nil {
		return nil, err
	}
	f, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text := f.Section(".text")
	if text == nil {
		return nil, errors.New("no section .text: not a program")
	}
	return gosym.NewTable(nil, gosym.NewLineTable(section, text.Addr))
}
