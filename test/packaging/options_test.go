package packaging

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/netmond/netmond/internal/uci"
)

// configurations are the files that the packages ship.
var configurations = []string{"openwrt/package/netmond/files/netmond.config", "packaging/netmond.conf"}

// example is a configuration with what is commented out switched on.
func example(t *testing.T, path string) string {
	t.Helper()
	return regexp.MustCompile(`(?m)^#(\t(option|list) )`).ReplaceAllString(read(t, path), "$1")
}

// TestConfigurationsHaveEveryOption parses them, and has the program read them.
func TestConfigurationsHaveEveryOption(t *testing.T) {
	for _, path := range configurations {
		t.Run(filepath.Base(path), func(t *testing.T) {
			for _, text := range []string{read(t, path), example(t, path)} {
				if _, err := uci.Parse("netmond", []byte(text)); err != nil {
					t.Fatal(err)
				}
				// A flag that the program refuses after it has read the file.
				got := refusal(t, text, "-probe-interval", "48h")
				if !strings.Contains(got, "-probe-interval 48h") {
					t.Errorf("netmond run: %s", got)
				}
			}
			pkg, err := uci.Parse("netmond", []byte(example(t, path)))
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for o := range pkg.Section("main").Options() {
				if o.Name != "enabled" {
					names = append(names, o.Name)
				}
			}
			same(t, path, names, options(t))
		})
	}
}

// TestProgramReadsConfiguration gives each option that is checked a wrong value.
func TestProgramReadsConfiguration(t *testing.T) {
	for _, o := range options(t) {
		switch o {
		case "socket", "hooks", "led", "metrics":
			continue // any text will do
		}
		got := refusal(t, "config netmond 'main'\n\toption "+o+" 'no such value'\n")
		if !strings.Contains(got, ":2: "+o+":") && !strings.Contains(got, ":2: "+o+" ") ||
			strings.Contains(got, "parse error") {
			t.Errorf("%s: netmond run: %s", o, got)
		}
	}
	if got := refusal(t, "config netmond 'main'\n\toption sttle '1s'\n"); !strings.Contains(got, `"sttle" is no option`) {
		t.Errorf("netmond run: %s", got)
	}
}

// refusal is what netmond run prints before it exits with 2.
func refusal(t *testing.T, config string, flags ...string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "netmond"), config)
	args := append([]string{"run", "-socket", filepath.Join(dir, "sock"), "-config", filepath.Join(dir, "netmond")}, flags...)
	if !strings.Contains(config, "option dry_run") {
		args = append(args, "-dry-run") // a flag wins over the file
	}
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET=")
	out, _ := cmd.CombinedOutput() // the exit code tells
	if code := cmd.ProcessState.ExitCode(); code != 2 {
		t.Errorf("netmond run: exit %d, want 2: %s", code, out)
	}
	return string(out)
}

// TestInitScriptValidatesEveryOption: uci_load_validate knows all, and no others.
func TestInitScriptValidatesEveryOption(t *testing.T) {
	text := read(t, "openwrt/package/netmond/files/netmond.init")
	body := regexp.MustCompile(`(?s)validate_main\(\) \{.*?\n\}`).FindString(text)
	same(t, "validate_main", matches(t, body, `(?m)^\t\t'([a-z_]+):`), append(options(t), "enabled"))
}

// TestSettingsFormHasEveryOption compares LuCI's form.
func TestSettingsFormHasEveryOption(t *testing.T) {
	text := read(t, "openwrt/luci-app-netmond/htdocs/luci-static/resources/view/netmond/settings.js")
	same(t, "settings.js", matches(t, text, `value\(s, '[a-z]+', form\.\w+, '([a-z_]+)'`), append(options(t), "enabled"))
	pkg, err := uci.Parse("netmond", []byte(example(t, configurations[0])))
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for o := range pkg.Section("service").Options() {
		want = append(want, o.Name)
	}
	same(t, "settings.js", matches(t, text, `service\.option\(form\.\w+, '([a-z_]+)'`), want)
}

// TestRestartingOptions: what the program takes up only at its start, and says so at
// SIGHUP, makes procd restart it.
func TestRestartingOptions(t *testing.T) {
	source := read(t, "cmd/netmond/options.go")
	fixed := regexp.MustCompile(`(?s)func \(o \*options\) fixedChanges.*?\n\}`).FindString(source)
	var want []string
	for _, name := range matches(t, fixed, `\{"([a-z-]+)", `) {
		want = append(want, strings.ReplaceAll(name, "-", "_"))
	}
	env := regexp.MustCompile(`NETMOND_FIXED="(.*)"`).FindString(read(t, "openwrt/package/netmond/files/netmond.init"))
	same(t, "NETMOND_FIXED", matches(t, env, `\$([a-z_]+)`), want)
}
