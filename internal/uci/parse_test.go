package uci

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// TestParse gives each rule of libuci its text and, in show's notation, its value.
// Every row of this table and the next was compared with libuci itself, but for the
// last two, where Parse is stricter.
func TestParse(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"empty", "", ""},
		{"comments-only", "# a\n\t# b\n\n \n#c", ""},

		{"named-section", "config netmond 'main'\n\toption settle '150ms'\n", `netmond main: settle="150ms"`},
		{"unquoted", "config netmond main\noption settle 150ms", `netmond main: settle="150ms"`},
		{"crlf", "config netmond main\r\n\toption a b\r\n", `netmond main: a="b"`},
		{"abbreviated", "c t n\no a b\nl c d\np x", `t n: a="b" c=["d"]`},
		{"option-named-as-a-flag", "config netmond 'main'\n\toption carrier-grace '1s'\n", `netmond main: carrier-grace="1s"`},
		{"package-is-ignored", "package 'other-name'\nconfig t n", `t n:`},
		{"package-keeps-the-section-open", "config t n\npackage x\noption a b", `t n: a="b"`},

		{"anonymous", "config rule\nconfig rule\n\toption a b\n", `rule (cfg0192bd): | rule (cfg0292bd): a="b"`},
		{"anonymous-by-empty-name", "config rule ''", `rule (cfg0192bd):`},
		{"anonymous-counts-named", "config t n\nconfig rule", `t n: | rule (cfg0292bd):`},
		{"anonymous-reopened-by-its-name", "config rule\nconfig t n\nconfig rule cfg0192bd\noption a b",
			`rule (cfg0192bd): a="b" | t n:`},
		{"sections-merge", "config t n\noption a 1\noption b 2\nconfig t m\nconfig t n\noption b 3\noption c 4",
			`t n: a="1" b="3" c="4" | t m:`},

		{"option-overrides-in-place", "config t n\noption a 1\noption b 2\noption a 3", `t n: a="3" b="2"`},
		{"empty-option-is-dropped", "config t n\noption a ''\noption b", `t n:`},
		{"empty-option-does-not-override", "config t n\noption a 1\noption a ''", `t n: a="1"`},
		{"list", "config t n\nlist a 1\nlist b x\nlist a 2\nlist a 1", `t n: a=["1" "2" "1"] b=["x"]`},
		{"list-keeps-empty", "config t n\nlist a ''\nlist a", `t n: a=["" ""]`},
		{"list-takes-in-an-option", "config t n\noption a 1\nlist a 2", `t n: a=["1" "2"]`},
		{"option-replaces-a-list", "config t n\nlist a 1\nlist a 2\noption a 3", `t n: a="3"`},

		{"single-quotes-are-literal", `config t n` + "\n" + `option a 'x\y "z" #;'`, `t n: a="x\\y \"z\" #;"`},
		{"double-quotes-escape", `config t n` + "\n" + `option a "x\y \"z\" \\ '#;'"`, `t n: a="xy \"z\" \\ '#;'"`},
		{"quotes-join", `config t n` + "\n" + `option a it"'"s' 'ok`, `t n: a="it's ok"`},
		{"quote-escaped-as-uci-exports", `config t n` + "\n" + `option a 'it'\''s'`, `t n: a="it's"`},
		{"bare-escapes", `config t n` + "\n" + `option a x\ y\#z\n`, `t n: a="x y#zn"`},
		{"single-quotes-span-lines", "config t n\noption a 'x\n\\\n y'", `t n: a="x\n\\\n y"`},
		{"double-quotes-span-lines", "config t n\noption a \"x\n y\"", `t n: a="x\n y"`},
		{"backslash-joins-lines", "config t n\noption a \"x\\\n y\\\r\nz\"", `t n: a="x yz"`},
		{"bare-backslash-joins-lines", "config t n\noption a x\\\ny", `t n: a="xy"`},
		{"bare-joined-line-starts-in-column-one", "config t n\noption a\\\n b", `t n: a="b"`},
		{"escape-at-the-end", "config t n\noption a b\\", `t n: a="b"`},
		{"any-byte", "config t n\noption a '\xff\x01\t'", `t n: a="\xff\x01\t"`},

		{"comment-after", "config t n # c\noption a b # c", `t n: a="b"`},
		{"comment-within-a-word", "config t n\noption a b#c\noption d 'e'#f", `t n: a="b" d="e"`},
		{"comment-hides-a-quote", "config t n # it's\noption a b", `t n: a="b"`},

		{"semicolon-separates", "config t 'n'; option a 'b' ;option c d ; list e f", `t n: a="b" c="d" e=["f"]`},
		{"semicolon-on-a-bare-word-ends-the-line", "config t n;option a b", `t n:`},
		{"semicolon-after-the-type-is-the-name's-place", "config t 'n'; config 't'; ; o a b", `t n: | t (cfg02b619): a="b"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := Parse("f", []byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if got := show(p); got != tt.want {
				t.Errorf("Parse(%q)\n got %s\nwant %s", tt.text, got, tt.want)
			}
		})
	}
}

func TestParseError(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"unknown-command", "config t n\noptoin a b", `uci: f:2: command "optoin" is none of package, config, option, list`},
		{"keyword-alone", "config\n", `uci: f:1: command "config" is none`},
		{"keyword-in-quotes", "'config' t", `uci: f:1: command "'config'" is none`},
		{"semicolon-last", "config t 'n';\n", `uci: f:1: command "" is none`},
		{"no-type", "config \n", `uci: f:1: an argument is missing`},
		{"no-type-at-the-end", "config", `uci: f:1: an argument is missing`},
		{"empty-type", "config '' n", `uci: f:1: an argument is missing`},
		{"no-option-name", "config t n\n\noption \n", `uci: f:3: an argument is missing`},
		{"no-package-name", "package ", `uci: f:1: an argument is missing`},
		{"type-with-space", "config 'a b'", `uci: f:1: section type "a b": only printable ASCII`},
		{"type-not-ascii", "config \xc3\xa9", `uci: f:1: section type "é": only printable ASCII`},
		{"section-name", "config t my-name", `uci: f:1: section name "my-name": allowed are`},
		{"option-name", "config t n\noption a.b c", `uci: f:2: option name "a.b": allowed are`},
		{"package-name", "package a.b", `uci: f:1: package name "a.b": allowed are`},
		{"option-first", "option a b", `uci: f:1: option before the first section`},
		{"list-first", "\n\nlist a b", `uci: f:3: option before the first section`},
		{"too-many", "config t n\noption a b c", `uci: f:2: "c" is one argument too many; quote`},
		{"too-many-for-config", "config t n x", `uci: f:1: "x" is one argument too many`},
		{"too-many-for-package", "package t x", `uci: f:1: "x" is one argument too many`},
		{"joined-line-with-indent", "config t n\noption a \\\n 'b'", `uci: f:3: "b" is one argument too many`},
		{"type-changes", "config t n\nconfig u n", `uci: f:2: section n is of type "t" since line 1, not "u"`},
		{"single-quote-open", "config t n\noption a 'b\noption c d\n", `uci: f:2: quote without an end`},
		{"double-quote-open", "config t n\noption a \"b\\\n\nx", `uci: f:2: quote without an end`},
		{"nul", "config t n\noption a b\noption \x00", `uci: f:3: NUL byte`},
		{"long-word-is-cut", strings.Repeat("x", 1000), `uci: f:1: command "` + strings.Repeat("x", 32) + `" is`},
		{"too-large", strings.Repeat("\n", MaxSize+1), `uci: f: 65537 bytes, of at most 65536`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := Parse("f", []byte(tt.text))
			var e *Error
			if !errors.As(err, &e) || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("Parse(%.80q) = %v, want %s...", tt.text, err, tt.want)
			}
			if p != nil {
				t.Errorf("Parse(%.80q) returned a package with the error", tt.text)
			}
		})
	}
}

func TestSection(t *testing.T) {
	p, err := Parse("netmond", []byte(`
config netmond 'main'
	option settle '150ms'
	list exclude 'tcp:22'
	list exclude '192.0.2.0/24'
	option settle '1s'
`))
	if err != nil {
		t.Fatal(err)
	}
	s := p.Section("main")
	if s == nil || s.Line != 2 || p.Name != "netmond" {
		t.Fatalf("Section(main) = %+v of %q, want the one of line 2 of netmond", s, p.Name)
	}
	if v, ok := s.Option("settle"); v != "1s" || !ok {
		t.Errorf("Option(settle) = %q, %v, want 1s, true", v, ok)
	}
	if v, ok := s.Option("exclude"); v != "" || ok {
		t.Errorf("Option of a list = %q, %v, want none", v, ok)
	}
	if got, want := s.List("exclude"), []string{"tcp:22", "192.0.2.0/24"}; !slices.Equal(got, want) {
		t.Errorf("List(exclude) = %q, want %q", got, want)
	}
	if got := s.List("settle"); !slices.Equal(got, []string{"1s"}) {
		t.Errorf("List of an option = %q, want [1s]", got)
	}
	var lines []string
	for o := range s.Options() {
		lines = append(lines, fmt.Sprintf("%s:%d", o.Name, o.Line))
	}
	if got, want := strings.Join(lines, " "), "settle:6 exclude:5"; got != want {
		t.Errorf("Options() = %s, want %s", got, want)
	}
	for o := range s.Options() {
		if o.Name != "settle" {
			t.Errorf("Options() went on after break")
		}
		break
	}
}

func TestAbsentSectionIsEmpty(t *testing.T) {
	s := new(Package).Section("main")
	if s != nil {
		t.Fatalf("Section of an empty package = %+v", s)
	}
	if v, ok := s.Option("a"); ok || s.List("a") != nil {
		t.Errorf("nil section has option %q", v)
	}
	for o := range s.Options() {
		t.Errorf("nil section has option %q", o.Name)
	}
}

func TestBool(t *testing.T) {
	for s, want := range map[string][2]bool{
		"1": {true, true}, "on": {true, true}, "true": {true, true}, "yes": {true, true}, "enabled": {true, true},
		"0": {false, true}, "off": {false, true}, "false": {false, true}, "no": {false, true}, "disabled": {false, true},
		"": {}, "2": {}, "TRUE": {}, "on ": {},
	} {
		if v, ok := Bool(s); v != want[0] || ok != want[1] {
			t.Errorf("Bool(%q) = %v, %v, want %v", s, v, ok, want)
		}
	}
}

// TestMemoryIsBounded parses the texts of MaxSize that take the most.
func TestMemoryIsBounded(t *testing.T) {
	for _, line := range []string{"c a\n", "l a\n", "c a\no a b\n", "o a 'b\n'\n", "\n", "l a b'"} {
		text := []byte("c t n\n" + strings.Repeat(line, MaxSize/len(line)-2))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		Parse("f", text)
		runtime.ReadMemStats(&after)
		if total := after.TotalAlloc - before.TotalAlloc; total > 200*MaxSize {
			t.Errorf("%d KiB of %q allocate %d KiB", MaxSize>>10, line, total>>10)
		}
	}
}

// show writes p on one line: `type name: option="value" list=["a" "b"] | ...`, with
// the name in parentheses where it was made up.
func show(p *Package) string {
	var sections []string
	for _, s := range p.Sections {
		var b strings.Builder
		if s.Anonymous {
			fmt.Fprintf(&b, "%s (%s):", s.Type, s.Name)
		} else {
			fmt.Fprintf(&b, "%s %s:", s.Type, s.Name)
		}
		for o := range s.Options() {
			if o.List {
				fmt.Fprintf(&b, " %s=%q", o.Name, o.Values)
			} else {
				fmt.Fprintf(&b, " %s=%q", o.Name, o.Values[0])
			}
		}
		sections = append(sections, b.String())
	}
	return strings.Join(sections, " | ")
}
