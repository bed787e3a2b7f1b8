package board

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestHookGetsTheMessage(t *testing.T) {
	t.Setenv("SECRET", "of the daemon")
	h := newHooks(t, 0, map[string]string{"show": `echo "$# $NETMOND_CLASS $NETMOND_SEQ $NETMOND_TYPE $NETMOND_DEV"; env | cut -d= -f1 | sort | tr '\n' ' '; echo; pwd; cat; echo to the error output >&2`})
	h.send(7, `{"type":"link","dev":"$(reboot)"}`)
	got := strings.Join(h.finish(), "\n")
	// What sh itself puts into the environment.
	got = regexp.MustCompile(` (OLDPWD|PWD|SHLVL|_)\b`).ReplaceAllString(got, "")
	want := `"hook output" hook=show line="0 network 7 link $(reboot)"
"hook output" hook=show line="NETMOND_CLASS NETMOND_DEV NETMOND_SEQ NETMOND_TYPE PATH "
"hook output" hook=show line=/
"hook output" hook=show line="{\"type\":\"link\",\"dev\":\"$(reboot)\"}"
"hook output" hook=show line="to the error output"`
	if got != want {
		t.Errorf("log\n got %s\nwant %s", got, want)
	}
}

func TestHooksRunSideBySideAndOneAtATime(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	// Each waits for the other's first run, and for itself writes when it begins and ends.
	script := fmt.Sprintf(`
me=${0##*/}; [ $me = a ] && other=b || other=a
echo "$me begins $NETMOND_SEQ" >>%[1]s
until grep -q "$other begins 1" %[1]s; do sleep 0.01; done
echo "$me ends $NETMOND_SEQ" >>%[1]s
`, file)
	h := newHooks(t, 0, map[string]string{"a": script, "b": script})
	for seq := range uint64(3) {
		h.send(seq+1, `{}`)
	}
	expect(t, h.finish())
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, me := range []string{"a", "b"} {
		var own []string
		for _, l := range strings.Split(string(text), "\n") {
			if rest, ok := strings.CutPrefix(l, me+" "); ok {
				own = append(own, rest)
			}
		}
		if got, want := strings.Join(own, ", "), "begins 1, ends 1, begins 2, ends 2, begins 3, ends 3"; got != want {
			t.Errorf("%s %s, want %s", me, got, want)
		}
	}
}

func TestFailingHookIsLogged(t *testing.T) {
	h := newHooks(t, 0, map[string]string{
		"exits":  "cat >/dev/null; printf 'no line break'; exit 3",
		"dies":   "kill -TERM $$",
		"closes": "exec <&- >&- 2>&-",
	})
	if err := os.WriteFile(filepath.Join(h.dir, "no-interpreter"), []byte("#!/nowhere/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(h.dir, "garbage"), []byte("\x00\x01\x02"), 0o755); err != nil {
		t.Fatal(err)
	}
	h.send(1, `{}`)
	expect(t, h.finish(),
		`"hook output" hook=exits line="no line break"`,
		`"hook failed" hook=exits class=network seq=1 err="exit status 3"`,
		`"hook failed" hook=dies class=network seq=1 err="signal: terminated"`,
		`"hook failed" hook=no-interpreter class=network seq=1 err="fork/exec `+h.dir+`/no-interpreter: no such file or directory"`,
		`"hook failed" hook=garbage class=network seq=1 err="fork/exec `+h.dir+`/garbage: exec format error"`,
	)
}

func TestHangingHookIsKilledWithItsGroup(t *testing.T) {
	h := newHooks(t, 300*time.Millisecond, map[string]string{
		"hangs": "trap '' TERM INT HUP; sleep 1000 & echo $! $$; sleep 1000",
	})
	h.send(1, `{}`)
	pids := pidsOf(t, h.line())
	expect(t, h.finish(), `"hook failed" hook=hangs class=network seq=1 err="killed: not done within 300ms"`)
	for _, pid := range pids {
		waitGone(t, pid)
	}
}

func TestHookLeavesNothingInItsGroup(t *testing.T) {
	h := newHooks(t, 0, map[string]string{"leaves": "sleep 1000 & echo $!"})
	h.send(1, `{}`)
	pids := pidsOf(t, h.line())
	expect(t, h.finish())
	waitGone(t, pids[0])
}

func TestHookThatEscapesHoldsNobodyUp(t *testing.T) {
	if _, err := exec.LookPath("setsid"); err != nil {
		t.Skip(err)
	}
	h := newHooks(t, 0, map[string]string{"escapes": "setsid sh -c 'echo $$; exec sleep 1000' & until grep -qs sleep /proc/$!/comm; do sleep 0.01; done"})
	h.send(1, `{}`)
	pids := pidsOf(t, h.line())
	defer syscall.Kill(pids[0], syscall.SIGKILL)
	begin := time.Now()
	expect(t, h.finish())
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestCancelKillsHooks(t *testing.T) {
	h := newHooks(t, time.Hour, map[string]string{"hangs": "echo $$; sleep 1000"})
	h.send(1, `{}`)
	h.send(2, `{}`)
	pids := pidsOf(t, h.line())
	h.cancel()
	h.waitEnd()
	waitGone(t, pids[0])
	if got, want := h.line(), `"hook failed" hook=hangs class=network seq=1 err="context canceled"`; got != want {
		t.Errorf("log = %s, want %s", got, want)
	}
	if len(h.lines) > 0 {
		t.Errorf("log goes on: %s", <-h.lines)
	}
}

func TestSlowHookLosesTheOldest(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	h := newHooks(t, 0, map[string]string{"slow": `[ $NETMOND_SEQ = 1 ] && read x <` + fifo + `; echo "$NETMOND_SEQ lost=$NETMOND_LOST"`})
	const lost = 10
	for seq := range uint64(1 + lost + maxQueue) {
		h.send(seq+1, `{}`)
	}
	if err := os.WriteFile(fifo, []byte("go\n"), 0); err != nil {
		t.Fatal(err)
	}
	want := []string{`"hook output" hook=slow line="1 lost="`, `"hook too slow" hook=slow lost=10`}
	for i := range maxQueue {
		seq, told := 1+lost+i+1, ""
		if i == 0 {
			told = "10"
		}
		want = append(want, fmt.Sprintf(`"hook output" hook=slow line="%d lost=%s"`, seq, told))
	}
	expect(t, h.finish(), want...)
}

func TestHookOutputIsBounded(t *testing.T) {
	h := newHooks(t, 0, map[string]string{
		"long":  `head -c 100000 /dev/zero | tr '\0' x; echo; printf '\033[2J\377'`,
		"noisy": "i=0; while [ $i -lt 2000 ]; do echo line; i=$((i+1)); done",
	})
	h.send(1, `{}`)
	got := h.finish()
	want := []string{
		`"hook output" hook=long line=` + strings.Repeat("x", maxLine),
		`"hook output" hook=long line=?[2J?`,
		`"hook output cut" hook=noisy lines=32`,
	}
	for range maxLines {
		want = append(want, `"hook output" hook=noisy line=line`)
	}
	expect(t, got, want...)
}

func TestRefusalIsLoggedOnce(t *testing.T) {
	// Hooks are taken in the order of their names: once the last one says that it
	// ran, the others of that event have been judged.
	h := newHooks(t, 0, map[string]string{"loose": "echo ran", "zz": "echo $NETMOND_SEQ"})
	loose, link := filepath.Join(h.dir, "loose"), filepath.Join(h.dir, "link")
	if err := os.Symlink("loose", link); err != nil {
		t.Fatal(err)
	}
	ran := `"hook output" hook=loose line=ran`
	refused := func(name, why string) string {
		return fmt.Sprintf(`"hook refused" hook=%[1]s err="%[1]s: %[2]s"`, filepath.Join(h.dir, name), why)
	}
	writable := func(mode string) string { return "others may write it (mode " + mode + "); take that away: chmod go-w" }

	for i, step := range []struct {
		do   func() error
		want []string
	}{
		{func() error { return os.Chmod(loose, 0o775) },
			[]string{refused("loose", writable("0775")), refused("link", "a symbolic link; put the file itself there")}},
		{func() error { return nil }, nil},
		{func() error { return os.Remove(link) }, nil},
		{func() error { return os.Chmod(loose, 0o757) }, []string{refused("loose", writable("0757"))}},
		{func() error { return os.Chmod(loose, 0o755) }, []string{ran}},
		{func() error { return os.Chmod(loose, 0o757) }, []string{refused("loose", writable("0757"))}},
		{func() error { return os.Remove(loose) }, nil},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		h.send(uint64(i+1), `{}`)
		want := append(step.want, fmt.Sprintf(`"hook output" hook=zz line=%d`, i+1))
		var got []string
		for range want {
			got = append(got, h.line())
		}
		expect(t, got, want...)
	}
	expect(t, h.finish())
}

func TestHooksOfALooseDirectory(t *testing.T) {
	h := newHooks(t, 0, map[string]string{"hook": "echo ran"})
	if err := os.Chmod(h.dir, 0o777); err != nil {
		t.Fatal(err)
	}
	h.send(1, `{}`)
	h.send(2, `{}`)
	expect(t, h.finish(), fmt.Sprintf(`"hook refused" hook=%[1]s/hook err="%[1]s: others may write it (mode 0777); take that away: chmod go-w"`, h.dir))
}

func TestHooksOfAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to give a file away")
	}
	h := newHooks(t, 0, map[string]string{"given": "echo ran"})
	given := filepath.Join(h.dir, "given")
	if err := os.Chown(given, 1000, 0); err != nil {
		t.Fatal(err)
	}
	h.send(1, `{}`)
	expect(t, h.finish(), fmt.Sprintf(`"hook refused" hook=%[1]s err="%[1]s: owned by uid 1000; make it root's: chown 0:0"`, given))
}

func TestHooksZeroValue(t *testing.T) {
	events := make(chan Event, 1)
	events <- Event{}
	close(events)
	new(Hooks).Run(context.Background(), events)
	if len(events) != 0 {
		t.Error("the event was not taken")
	}
}
