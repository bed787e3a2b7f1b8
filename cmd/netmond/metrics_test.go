package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMetricsFileIsWhole: whoever reads the file while it is replaced reads the old
// text or the new one, whole.
func TestMetricsFileIsWhole(t *testing.T) {
	file := filepath.Join(t.TempDir(), "netmond.prom")
	texts := []string{strings.Repeat("a 1\n", 1<<16), strings.Repeat("b 2\n", 1<<14)}
	if err := replaceFile(file, texts[0]); err != nil {
		t.Fatal(err)
	}
	old, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()

	stop, failed := make(chan struct{}), make(chan error)
	go func() {
		for {
			select {
			case <-stop:
				failed <- nil
				return
			default:
			}
			b, err := os.ReadFile(file)
			if err == nil && string(b) != texts[0] && string(b) != texts[1] {
				err = errors.New("the file is neither of the texts")
			}
			if err != nil {
				failed <- err
				return
			}
		}
	}()
	for i := range 50 {
		if err := replaceFile(file, texts[(i+1)%2]); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	if err := <-failed; err != nil {
		t.Error(err)
	}
	if b, err := io.ReadAll(old); err != nil || string(b) != texts[0] {
		t.Errorf("who had the old file open reads %d bytes of another, %v", len(b), err)
	}
	entries, err := os.ReadDir(filepath.Dir(file))
	if err != nil || len(entries) != 1 {
		t.Errorf("beside the file there is %v, %v", entries, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode() != 0o644 {
		t.Errorf("the file's mode is %v, %v", info.Mode(), err)
	}
}

// TestMetricsFileGoes: figures of a daemon that has ended are not left behind, and
// a directory that is not there costs one line of the log.
func TestMetricsFileGoes(t *testing.T) {
	var said strings.Builder
	log := slog.New(slog.NewTextHandler(&said, nil))
	dir := t.TempDir()
	for _, file := range []string{filepath.Join(dir, "netmond.prom"), filepath.Join(dir, "nowhere", "netmond.prom")} {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error)
		asked := make(chan struct{}, 1)
		go func() {
			done <- writeMetrics(ctx, file, func() string { asked <- struct{}{}; return "a 1\n" }, log)
		}()
		<-asked
		if !strings.Contains(file, "nowhere") {
			for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
				if b, err := os.ReadFile(file); err == nil && string(b) == "a 1\n" {
					break
				}
				if time.Now().After(end) {
					t.Fatal("the file is not written")
				}
			}
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("writeMetrics ends with %v", err)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
			t.Errorf("left behind: %v, %v", entries, err)
		}
	}
	if n := strings.Count(said.String(), "metrics not written"); n != 1 {
		t.Errorf("the log says\n%s", said.String())
	}
}

// TestMetricsFileIsForCollectors, which are other users, under the unit's umask.
func TestMetricsFileIsForCollectors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "netmond.prom")
	defer syscall.Umask(syscall.Umask(0o077))
	if err := replaceFile(file, "a 1\n"); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("the file is %v, %v, want 0644", info.Mode(), err)
	}
}

// TestMetricsFileFollowsNoLink that another has put where the next text is written.
func TestMetricsFileFollowsNoLink(t *testing.T) {
	dir := t.TempDir()
	file, victim := filepath.Join(dir, "netmond.prom"), filepath.Join(dir, "victim")
	if err := os.WriteFile(victim, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, file+".new"); err != nil {
		t.Fatal(err)
	}
	if err := replaceFile(file, "a 1\n"); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{victim: "mine", file: "a 1\n"} {
		if b, err := os.ReadFile(name); err != nil || string(b) != want {
			t.Errorf("%s holds %q, %v, want %q", name, b, err, want)
		}
	}
}
