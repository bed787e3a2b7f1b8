package qemu

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/netmond/netmond/test/qemu/console"
)

// deadline is for a guest, from its start to its end. The slowest takes a fifth of it
// on a machine with two processors that does nothing else.
const deadline = 10 * time.Minute

// measured is filled by the guests and printed in the end.
var measured table

func TestMain(m *testing.M) {
	code := m.Run()
	out := os.Stdout
	if path := os.Getenv("QEMU_TABLE"); path != "" { // go test -json hides what it prints
		f, err := os.Create(path)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		out = f
	}
	measured.print(out)
	os.Exit(code)
}

// slots are the guests that may run at a time: one more than the host has processors,
// since a guest waits a third of its time.
var slots = make(chan struct{}, runtime.NumCPU()+1)

// TestGuest boots each guest and makes the tests that run there its own. They are
// prepared in their order, and boot when they are ready and there is a slot; so
// -parallel should be as many as there are.
func TestGuest(t *testing.T) {
	built := make(chan struct{})
	close(built)
	for _, g := range guests {
		t.Run(g.name, func(t *testing.T) {
			if _, err := exec.LookPath(g.qemu); err != nil {
				skip(t, err.Error())
			}
			r := prepare(t.TempDir(), g, built)
			built = r.built
			t.Parallel()
			<-r.done
			if r.err != nil {
				t.Fatal(r.err)
			}
			slots <- struct{}{}
			defer func() { <-slots }()
			boot(t, r)
		})
	}
}

// boot runs the guest's jobs, and tells of each as a subtest.
func boot(t *testing.T, r *ready) {
	t.Helper()
	row, jobs, m := r.name, jobs(r.guest), r.machine
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	said := make(map[string]*strings.Builder) // by job
	codes := make(map[string]string)
	var job string
	var began, last time.Duration
	seconds := func(d time.Duration) string { return fmt.Sprintf("%.1f", d.Seconds()) }
	log, err := os.Create(filepath.Join(dist, "qemu-"+row+".log")) // the serial line, whole
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	err = m.run(ctx, func(line string, at time.Duration) {
		fmt.Fprintf(log, "%7.3f %s\n", at.Seconds(), line)
		last = at
		word := console.Hear(line)
		if word == nil {
			if job != "" {
				fmt.Fprintln(said[job], line)
			}
			return
		}
		switch word[0] {
		case console.Up:
			measured.note(row, "boot", seconds(at))
		case console.Begin:
			job, began = word[1], at
			said[job] = new(strings.Builder)
		case console.End:
			measured.note(row, word[1], seconds(at-began))
			codes[word[1]], job = word[2], ""
		case console.Figure:
			measured.note(row, word[1], word[2])
		}
	})
	measured.note(row, "ready", seconds(r.took))
	measured.note(row, "total", seconds(last))
	measured.note(row, "cpu", seconds(m.used))
	for _, j := range jobs {
		t.Run(j.Name, func(t *testing.T) {
			text, ok := said[j.Name]
			if !ok {
				t.Fatal("did not begin")
			}
			r, err := parse(text.String())
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range r.subs {
				t.Run(s.name, s.tell)
			}
			if codes[j.Name] != "0" || len(r.subs) == 0 {
				t.Errorf("exit code %s after %d tests:\n%s", codes[j.Name], len(r.subs), r.output.String())
			}
		})
	}
	if err != nil {
		t.Fatal(err)
	}
}
