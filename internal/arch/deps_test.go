package arch

import (
	"path"
	"strings"
	"testing"
)

// modules are what the shipped binary may be made of besides the standard
// library.
var modules = map[string]string{
	module:             "ourselves",
	"golang.org/x/sys": "system calls and structures that package syscall lacks",
}

// unwanted are packages of the standard library that a flavour of the binary must
// not hold, with the reason.
var unwanted = map[string]map[string]string{
	"full": {
		"net/http": "it costs 1.2 MB of flash and 3 MB of memory on mips; cpd speaks HTTP/1.1 itself",
		"plugin":   "the binary is static",
		"log/slog": "it brings the whole of encoding/json: 90 KB of flash; internal/log writes the same lines",
	},
	"notls": {
		"net/http":    "it brings TLS",
		"log/slog":    "it brings the whole of encoding/json",
		"crypto/tls":  "the mini flavour is the one without",
		"crypto/x509": "the mini flavour has no use for certificates",
	},
}

func TestBinary(t *testing.T) {
	for flavour, packages := range unwanted {
		t.Run(flavour, func(t *testing.T) {
			seen := make(map[string]bool)
			for _, line := range goList(t, "-deps", "-tags", flavour, "-f", "{{.ImportPath}}\t{{with .Module}}{{.Path}}{{end}}", module+"/cmd/netmond") {
				pkg, mod, _ := strings.Cut(line, "\t")
				seen[pkg] = true
				if why := packages[pkg]; why != "" {
					t.Errorf("the binary holds %s: %s", pkg, why)
				}
				if _, ok := modules[mod]; mod != "" && !ok {
					t.Errorf("the binary holds %s of module %s: nothing enters it without a measured reason", pkg, mod)
				}
			}
			for _, pkg := range library {
				if !seen[path.Join(module, pkg)] {
					t.Errorf("the binary lacks %s", pkg)
				}
			}
			if tls := seen["crypto/tls"]; tls != (flavour == "full") {
				t.Errorf("crypto/tls in the binary: %v", tls)
			}
		})
	}
}
