package rtnl_test

import (
	"encoding/binary"
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/netmond/netmond/internal/iproute"
	"github.com/netmond/netmond/rtnl"
)

var update = flag.Bool("update", false, "capture the fixtures of this machine's byte order again")

// fixture is a file of testdata: datagrams of the kernel in hex, each in a
// paragraph of its own, and where they come from.
//
//	# kernel: Linux 6.18 x86_64     the one that wrote them; "none" where they are made by hand
//	# order: little                 or big
//	# setup: ip link set p up       shell, before the capture; in a new namespace with the veth pair wan, p
//	# cause: ip link set wan up     shell, whose notifications are captured
//	# want: link if3 up name wan    one line for each event, in the syntax of internal/iproute
//
// Other lines that begin with # are remarks.
type fixture struct {
	path         string
	head         []string // the lines above the first datagram, without kernel
	kernel       string
	order        string
	setup, cause []string
	want         []string
	datagrams    [][]byte
}

func readFixture(t testing.TB, path string) fixture {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f := fixture{path: path}
	open := false // a datagram goes on
	for _, line := range strings.Split(string(text), "\n") {
		if line == "" {
			open = false
			continue
		}
		if remark, ok := strings.CutPrefix(line, "#"); ok {
			key, value, _ := strings.Cut(strings.TrimSpace(remark), ": ")
			switch key {
			case "kernel":
				f.kernel = value
				continue
			case "order":
				f.order = value
			case "setup":
				f.setup = append(f.setup, value)
			case "cause":
				f.cause = append(f.cause, value)
			case "want":
				f.want = append(f.want, value)
			}
			f.head = append(f.head, line)
			continue
		}
		b, err := hex.DecodeString(strings.ReplaceAll(line, " ", ""))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if !open {
			f.datagrams = append(f.datagrams, nil)
		}
		open = true
		last := &f.datagrams[len(f.datagrams)-1]
		*last = append(*last, b...)
	}
	return f
}

// write writes the file anew.
func (f fixture) write(t *testing.T) {
	t.Helper()
	var b strings.Builder
	b.WriteString("# kernel: " + f.kernel + "\n" + strings.Join(f.head, "\n") + "\n")
	for _, d := range f.datagrams {
		b.WriteByte('\n')
		for len(d) > 0 {
			n := min(len(d), 32)
			b.WriteString(hex.EncodeToString(d[:n]) + "\n")
			d = d[n:]
		}
	}
	if err := os.WriteFile(f.path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// fixtures are the files of the given byte order.
func fixtures(t testing.TB, order string) []fixture {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.hex")
	if err != nil {
		t.Fatal(err)
	}
	var list []fixture
	for _, path := range paths {
		f := readFixture(t, path)
		if f.kernel == "" && !*update || f.order != "little" && f.order != "big" || len(f.want) == 0 {
			t.Errorf("%s: kernel %q, order %q, %d wants: provenance or expectation missing", path, f.kernel, f.order, len(f.want))
		}
		if f.order == order {
			list = append(list, f)
		}
	}
	if len(list) == 0 {
		t.Fatalf("no fixture of %s-endian order", order)
	}
	return list
}

// machineOrder is the order that Events reads on this machine.
func machineOrder() string {
	if binary.NativeEndian.Uint16([]byte{1, 0}) == 1 {
		return "little"
	}
	return "big"
}

func TestFixtures(t *testing.T) {
	for _, f := range fixtures(t, machineOrder()) {
		t.Run(strings.TrimSuffix(filepath.Base(f.path), ".hex"), func(t *testing.T) {
			links := new(iproute.Links)
			want, err := iproute.Events(strings.Join(f.want, "\n"), links)
			if err != nil {
				t.Fatal(err)
			}
			var got []rtnl.Event
			for _, d := range f.datagrams {
				for e, err := range rtnl.Events(d) {
					if err != nil {
						t.Errorf("Events = %v", err)
						continue
					}
					got = append(got, e)
				}
			}
			for i := range max(len(got), len(want)) {
				switch {
				case i >= len(want):
					t.Errorf("event %d = %s, want none", i, iproute.Format(got[i], links))
				case i >= len(got):
					t.Errorf("event %d missing, want %s", i, iproute.Format(want[i], links))
				case !same(got[i], want[i]):
					t.Errorf("event %d = %s, want %s", i, iproute.Format(got[i], links), iproute.Format(want[i], links))
				}
			}
		})
	}
}

// same compares two events in everything but what the text cannot say: the time
// that a route has left.
func same(a, b rtnl.Event) bool {
	if r, ok := a.Message.(*rtnl.Route); ok {
		c := *r
		c.Expires = 0
		a.Message = &c
	}
	return reflect.DeepEqual(a, b)
}

// Every line of a fixture is one that its text form can be compared by: what
// was decoded, printed and read again is the same.
func TestFixturesSurviveTheirText(t *testing.T) {
	for _, f := range fixtures(t, machineOrder()) {
		links := new(iproute.Links)
		for _, d := range f.datagrams {
			for e, err := range rtnl.Events(d) {
				if err != nil {
					continue // TestFixtures tells
				}
				line := iproute.Format(e, links)
				if again, err := iproute.Parse(line, links); err != nil || !same(e, again) {
					t.Errorf("%s: Parse(%q) = %+v, %v, want %+v", f.path, line, again.Message, err, e.Message)
				}
			}
		}
	}
}

// The time left is not of the text; it is in seconds, from the kernel's ticks.
func TestRouteExpires(t *testing.T) {
	found := 0
	for _, f := range fixtures(t, machineOrder()) {
		if !strings.Contains(f.path, "route6") {
			continue
		}
		for _, d := range f.datagrams {
			for e, err := range rtnl.Events(d) {
				r, ok := e.Message.(*rtnl.Route)
				if err != nil || !ok {
					continue
				}
				want := int32(0)
				if r.Default() && r.Pref == 1 {
					want = 1800
					found++
				}
				if r.Expires != want {
					t.Errorf("%s: %s expires in %d s, want %d", f.path, r, r.Expires, want)
				}
			}
		}
	}
	if found == 0 {
		t.Error("no fixture of a router advertisement's default route")
	}
}
