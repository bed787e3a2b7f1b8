// Package arch holds the architecture: which package may import which, what the
// library shows of its inside, and what the binary is made of. It has tests only.
package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/netmond/netmond"

// rule says what of ours a package may import, and why no more. Tests may import
// what they like.
type rule struct {
	pkg     string
	may     []string
	because string
}

// library is what users import.
var library = []string{"board", "conn", "cpd", "rtable", "rtnl", "smd"}

var rules = []rule{
	{"internal/netlink", nil, "it serves any netlink family, so it knows none"},
	{"rtnl", []string{"internal/netlink"}, "it turns messages into values and decides nothing"},
	{"rtable", []string{"rtnl"}, "the table is a value: it does no I/O and knows nobody who looks at it"},
	{"conn", []string{"internal/netlink", "rtable", "rtnl"}, "a verdict rests on the table and the kernel's word, and on nothing that is told or probed"},
	{"cpd", nil, "a check is given its uplink, and touches no route"},
	{"smd", nil, "the bus carries messages of anyone and understands none"},
	{"board", []string{"smd"}, "it follows the bus at most, and is not needed for the rest to run"},
	{"internal/view", []string{"conn", "rtable", "rtnl", "smd"}, "it makes text of values, with or without a daemon"},
	{"internal/daemon", []string{"conn", "cpd", "internal/log", "internal/view", "rtable", "rtnl", "smd"},
		"the loop orders what others have read and decided: no sockets, no configuration, no board"},
	{"internal/uci", nil, "it reads a file format"},
	{"internal/ubus", []string{"internal/log"}, "it speaks a protocol, whatever is said"},
	{"internal/iproute", []string{"rtnl"}, "it reads what rtnl writes, for tests"},
	{"internal/fulltable", []string{"rtnl"}, "it makes up what rtnl would read, for tests"},
	{"internal/netns", nil, "it makes room for tests, whatever they test"},
	{"internal/minijson", nil, "it stands in for encoding/json"},
	{"internal/log", nil, "it stands in for log/slog"},
	{"internal/resident", nil, "it tells runtime and kernel how to keep memory, whatever that holds"},
	{"cmd/netmond", append(library, "internal/daemon", "internal/log", "internal/netlink", "internal/resident", "internal/ubus", "internal/uci", "internal/view"),
		"it puts the parts together, and the rest is for tests"},
	{"examples/", library, "users cannot import more"},
	{"internal/tool/", nil, "tools build packages, not netmond"},
	{"test/", []string{"internal/netns"}, "it watches from outside"},
}

// standard may be imported by any package with a rule of its own, as what they
// stand in for may.
var standard = []string{"internal/minijson"}

// ruleFor finds the rule for a package, by its own name or that of a folder
// above it.
func ruleFor(pkg string) (rule, bool) {
	for _, r := range rules {
		if r.pkg == pkg || strings.HasSuffix(r.pkg, "/") && strings.HasPrefix(pkg, r.pkg) {
			return r, true
		}
	}
	return rule{}, false
}

// verdict says what is wrong with an import; empty where nothing is.
func verdict(from, to string) string {
	r, ok := ruleFor(from)
	switch {
	case !ok:
		return from + " has no rule: give it one in " + module + "/internal/arch"
	case slices.Contains(standard, to) && !strings.HasSuffix(r.pkg, "/"):
	case !slices.Contains(r.may, to):
		return from + " must not import " + to + ": " + r.because
	}
	return ""
}

func TestImports(t *testing.T) {
	files := 0
	eachFile(t, func(name string, f *ast.File) {
		files++
		from := path.Dir(name)
		if _, ok := ruleFor(from); !ok {
			t.Errorf("%s: %s", name, verdict(from, ""))
		}
		for _, spec := range f.Imports {
			to, ours := strings.CutPrefix(importPath(t, spec), module+"/")
			if !ours {
				continue
			}
			if wrong := verdict(from, to); wrong != "" {
				t.Errorf("%s: %s", name, wrong)
			}
		}
	})
	if files < 100 {
		t.Errorf("%d files seen: this is not the whole module", files)
	}
}

// TestRulesForbid shows that the rules can say no.
func TestRulesForbid(t *testing.T) {
	for _, edge := range []struct{ from, to, want string }{
		{"rtable", "conn", "rtable must not import conn: the table is a value"},
		{"rtable", "internal/netlink", "rtable must not import internal/netlink: "},
		{"cpd", "rtable", "touches no route"},
		{"smd", "rtnl", "understands none"},
		{"board", "conn", "not needed for the rest"},
		{"cmd/netmond", "internal/iproute", "for tests"},
		{"examples/bus", "internal/view", "users cannot import more"},
		{"news", "rtnl", "news has no rule"},
	} {
		if got := verdict(edge.from, edge.to); !strings.Contains(got, edge.want) {
			t.Errorf("verdict(%s, %s) = %q, want %q in it", edge.from, edge.to, got, edge.want)
		}
	}
	for _, edge := range [][2]string{{"conn", "rtable"}, {"rtnl", "internal/netlink"}, {"conn", "internal/netlink"}} {
		if got := verdict(edge[0], edge[1]); got != "" {
			t.Errorf("verdict(%s, %s) = %q, want none", edge[0], edge[1], got)
		}
	}
}

// locks are the types that may hold a mutex: those that callers share. The rest
// have owners.
var locks = []string{"conn/registry.go", "smd/bus.go"}

// weighty are the packages of which only the types may be named, since what they
// do is linked with all it needs as soon as it is called.
var weighty = map[string]string{"json": "internal/minijson does it in a sixth of the code"}

// light are the types of weighty packages that are in use.
var light = []string{"RawMessage", "Marshaler", "UnmarshalTypeError", "UnsupportedTypeError", "UnsupportedValueError"}

// TestHouseRules holds what goes for every shipped file: no mutex but in the
// types that are shared, no init, no sleep, no code of what is weighty.
func TestHouseRules(t *testing.T) {
	eachFile(t, func(name string, f *ast.File) {
		if r, _ := ruleFor(path.Dir(name)); strings.HasSuffix(r.pkg, "/") {
			return // not shipped
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Recv == nil && n.Name.Name == "init" {
					t.Errorf("%s has a func init: construct it where it is used", name)
				}
			case *ast.SelectorExpr:
				x, _ := n.X.(*ast.Ident)
				switch {
				case x == nil:
				case x.Name == "time" && n.Sel.Name == "Sleep":
					t.Errorf("%s sleeps: wait for the event, or for ctx", name)
				case x.Name == "sync" && strings.HasSuffix(n.Sel.Name, "Mutex") && !slices.Contains(locks, name):
					t.Errorf("%s has a sync.%s: give the state one owner", name, n.Sel.Name)
				case weighty[x.Name] != "" && !slices.Contains(light, n.Sel.Name):
					t.Errorf("%s uses %s.%s: %s", name, x.Name, n.Sel.Name, weighty[x.Name])
				}
			}
			return true
		})
	})
}

// eachFile parses every Go file of the module for whatever system, but tests,
// testdata and nested modules. Names are relative to the root.
func eachFile(t *testing.T, f func(name string, file *ast.File)) {
	t.Helper()
	root, fset := filepath.Join("..", ".."), token.NewFileSet()
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != root:
			_, err := os.Stat(filepath.Join(name, "go.mod"))
			if err == nil || d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") {
				return fs.SkipDir
			}
		case strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go"):
			file, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(root, name)
			f(filepath.ToSlash(rel), file)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func importPath(t *testing.T, spec *ast.ImportSpec) string {
	t.Helper()
	p, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
