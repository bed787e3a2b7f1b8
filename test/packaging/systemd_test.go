package packaging

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// unit copies a unit into a folder of its own, with drop-ins, and with a program that
// is there for the one that will be.
func unit(t *testing.T, name string, dropIns ...string) string {
	t.Helper()
	dir := t.TempDir()
	text := regexp.MustCompile(`(?m)^ExecStart=\S+`).ReplaceAllString(read(t, "packaging/systemd/"+name), "ExecStart="+binary)
	text = regexp.MustCompile(`(?m)^Documentation=.*\n`).ReplaceAllString(text, "") // no manual is installed here
	write(t, filepath.Join(dir, name), text)
	for _, d := range dropIns {
		write(t, filepath.Join(dir, name+".d", d), read(t, "packaging/systemd/drop-in/"+d))
	}
	return filepath.Join(dir, name)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// exposure is systemd-analyze's: 0 is the best, 10 the worst.
func exposure(t *testing.T, analyze, path string) float64 {
	t.Helper()
	out := run(t, analyze, "security", "--offline=true", "--no-pager", path)
	m := regexp.MustCompile(`exposure level for \S+: ([0-9.]+)`).FindStringSubmatch(out)
	if m == nil {
		t.Fatalf("no exposure level in %s", out)
	}
	v, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestUnits(t *testing.T) {
	analyze := need(t, "systemd-analyze", "systemd")
	for _, tc := range []struct {
		name    string
		dropIns []string
		most    float64
	}{
		{"netmond.service", nil, 2.0},
		{"netmond.service", []string{"pidfd.conf"}, 3.0},
		{"netmond.service", []string{"root.conf"}, 3.0},
		{"netmond-mqtt.service", nil, 2.0},
	} {
		t.Run(tc.name+strings.Join(tc.dropIns, ","), func(t *testing.T) {
			path := unit(t, tc.name, tc.dropIns...)
			if out := run(t, analyze, "verify", path); out != "" {
				t.Errorf("systemd-analyze verify: %s", out)
			}
			if got := exposure(t, analyze, path); got > tc.most {
				t.Errorf("exposure = %v, want %v at most", got, tc.most)
			}
		})
	}
}

// TestUnitHasTwoCapabilities: the drop-in for the second way to close adds two more.
func TestUnitHasTwoCapabilities(t *testing.T) {
	for file, want := range map[string]string{
		"netmond.service":    "CAP_NET_ADMIN CAP_NET_RAW",
		"drop-in/pidfd.conf": "CAP_SYS_PTRACE CAP_DAC_READ_SEARCH",
	} {
		text := read(t, "packaging/systemd/"+file)
		for _, key := range []string{"AmbientCapabilities", "CapabilityBoundingSet"} {
			if got := regexp.MustCompile(`(?m)^`+key+`=(.*)$`).FindAllStringSubmatch(text, -1); len(got) != 1 || got[0][1] != want {
				t.Errorf("%s: %s = %q, want %q", file, key, got, want)
			}
		}
	}
	lines := strings.Split(read(t, "packaging/systemd/netmond.service"), "\n")
	for _, want := range []string{"Type=notify", "NoNewPrivileges=yes", "Restart=on-failure"} {
		if !slices.Contains(lines, want) {
			t.Errorf("netmond.service lacks %s", want)
		}
	}
	if !regexp.MustCompile(`(?m)^WatchdogSec=[1-9]`).MatchString(strings.Join(lines, "\n")) {
		t.Error("netmond.service has no watchdog")
	}
}
