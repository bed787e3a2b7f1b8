package arch

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// heavy are symbols that mini must not hold: each was there for a call or two, and
// takes 3 to 5 KB of flash on mips with what it links. Beside them is what does
// instead.
var heavy = map[string]string{
	"golang.org/x/sys/unix.anyToSockaddr": "syscall.Getsockname, or recvfrom in internal/netlink: not every kind of socket address",
	"reflect.convertOp":                   "reflect.Value.SetString and the like: not every conversion",
	"strings.(*Replacer).Replace":         "strings.ReplaceAll, or a loop: not every algorithm",
	"time.parse":                          "parseDate in cpd: not every layout",
	"unicode.PrintRanges":                 "strconv.IsPrint, which has tables of its own in any case",
}

func TestMiniIsLight(t *testing.T) {
	name := filepath.Join(t.TempDir(), "netmond")
	cmd := exec.Command("go", "build", "-tags", "notls", "-o", name, module+"/cmd/netmond")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	f, err := elf.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	symbols, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range symbols {
		if instead := heavy[s.Name]; instead != "" {
			t.Errorf("mini holds %s; use %s", s.Name, instead)
		}
	}
}
