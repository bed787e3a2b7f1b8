package main

import (
	"bytes"
	"debug/gosym"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// build makes testdata/deep for a processor.
func build(t *testing.T, arch string) (name string, program []byte) {
	t.Helper()
	name = filepath.Join(t.TempDir(), "deep")
	cmd := exec.Command("go", "build", "-trimpath", "-o", name, "./testdata/deep")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	program, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return name, program
}

// value is what a table says from a program counter on.
type value struct {
	pc  uint64
	val int32
}

// values reads a table as runtime.step does.
func values(p []byte) (all []value) {
	pc, val := uint64(0), int32(-1)
	for first := true; first || p[0] != 0; first = false {
		d, n := binary.Uvarint(p)
		m, k := binary.Uvarint(p[n:])
		val += int32(-(uint32(d) & 1) ^ (uint32(d) >> 1))
		all = append(all, value{pc, val})
		pc += m
		p = p[n+k:]
	}
	return append(all, value{pc, 0})
}

// what a function has that strip must keep.
func kept(t *pclntab, f function) (all [][]value) {
	for _, ref := range f.live() {
		if at := t.uint32(ref); at == 0 {
			all = append(all, nil)
		} else {
			all = append(all, values(t.pctab[at:]))
		}
	}
	return all
}

func mustParse(t *testing.T, program []byte) *pclntab {
	t.Helper()
	section, order, err := find(program)
	if err != nil {
		t.Fatal(err)
	}
	p, err := parse(section, order)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestStripKeepsAllButLines(t *testing.T) {
	for _, arch := range []string{runtime.GOARCH, "mips", "s390x", "arm64"} {
		t.Run(arch, func(t *testing.T) {
			if testing.Short() && arch != runtime.GOARCH {
				t.Skip("compiles the standard library for another processor")
			}
			t.Parallel()
			_, program := build(t, arch)
			stripped := bytes.Clone(program)
			if err := strip(stripped); err != nil {
				t.Fatal(err)
			}
			was, is := mustParse(t, program), mustParse(t, stripped)
			for i, f := range was.funcs {
				if got, want := kept(is, is.funcs[i]), kept(was, f); !slices.EqualFunc(got, want, slices.Equal[[]value]) {
					t.Fatalf("function %d: tables = %v, want %v", i, got, want)
				}
			}
			if got, want := len(bytes.TrimLeft(is.pctab, "\x00")), len(was.pctab)*2/3; got > want {
				t.Errorf("%d bytes of %d stay in pctab, want %d at most", got, len(was.pctab), want)
			}
			before, after := gosymTable(t, program), gosymTable(t, stripped)
			for i, f := range before.Funcs {
				g := after.Funcs[i]
				if line := place(after, g.Entry); g.Name != printed(f.Name) || g.Entry != f.Entry || line != "" {
					t.Errorf("function %d = %s at %#x, %q, want %s at %#x, no line", i, g.Name, g.Entry, line, f.Name, f.Entry)
				}
			}
			again := bytes.Clone(stripped)
			if err := strip(again); err != nil || !bytes.Equal(again, stripped) {
				t.Errorf("a second strip changes the program (error %v)", err)
			}
		})
	}
}

// printed is a function's name in a trace (funcNameForPrint).
func printed(name string) string {
	if i, j := strings.IndexByte(name, '['), strings.LastIndexByte(name, ']'); i >= 0 && j >= i+len("[...]") {
		return name[:i] + "[...]" + name[j+1:]
	}
	return name
}

func gosymTable(t *testing.T, program []byte) *gosym.Table {
	t.Helper()
	table, err := lines(program)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// TestStrippedProgramRuns: deep stacks, recover, callers, and a trace whose lines
// come back.
func TestStrippedProgramRuns(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the program is for Linux")
	}
	name, program := build(t, runtime.GOARCH)
	whole := name + "-whole"
	if err := os.WriteFile(whole, program, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, 0o751); err != nil {
		t.Fatal(err)
	}
	if err := run([]string{name}, nil, nil); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(name); err != nil || info.Mode() != 0o751 {
		t.Fatalf("mode = %v (error %v), want -rwxr-x--x", info.Mode(), err)
	}
	if files, err := filepath.Glob(filepath.Join(filepath.Dir(name), "*")); err != nil || len(files) != 2 {
		t.Fatalf("files left: %v (error %v)", files, err)
	}
	var trace strings.Builder
	cmd := exec.Command(name)
	cmd.Stderr = &trace
	if err := cmd.Run(); err == nil || cmd.ProcessState.ExitCode() != 2 {
		t.Fatalf("the program ends with %v, want a panic:\n%s", err, trace.String())
	}
	for _, want := range []string{
		"recovered: runtime error: index out of range [2] with length 0\n",
		"callers: main.caller main.main runtime.main runtime.goexit \n",
		"panic: assignment to entry in nil map\n",
		"main.main()\n\t?:0 +0x",
	} {
		if !strings.Contains(trace.String(), want) {
			t.Errorf("no %q in:\n%s", want, trace.String())
		}
	}
	var restored strings.Builder
	logged := strings.ReplaceAll(trace.String(), "\n", "\ndeep[1]: ")
	if err := run([]string{"-restore", whole}, strings.NewReader(logged), &restored); err != nil {
		t.Fatal(err)
	}
	if err := run([]string{"-restore", name}, strings.NewReader(""), &restored); err == nil || !strings.Contains(err.Error(), "has no lines") {
		t.Errorf("restore from a stripped program: error = %v", err)
	}
	// outer and inner are inlined, so the line is that of inner.
	if want := regexp.MustCompile(`main\.main\(\)\ndeep\[1\]: \t\S+/testdata/deep/main\.go:43 \+0x`); !want.MatchString(restored.String()) {
		t.Errorf("no %s in:\n%s", want, restored.String())
	}
}

func TestRefusesWhatItDoesNotUnderstand(t *testing.T) {
	_, program := build(t, runtime.GOARCH)
	noSection := bytes.Replace(program, []byte(".gopclntab\x00"), []byte(".gopclntaX\x00"), 1)
	oldMagic := bytes.Clone(program)
	section, order, err := find(oldMagic)
	if err != nil {
		t.Fatal(err)
	}
	order.PutUint32(section, 0xfffffff0)
	for name, test := range map[string]struct {
		program []byte
		want    string
	}{
		"text":       {[]byte("#!/bin/sh\n"), "not an ELF file"},
		"no-section": {noSection, "before strip(1)"},
		"truncated":  {program[:len(program)/2], ""},
		"old-go":     {oldMagic, "build without striplines"},
	} {
		was := bytes.Clone(test.program)
		err := strip(test.program)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error = %v, want %q", name, err, test.want)
		}
		if !bytes.Equal(test.program, was) {
			t.Errorf("%s: changed in spite of the error", name)
		}
	}
}
