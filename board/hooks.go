package board

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// Hooks
//
// Every executable in a directory runs on every event, with the message in its
// environment (Event.Env) and, as one line of JSON, on its standard input. No part of a
// message becomes part of a command line.
//
// A hook is somebody else's code, run as root by a daemon that has to live. So
// it runs alone (one process a script, events behind it queue), not for long (Timeout,
// then its process group is killed), not unheard (each line of its output goes to the
// log, up to a limit), and only if nobody but root can have written it. A queue that is
// full drops its oldest event: scripts want the state as it is, and NETMOND_LOST tells
// the next run how many it missed.
//
// One goroutine, Run's, owns the queues; each running script has one that
// waits for it and reports back.

// Hooks runs the scripts of a directory. The zero value has none. Its fields are
// not to be changed while Run runs.
type Hooks struct {
	// Dir is read anew for each event; it need not exist.
	Dir string

	// Timeout is what one run of one script may take; 0 means 10 seconds.
	Timeout time.Duration

	// Log takes the scripts' output and failures; nil discards them.
	Log Logger
}

// Logger is what Hooks need of a *slog.Logger. It is named here since the import
// of log/slog would cost a small program 90 KB of flash.
type Logger interface {
	Info(msg string, args ...any)
	Warn(msg string, args ...any)
}

// discard is the Logger of who has none.
type discard struct{}

func (discard) Info(string, ...any) {}
func (discard) Warn(string, ...any) {}

const (
	defaultTimeout = 10 * time.Second

	// maxQueue is how many events wait for one script. More would only be older.
	maxQueue = 64

	// maxScripts is how many scripts of a directory run, the first by name.
	maxScripts = 32

	// pipeGrace is how long a process that left the script's group may hold the
	// output open after the script. Longer would delay the next event and the
	// daemon's own end.
	pipeGrace = 250 * time.Millisecond

	// hookPath is the PATH of hooks: the daemon's own may be anything.
	hookPath = "/usr/sbin:/usr/bin:/sbin:/bin"
)

// Run runs the hooks for each event until ctx ends, which kills the scripts that are
// running, or events is closed, which lets them finish with all that is queued. It
// always takes from events at once. When it returns, no script runs.
func (h *Hooks) Run(ctx context.Context, events <-chan Event) {
	r := hookRun{
		Hooks:   *h,
		self:    uint32(os.Geteuid()),
		scripts: make(map[string]*script),
		said:    make(map[string]string),
		done:    make(chan string),
	}
	r.Timeout = cmp.Or(r.Timeout, defaultTimeout)
	if r.Log == nil {
		r.Log = discard{}
	}
	ended := ctx.Done()
	for events != nil || len(r.scripts) > 0 {
		select {
		case <-ended:
			ended, events = nil, nil
			for _, s := range r.scripts {
				s.queue = nil
			}
		case e, ok := <-events:
			if !ok {
				events = nil
				break
			}
			r.queue(ctx, e)
		case name := <-r.done:
			r.next(ctx, name)
		}
	}
}

// hookRun is the state of one Run, and its goroutine's own.
type hookRun struct {
	Hooks
	self    uint32             // effective uid
	scripts map[string]*script // those that run now
	said    map[string]string  // name to the complaint last logged of it
	done    chan string        // names of scripts that have ended
}

// A script runs once and has events waiting.
type script struct {
	queue []Event
	lost  uint64 // dropped since the last run began
}

// queue gives e to every hook.
func (r *hookRun) queue(ctx context.Context, e Event) {
	names, err := hooksIn(r.Dir)
	r.complain("", err)
	listed := make(map[string]bool, len(names))
	for _, name := range names {
		listed[name] = true
		s := r.scripts[name]
		if s == nil {
			if r.start(ctx, name, e, 0) {
				r.scripts[name] = new(script)
			}
			continue
		}
		if len(s.queue) == maxQueue {
			s.queue = s.queue[1:]
			s.lost++
		}
		s.queue = append(s.queue, e)
	}
	for name := range r.said {
		if name != "" && !listed[name] {
			delete(r.said, name)
		}
	}
}

// next starts name, which has ended, on the next event that waits for it.
func (r *hookRun) next(ctx context.Context, name string) {
	s := r.scripts[name]
	for len(s.queue) > 0 && ctx.Err() == nil {
		e := s.queue[0]
		s.queue = s.queue[1:]
		if r.start(ctx, name, e, s.lost) {
			s.lost = 0
			return
		}
	}
	delete(r.scripts, name)
}

// start runs a script on one event, if it may run.
func (r *hookRun) start(ctx context.Context, name string, e Event, lost uint64) bool {
	err := trusted(r.Dir, name, r.self)
	if errors.Is(err, fs.ErrNotExist) {
		return false // removed since it was listed
	}
	r.complain(name, err)
	if err != nil {
		return false
	}
	if lost > 0 {
		r.Log.Warn("hook too slow", "hook", name, "lost", lost)
	}
	go func() {
		out := &lineLog{log: r.Log, hook: name}
		if err := runScript(ctx, filepath.Join(r.Dir, name), e, lost, r.Timeout, out); err != nil {
			r.Log.Warn("hook failed", "hook", name, "class", e.Class, "seq", e.Seq, "err", err)
		}
		r.done <- name
	}()
	return true
}

// complain logs what is wrong with a file, or with the directory where name is
// empty, once, and again only if it becomes another complaint.
func (r *hookRun) complain(name string, err error) {
	if err == nil {
		delete(r.said, name)
		return
	}
	if text := err.Error(); r.said[name] != text {
		r.said[name] = text
		r.Log.Warn("hook refused", "hook", filepath.Join(r.Dir, name), "err", text)
	}
}

// runScript runs path once and returns how it ended.
func runScript(ctx context.Context, path string, e Event, lost uint64, timeout time.Duration, out *lineLog) error {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, errors.New("killed: not done within "+timeout.String()))
	defer cancel()
	cmd := &exec.Cmd{
		Path:      path,
		Args:      []string{path},
		Dir:       "/",
		Env:       append(e.Env(), "PATH="+hookPath),
		Stdin:     bytes.NewReader(append(bytes.Clone(e.Msg), '\n')),
		Stdout:    out,
		Stderr:    out,
		WaitDelay: pipeGrace,
	}
	if lost > 0 {
		cmd.Env = append(cmd.Env, "NETMOND_LOST="+strconv.FormatUint(lost, 10))
	}
	if err := start(cmd); err != nil {
		return err
	}
	err := await(ctx, cmd)
	out.flush()
	if errors.Is(err, exec.ErrWaitDelay) {
		// The script itself ended well; what it left behind was cut off.
		return nil
	}
	return err
}
