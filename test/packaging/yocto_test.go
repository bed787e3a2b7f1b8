package packaging

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

const (
	layer  = "yocto/meta-netmond/"
	recipe = layer + "recipes-connectivity/netmond/netmond_0.1.0.bb"
)

// TestLayerIsAsYoctoWants checks what yocto-check-layer looks for in the texts.
func TestLayerIsAsYoctoWants(t *testing.T) {
	readme := strings.ToLower(read(t, layer+"README.md"))
	for _, want := range []string{"maintainer", "patch", "@"} {
		if !strings.Contains(readme, want) {
			t.Errorf("README.md lacks %q", want)
		}
	}
	read(t, layer+"SECURITY.md")
	conf := read(t, layer+"conf/layer.conf")
	for _, want := range []string{"BBFILE_COLLECTIONS", "BBFILE_PATTERN_netmond", "LAYERVERSION_netmond", "LAYERDEPENDS_netmond"} {
		if !strings.Contains(conf, want) {
			t.Errorf("layer.conf lacks %s", want)
		}
	}
	compat := regexp.MustCompile(`LAYERSERIES_COMPAT_netmond = "(.*)"`).FindStringSubmatch(conf)
	if compat == nil {
		t.Fatal("layer.conf lacks LAYERSERIES_COMPAT_netmond")
	}
	for _, series := range []string{"scarthgap", "walnascar", "whinlatter", "wrynose", "blacksail"} {
		if !strings.Contains(compat[1], series) || !strings.Contains(readme, series) {
			t.Errorf("%s is not in layer.conf and README.md", series)
		}
	}
	// Adding the layer changes no other recipe unless it is asked to.
	if line := regexp.MustCompile(`(?m)^[^#\n].*$`).FindAllString(read(t, layer+"recipes-kernel/linux/linux-yocto_%.bbappend"), -1); len(line) != 1 || !strings.Contains(line[0], "DISTRO_FEATURES") {
		t.Errorf("the kernel's bbappend: %q", line)
	}
	fragment := read(t, layer+"recipes-kernel/linux/files/netmond.cfg")
	for _, want := range []string{"CONFIG_INET_DIAG_DESTROY=y", "CONFIG_NF_CT_NETLINK=m"} {
		if !strings.Contains(fragment, want+"\n") {
			t.Errorf("netmond.cfg lacks %s", want)
		}
	}
}

// TestRecipeFetchesTheModules of go.mod, whose sums it has.
func TestRecipeFetchesTheModules(t *testing.T) {
	type module struct{ Path, Version, Zip string }
	var want []string
	for dec := json.NewDecoder(bytes.NewReader([]byte(run(t, "go", "mod", "download", "-json", "golang.org/x/sys")))); dec.More(); {
		var m module
		if err := dec.Decode(&m); err != nil {
			t.Fatal(err)
		}
		zip, err := os.ReadFile(m.Zip)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, fmt.Sprintf("gomod://%s;version=%s;sha256sum=%x", m.Path, m.Version, sha256.Sum256(zip)))
	}
	same(t, "netmond-modules.inc", matches(t, read(t, layer+"recipes-connectivity/netmond/netmond-modules.inc"), `(?m)^ +(gomod://\S+) \\$`), want)

	linked := matches(t, run(t, "go", "version", "-m", binary), `(?m)^\tdep\t(\S+)\t`)
	same(t, "the binary", linked, []string{"golang.org/x/sys"})
}

// TestRecipeInstallsWhatIsThere: each file it takes from the tree, and the license.
func TestRecipeInstallsWhatIsThere(t *testing.T) {
	text := read(t, recipe)
	for _, path := range matches(t, text, `\$\{NETMOND_SRC\}/([a-z][\w./-]+)`) {
		read(t, path)
	}
	for _, dir := range strings.Fields(regexp.MustCompile(`NETMOND_TESTS = "(.*)"`).FindStringSubmatch(text)[1]) {
		if _, err := os.Stat(root + "/" + dir); err != nil {
			t.Error(err)
		}
	}
	license := layer + "COPYING.MIT"
	if _, err := os.Stat(root + "/LICENSE"); err == nil {
		license = "LICENSE"
	}
	if sum := fmt.Sprintf("%x", md5.Sum([]byte(read(t, license)))); !strings.Contains(text, "LICENSE;md5="+sum+`"`) {
		t.Errorf("LIC_FILES_CHKSUM is not that of %s, %s", license, sum)
	}
}
