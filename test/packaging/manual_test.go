package packaging

import (
	"regexp"
	"strings"
	"testing"
)

// TestManualsLint: mandoc has nothing to say.
func TestManualsLint(t *testing.T) {
	mandoc := need(t, "mandoc", "mandoc")
	for _, page := range []string{"netmond.8", "netmond.conf.5"} {
		run(t, mandoc, "-T", "lint", "-W", "warning", root+"/packaging/man/"+page)
	}
}

// TestManualHasEveryCommandAndFlag compares netmond(8) with the program.
func TestManualHasEveryCommandAndFlag(t *testing.T) {
	text := read(t, "packaging/man/netmond.8")
	cmds := regexp.MustCompile(`(?s)\.Sh COMMANDS(.*)\.Sh FLAGS OF RUN`).FindStringSubmatch(text)
	same(t, "COMMANDS", matches(t, cmds[1], `(?m)^\.It Cm ([a-z]+)`), commands(t))
	fl := regexp.MustCompile(`(?s)\.Sh FLAGS OF RUN(.*)\.Sh VERDICTS`).FindStringSubmatch(text)
	same(t, "FLAGS OF RUN", matches(t, fl[1], `(?m)^\.It Fl ([a-z-]+)`), flags(t, "run"))
	for _, c := range commands(t) {
		entry := regexp.MustCompile(`(?s)\.It Cm ` + c + `\b.*?\n\.(It|El)`).FindString(cmds[1])
		for _, f := range flags(t, c) {
			if c != "run" && f != "socket" && f != "json" && !strings.Contains(entry, "Fl "+f+" ") {
				t.Errorf("netmond(8): %s lacks -%s", c, f)
			}
		}
	}
}

// TestConfManualHasEveryOption compares netmond.conf(5), its defaults too.
func TestConfManualHasEveryOption(t *testing.T) {
	text := read(t, "packaging/man/netmond.conf.5")
	same(t, "netmond.conf(5)", matches(t, text, `(?m)^\.It Cm (?:option|list) ([a-z_]+)`), append(options(t), "enabled"))
	help := run(t, binary, "run", "-h")
	for _, m := range regexp.MustCompile(`(?m)^  -([a-z-]+).*\n.*\(default "?([^ ")]+)"?\)$`).FindAllStringSubmatch(help, -1) {
		name, value := strings.ReplaceAll(m[1], "-", "_"), strings.TrimSuffix(m[2], "0s")
		entry := regexp.MustCompile(`(?s)\.It Cm (option|list) ` + name + `\n.*?\n\.(It|El)`).FindString(text)
		if !strings.Contains(strings.ToLower(entry), strings.ToLower(value)) {
			t.Errorf("netmond.conf(5): %s lacks its default, %s", name, value)
		}
	}
}

// TestCompletionsHaveEveryCommandAndFlag compares bash's by asking it, zsh's by its text.
func TestCompletionsHaveEveryCommandAndFlag(t *testing.T) {
	zsh := read(t, "packaging/completion/_netmond")
	same(t, "_netmond", matches(t, zsh, `(?m)^\t\t'([a-z]+):`), commands(t))
	complete := func(words ...string) []string {
		return strings.Fields(run(t, "bash", append([]string{"-c",
			`source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _netmond; echo "${COMPREPLY[@]}"`,
			root + "/packaging/completion/netmond.bash", "netmond"}, words...)...))
	}
	same(t, "netmond.bash", complete(""), append(commands(t), "-version", "-h"))
	for _, c := range commands(t) {
		want := []string{"-h"}
		for _, f := range flags(t, c) {
			want = append(want, "-"+f)
			if !regexp.MustCompile(`'\*?-` + f + `\[`).MatchString(zsh) {
				t.Errorf("_netmond lacks -%s", f)
			}
		}
		same(t, "netmond.bash "+c, complete(c, "-"), want)
	}
	same(t, "netmond.bash run --settle", complete("run", "--log-format", ""), []string{"text", "json"})
}
