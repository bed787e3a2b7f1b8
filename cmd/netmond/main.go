// Command netmond keeps a copy of the kernel's routing state, closes the
// connections of the device whose path has died, and tells everyone.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"sort"
	"strings"
	"syscall"

	"github.com/netmond/netmond/cpd"

	"github.com/netmond/netmond/internal/view"
)

// version and commit are set by the linker.
var (
	version = "0.0.0-dev"
	commit  = ""
)

// Exit codes (but of check).
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// usageError is a mistake on the command line or in the configuration.
type usageError struct{ error }

// exitError is an error that has been told already, with the code to exit with.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit %d", int(e)) }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	var code exitError
	switch {
	case err == nil:
		os.Exit(exitDone)
	case errors.As(err, &code):
		os.Exit(int(code))
	}
	fmt.Fprintf(os.Stderr, "netmond: %v\n", err)
	if errors.As(err, new(usageError)) {
		os.Exit(exitUsage)
	}
	os.Exit(exitFailed)
}

// command is a subcommand.
type command struct {
	operands string // for the usage line
	does     string
	run      func(ctx context.Context, c *invocation) error
}

// invocation is one call of a command.
type invocation struct {
	name           string
	command        command
	args           []string // what follows the command's name
	stdout, stderr io.Writer
}

func commands() map[string]command {
	return map[string]command{
		"run":     {"", "run the daemon, in the foreground", runDaemon},
		"status":  {"", "uplinks, the Internet behind each, what was closed and how", runStatus},
		"events":  {"", "follow the bus", runEvents},
		"routes":  {"", "the routing table", runRoutes},
		"lookup":  {"DST", "the route that DST takes, and why", runLookup},
		"flows":   {"", "the device's TCP connections, and what would close each", runFlows},
		"why":     {"LOCAL REMOTE", "the verdict on one connection, step by step", runWhy},
		"check":   {"", "check for captive portals now", runCheck},
		"send":    {"CLASS JSON", "publish a message on the bus", runSend},
		"metrics": {"", "figures in Prometheus's text format", runMetrics},
		"version": {"", "version, commit, Go, system", runVersion},
	}
}

// run runs the command that args name.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		usage(stderr)
		return exitError(exitUsage)
	}
	name := args[0]
	switch name {
	case "-version", "--version":
		fmt.Fprintln(stdout, version)
		return nil
	case "-h", "-help", "--help", "help":
		usage(stdout)
		return nil
	}
	cmd, ok := commands()[name]
	if !ok {
		return usageError{fmt.Errorf("%q is no command: %s; netmond -h tells more", name, strings.Join(commandNames(), ", "))}
	}
	return cmd.run(ctx, &invocation{name: name, command: cmd, args: args[1:], stdout: stdout, stderr: stderr})
}

func commandNames() []string {
	var names []string
	for n := range commands() {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

func usage(w io.Writer) {
	fmt.Fprint(w, "netmond closes the connections whose path has died, and tells everyone.\n\nUsage: netmond COMMAND [FLAGS]\n\n")
	for _, n := range commandNames() {
		fmt.Fprintf(w, "  %-8s %-13s %s\n", n, commands()[n].operands, commands()[n].does)
	}
	fmt.Fprint(w, "\nnetmond COMMAND -h tells a command's flags; netmond --version its version.\n")
}

// build is what the linker, or the module's own build data, says of this program.
func build() view.Build {
	b := view.Build{Version: version, Commit: commit, TLS: cpd.HasTLS}
	if b.Commit != "" {
		return b
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				b.Commit = s.Value
			}
		}
	}
	return b
}
