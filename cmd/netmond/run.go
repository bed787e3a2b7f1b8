package main

import (
	"context"
	"errors"
	"net"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/netmond/netmond/board"
	"github.com/netmond/netmond/rtnl"
	"github.com/netmond/netmond/smd"

	"github.com/netmond/netmond/internal/daemon"
	"github.com/netmond/netmond/internal/log"
	"github.com/netmond/netmond/internal/resident"
	"github.com/netmond/netmond/internal/ubus"
	"github.com/netmond/netmond/internal/view"
)

// runDaemon is netmond run: it constructs each part once and runs them.
func runDaemon(ctx context.Context, c *invocation) error {
	// Before all else: one that comes while the daemon starts would end it.
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	o, err := c.options()
	if err != nil {
		return err
	}
	pacer := resident.Pace(os.LookupEnv)
	log := newLogger(c.stderr, o)
	listener, err := smd.Listen(o.socket)
	if err != nil {
		return err
	}
	defer listener.Close()

	closers, err := openClosers(ctx, o, log)
	if err != nil {
		return err
	}
	defer closers.shut()
	netns, _ := os.Readlink("/proc/self/ns/net") // for those who want to know whether it is theirs
	notifier, err := board.NewNotifier(os.Getenv, os.Getpid())
	if err != nil {
		log.Warn("init system not told", "err", err)
	}
	var notify daemon.Notifier // nil where nobody is to be told, which spares making the text
	if notifier != nil {
		notify = notifier
	}
	watcher := &rtnl.Watcher{}
	check := newChecker(o, log)
	d := daemon.New(daemon.Deps{
		Watch:    watcher.Watch,
		Resync:   watcher.Resync,
		Resyncs:  watcher.Resyncs,
		Sweepers: closers.sweepers,
		Settle:   o.settle,
		Check:    check.run,
		LinkLost: func(ifindex uint32) { check.adverts.set(int(ifindex), "") },
		Interval: o.interval,
		Rest:     pacer.Release,
		Bus:      smd.NewBus(smd.Options{}),
		Notify:   notify,
		Log:      log,
		Closing:  func() view.Close { return closers.closing(ctx) },
		NetNS:    netns,
		Build:    build(),
		Board:    board.Detect(os.DirFS("/")),
		Flows:    deviceFlows,
	})
	closers.changed = d.ClosingChanged
	p := &parts{log: log, daemon: d, closers: closers, check: check, notifier: notifier, options: o, invocation: c, hup: hup, gone: make(chan struct{}, 2)}
	return p.serve(ctx, listener)
}

// parts is what runs beside the daemon's loop.
type parts struct {
	log        log.Logger
	daemon     *daemon.Daemon
	closers    *closers
	check      *checker
	notifier   *board.Notifier
	options    *options
	invocation *invocation
	hup        <-chan os.Signal
	shows      bool // the board was started
	followers  atomic.Int32
	gone       chan struct{} // from each follower at its end
}

// lastWords is how long scripts have to hear of the daemon's end. The whole end takes a
// second at most.
const lastWords = 500 * time.Millisecond

// follower makes f one that is waited for at the end: it ends by itself with the
// daemon's last message.
func (p *parts) follower(f func(context.Context) error) func(context.Context) error {
	p.followers.Add(1)
	return func(ctx context.Context) error {
		defer func() { p.gone <- struct{}{} }()
		return f(ctx)
	}
}

// goodbye waits until the followers have heard of the daemon's end.
func (p *parts) goodbye() {
	timer := time.NewTimer(lastWords)
	defer timer.Stop()
	for n := p.followers.Load(); n > 0; n-- {
		select {
		case <-p.gone:
		case <-timer.C:
			return
		}
	}
}

// isLast reports whether m is the daemon's last message. A client may send the same
// words before.
func isLast(d *daemon.Daemon, m smd.Message) bool {
	return m.Class == smd.System && string(m.Payload) == `{"state":"STOPPING"}` && d.State().Phase == daemon.Stopping
}

// serve runs the daemon with its API and its board until ctx ends or one of them
// fails. What serves others ends after the daemon, so that they hear of its end.
func (p *parts) serve(ctx context.Context, l net.Listener) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	start := func(f func(context.Context) error) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			if err := f(work); err != nil && !errors.Is(err, context.Canceled) {
				fail(err)
			}
		}()
	}
	d := p.daemon
	server := &smd.Server{Bus: d.Bus, Verbs: d.Verbs(), Snapshot: func() any { return d.Status() }, Sent: d.Sent, Log: p.log}
	start(func(ctx context.Context) error { return server.Serve(ctx, l) })
	start(p.followRouters)
	p.startBoard(start)
	start(func(ctx context.Context) error { return p.reload(ctx, start) })
	if o := newOpenWrt(ubus.DefaultPath, d, p.log); o != nil {
		p.check.netifd = interfaces(o.client.Call)
		start(p.follower(o.hotplug))
		start(o.run)
	}
	if p.options.metrics != "" {
		start(func(ctx context.Context) error { return writeMetrics(ctx, p.options.metrics, d.Metrics, p.log) })
	}
	err := d.Run(ctx)
	_ = p.notifier.Stopping() // the manager sees the end anyway
	p.goodbye()
	stop()
	wg.Wait()
	if cause := context.Cause(ctx); err == nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}

// followRouters checks the uplinks again when a router announces another captive
// portal API.
func (p *parts) followRouters(ctx context.Context) error {
	err := followAdverts(ctx, func(ifindex int, uri string) {
		if p.check.adverts.set(ifindex, uri) {
			p.daemon.CheckSoon()
		}
	})
	if ctx.Err() == nil {
		p.log.Info("router advertisements are not read", "err", err)
	}
	return nil
}

// reload reads the configuration again at each SIGHUP. What is known of routes
// and flows is kept; what cannot change while the daemon runs is named.
func (p *parts) reload(ctx context.Context, start func(func(context.Context) error)) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.hup:
		}
		_ = p.notifier.Reloading()
		o, err := p.invocation.options()
		if err != nil {
			p.log.Error("configuration not read; the old one stands", "err", err)
		} else {
			p.adopt(ctx, o)
			p.startBoard(start)
		}
		_ = p.notifier.Ready()
	}
}

// adopt makes new options count.
func (p *parts) adopt(ctx context.Context, o *options) {
	for _, name := range p.options.fixedChanges(o) {
		p.log.Warn("option changes at the next start only", "option", name)
	}
	p.options.level.Adopt(&o.level)
	p.check.set(o)
	p.closers.set(ctx, o)
	p.log.Info("configuration read again")
}

// writeMetrics writes the figures to file every 15 s, whole, by rename, as
// node_exporter's textfile collector wants them.
func writeMetrics(ctx context.Context, file string, text func() string, log log.Logger) error {
	ticker := time.NewTicker(15 * time.Second)
	defer ticker.Stop()
	defer os.Remove(file) // figures of a daemon that is gone mislead
	failed := false
	for {
		err := replaceFile(file, text())
		if err != nil && !failed {
			log.Warn("metrics not written", "err", err)
		}
		failed = err != nil
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// replaceFile makes file hold text, for everyone to read whatever the umask: the
// collector is another user. The directory may be one that others write to, as
// /tmp is: what they have put in the way is removed, not followed.
func replaceFile(file, text string) error {
	next := file + ".new"
	if err := os.Remove(next); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return os.Rename(next, file)
}
