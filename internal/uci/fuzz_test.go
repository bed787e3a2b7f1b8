package uci

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// FuzzParse checks that Parse ends, that what it returns keeps the promises of the
// types, and that writing it as `uci export` does and reading it again gives the same.
func FuzzParse(f *testing.F) {
	f.Add([]byte("config netmond 'main'\n\toption settle '150ms'\n\tlist exclude 'tcp:22'\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		before := bytes.Clone(text)
		p, err := Parse("f", text)
		if !bytes.Equal(text, before) {
			t.Fatal("Parse wrote to its argument")
		}
		if err != nil {
			if p != nil || strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Fatalf("package %v with error %q", p, err)
			}
			return
		}
		lines := 1 + bytes.Count(text, []byte("\n"))
		for _, s := range p.Sections {
			if s.Type == "" || s.Name == "" || s.Line < 1 || s.Line > lines {
				t.Errorf("section %+v", s)
			}
			var names []string
			for o := range s.Options() {
				if slices.Contains(names, o.Name) || len(o.Values) == 0 || o.Line < s.Line || o.Line > lines {
					t.Errorf("option %+v of section %+v", o, s)
				}
				if !o.List && (len(o.Values) != 1 || o.Values[0] == "") {
					t.Errorf("plain option %+v", o)
				}
				names = append(names, o.Name)
			}
		}
		if len(export(p)) > MaxSize {
			return
		}
		again, err := Parse("f", export(p))
		if err != nil {
			t.Fatalf("%v in what was exported:\n%s", err, export(p))
		}
		if show(p) != show(again) {
			t.Errorf("exported and read again:\n got %s\nwant %s", show(again), show(p))
		}
	})
}

// export writes p as UCI, every word in single quotes.
func export(p *Package) []byte {
	var b bytes.Buffer
	quote := func(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
	for _, s := range p.Sections {
		fmt.Fprintf(&b, "config %s", quote(s.Type))
		if !s.Anonymous {
			fmt.Fprintf(&b, " %s", quote(s.Name))
		}
		b.WriteByte('\n')
		for o := range s.Options() {
			word := "option"
			if o.List {
				word = "list"
			}
			for _, v := range o.Values {
				fmt.Fprintf(&b, "%s %s %s\n", word, quote(o.Name), quote(v))
			}
		}
	}
	return b.Bytes()
}
