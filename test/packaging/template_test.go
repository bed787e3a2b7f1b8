package packaging

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the template of translations anew")

// TestTranslationTemplate: the template has every text of the pages, the menu and the
// ACL, and no other.
func TestTranslationTemplate(t *testing.T) {
	const path = luciApp + "po/templates/netmond.pot"
	want := template(t)
	if *update {
		if err := os.WriteFile(filepath.Join(root, path), []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if read(t, path) != want {
		t.Errorf("%s is not that of the sources: go test ./test/packaging -run %s -update", path, t.Name())
	}
}

func template(t *testing.T) string {
	inScript := regexp.MustCompile(`\b_\('((?:[^'\\]|\\.)*)'\)`)
	inJSON := regexp.MustCompile(`"(?:title|description)": "(.*)"`)
	found := make(map[string][]string) // text to places
	list := files(t, func(path string, _ []byte) bool { return true }, luciApp+"htdocs", luciApp+"root")
	for _, path := range list {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		expr := inScript
		if strings.HasSuffix(path, ".json") {
			expr = inJSON
		}
		for n, line := range strings.Split(string(b), "\n") {
			for _, m := range expr.FindAllStringSubmatch(line, -1) {
				text := strings.ReplaceAll(m[1], `\'`, `'`)
				place := fmt.Sprintf("%s:%d", filepath.ToSlash(strings.TrimPrefix(path, filepath.Join(root, luciApp)+"/")), n+1)
				found[text] = append(found[text], place)
			}
		}
	}
	var texts []string
	for text := range found {
		texts = append(texts, text)
	}
	slices.Sort(texts)
	var b strings.Builder
	b.WriteString("msgid \"\"\nmsgstr \"Content-Type: text/plain; charset=UTF-8\"\n")
	for _, text := range texts {
		b.WriteString("\n")
		for _, place := range found[text] {
			fmt.Fprintf(&b, "#: %s\n", place)
		}
		fmt.Fprintf(&b, "msgid %q\nmsgstr \"\"\n", text)
	}
	return b.String()
}
