package arch

import (
	"fmt"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestNoInternalTypeIsExported: users of the library can name every type that
// its API mentions.
func TestNoInternalTypeIsExported(t *testing.T) {
	args := []string{"-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}"}
	for _, pkg := range library {
		args = append(args, module+"/"+pkg)
	}
	export := make(map[string]string) // files with export data, by package
	for _, line := range goList(t, args...) {
		pkg, file, _ := strings.Cut(line, "\t")
		export[pkg] = file
	}
	imp := importer.ForCompiler(token.NewFileSet(), "gc", func(pkg string) (io.ReadCloser, error) {
		return os.Open(export[pkg])
	})
	for _, name := range library {
		pkg, err := imp.Import(module + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		w := walker{home: pkg, seen: make(map[types.Type]bool)}
		objects := 0
		for _, name := range pkg.Scope().Names() {
			if obj := pkg.Scope().Lookup(name); obj.Exported() {
				objects++
				w.visit(obj.Type(), pkg.Name()+"."+name)
			}
		}
		if objects == 0 {
			t.Errorf("%s exports nothing", name)
		}
		for _, leak := range w.leaks {
			t.Error(leak)
		}
	}
}

// TestWalkerFindsInternalTypes shows that the walker goes everywhere a type can
// hide.
func TestWalkerFindsInternalTypes(t *testing.T) {
	hidden := types.NewPackage(module+"/internal/hidden", "hidden")
	home := types.NewPackage(module+"/home", "home")
	typ := types.NewNamed(types.NewTypeName(0, hidden, "T", nil), types.NewStruct(nil, nil), nil)
	field := func(name string) *types.Var { return types.NewField(0, home, name, types.NewPointer(typ), false) }
	sig := types.NewSignatureType(nil, nil, nil, types.NewTuple(types.NewVar(0, home, "", types.NewSlice(typ))), nil, false)
	method := types.NewNamed(types.NewTypeName(0, home, "M", nil), types.NewStruct(nil, nil), nil)
	method.AddMethod(types.NewFunc(0, home, "Do", sig))
	for _, c := range []struct {
		what string
		typ  types.Type
		want int
	}{
		{"parameter", sig, 1},
		{"map", types.NewMap(types.Typ[types.Int], typ), 1},
		{"channel", types.NewChan(types.SendRecv, typ), 1},
		{"method", method, 1},
		{"exported field", types.NewStruct([]*types.Var{field("F")}, nil), 1},
		{"other field", types.NewStruct([]*types.Var{field("f")}, nil), 0},
	} {
		w := walker{home: home, seen: make(map[types.Type]bool)}
		if w.visit(c.typ, c.what); len(w.leaks) != c.want {
			t.Errorf("%s: leaks = %q, want %d", c.what, w.leaks, c.want)
		}
	}
}

// walker collects the internal types that a user can reach.
type walker struct {
	home  *types.Package
	seen  map[types.Type]bool
	leaks []string
}

// visit follows t, which was found at where.
func (w *walker) visit(t types.Type, where string) {
	if w.seen[t] {
		return
	}
	w.seen[t] = true
	switch t := t.(type) {
	case *types.Named:
		for i := range t.TypeArgs().Len() {
			w.visit(t.TypeArgs().At(i), where)
		}
		pkg := t.Obj().Pkg()
		switch {
		case pkg == nil || !strings.HasPrefix(pkg.Path(), module):
		case strings.Contains(pkg.Path(), "/internal/"):
			w.leaks = append(w.leaks, fmt.Sprintf("%s names %s.%s, which users cannot", where, pkg.Path(), t.Obj().Name()))
		case pkg == w.home:
			for i := range t.NumMethods() {
				if m := t.Method(i); m.Exported() {
					w.visit(m.Type(), where+"."+m.Name())
				}
			}
			w.visit(t.Underlying(), where)
		}
	case *types.Alias:
		w.visit(types.Unalias(t), where)
	case *types.Struct:
		for i := range t.NumFields() {
			if f := t.Field(i); f.Exported() || f.Embedded() {
				w.visit(f.Type(), where+"."+f.Name())
			}
		}
	case *types.Interface:
		for i := range t.NumMethods() {
			w.visit(t.Method(i).Type(), where+"."+t.Method(i).Name())
		}
	case *types.Signature:
		w.visit(t.Params(), where)
		w.visit(t.Results(), where)
	case *types.Tuple:
		for i := range t.Len() {
			w.visit(t.At(i).Type(), where)
		}
	case *types.Map:
		w.visit(t.Key(), where)
		w.visit(t.Elem(), where)
	case interface{ Elem() types.Type }: // pointer, slice, array, channel
		w.visit(t.Elem(), where)
	}
}

// goList runs go list from the module's root, for Linux without C.
func goList(t *testing.T, args ...string) []string {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list"}, args...)...)
	cmd.Env = append(os.Environ(), "GOOS=linux", "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}
