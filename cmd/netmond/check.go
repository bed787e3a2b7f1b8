package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"time"

	"github.com/netmond/netmond/cpd"

	"github.com/netmond/netmond/internal/daemon"
	"github.com/netmond/netmond/internal/log"
	"github.com/netmond/netmond/internal/view"
)

// Exit codes of check: the best uplink's result, or what stood in the way.
const (
	checkOK         = 0
	checkCaptive    = 1
	checkNoInternet = 2
	checkUnknown    = 3
	checkUsage      = 64
	checkFailed     = 70
)

func runCheck(ctx context.Context, c *invocation) error {
	err := c.check(ctx)
	var code exitError
	switch {
	case err == nil || errors.As(err, &code):
		return err
	case errors.As(err, new(usageError)):
		fmt.Fprintf(c.stderr, "netmond: %v\n", err)
		return exitError(checkUsage)
	}
	fmt.Fprintf(c.stderr, "netmond: %v\n", err)
	return exitError(checkFailed)
}

// check asks the daemon, unless it is told to probe otherwise than the daemon
// does; then, and where none runs, it probes itself.
func (c *invocation) check(ctx context.Context) error {
	fs := c.newFlags()
	var q queryFlags
	q.register(fs)
	dev := fs.String("dev", "", "the uplink's `link`; all of them without")
	var o options
	o.registerProbes(fs)
	if _, err := c.parse(fs, 0); err != nil {
		return err
	}
	if o.timeout < time.Millisecond {
		return usageError{fmt.Errorf("-probe-timeout %s: at least 1ms", o.timeout)}
	}
	if err := validLink(*dev); err != nil {
		return usageError{fmt.Errorf("-dev %w", err)}
	}
	own := false
	fs.Visit(func(f *flag.Flag) { own = own || f.Name == "probe" || f.Name == "probe-timeout" || f.Name == "capport" })
	var list []view.Check
	ok := false
	if !own {
		var err error
		request := map[string]any{"do": "check", "dev": *dev}
		if ok, err = ask(ctx, q.socket, request, &list); err != nil {
			return err
		}
	}
	if !ok {
		t, err := readTable(ctx)
		if err != nil {
			return err
		}
		check := newChecker(&o, log.Discard{})
		check.netifd = askNetifd
		done, err := daemon.CheckUplinks(ctx, t, daemon.Uplinks(t), *dev, check.run)
		if err != nil {
			return err
		}
		list = daemon.Checks(done)
	}
	if err := c.printChecks(list, q.json); err != nil {
		return err
	}
	if code := checkCode(list); code != checkOK {
		return exitError(code)
	}
	return nil
}

func (c *invocation) printChecks(list []view.Check, json bool) error {
	if json {
		return printJSON(c.stdout, list)
	}
	_, err := fmt.Fprint(c.stdout, view.Checks(list, c.paint()))
	return err
}

// checkCode is the best result's exit code. Without an uplink there is no
// Internet.
func checkCode(list []view.Check) int {
	if len(list) == 0 {
		return checkNoInternet
	}
	best := checkUnknown
	for _, v := range list {
		code := checkUnknown
		switch v.Result {
		case cpd.OK.String():
			code = checkOK
		case cpd.Captive.String():
			code = checkCaptive
		case cpd.NoInternet.String():
			code = checkNoInternet
		}
		best = min(best, code)
	}
	return best
}
