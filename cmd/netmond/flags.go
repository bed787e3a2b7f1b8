package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

// newFlags makes a command's flag set. Errors and usage are ours to print.
func (c *invocation) newFlags() *flag.FlagSet {
	fs := flag.NewFlagSet(c.name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	return fs
}

// parse parses flags before, between and after the operands, of which there must
// be n. -h prints the command's usage and ends it.
func (c *invocation) parse(fs *flag.FlagSet, n int) ([]string, error) {
	var operands []string
	args := c.args
	for {
		err := fs.Parse(args)
		if errors.Is(err, flag.ErrHelp) {
			c.help(fs)
			return nil, exitError(exitDone)
		}
		if err != nil {
			return nil, usageError{fmt.Errorf("%s: %w; netmond %s -h tells the flags", c.name, err, c.name)}
		}
		rest := fs.Args()
		if len(rest) == 0 {
			break
		}
		if len(rest) < len(args) && args[len(args)-len(rest)-1] == "--" {
			operands = append(operands, rest...)
			break
		}
		operands = append(operands, rest[0])
		args = rest[1:]
	}
	if len(operands) == n {
		return operands, nil
	}
	if len(operands) > n {
		return nil, usageError{fmt.Errorf("%s: %q is one operand too many; usage: netmond %s", c.name, operands[n], c.line())}
	}
	return nil, usageError{fmt.Errorf("%s: operand missing; usage: netmond %s", c.name, c.line())}
}

func (c *invocation) line() string {
	return strings.TrimSpace(c.name + " [FLAGS] " + c.command.operands)
}

func (c *invocation) help(fs *flag.FlagSet) {
	fmt.Fprintf(c.stdout, "netmond %s: %s\n\nUsage: netmond %s\n\n", c.name, c.command.does, c.line())
	fs.SetOutput(c.stdout)
	fs.PrintDefaults()
}

// systemSocket is where root's daemon is, and that of the service.
const systemSocket = "/var/run/netmond/netmond.sock"

// socketPath is where a daemon of this user has its local API by default.
func socketPath() string {
	if os.Geteuid() != 0 {
		if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
			return dir + "/netmond.sock"
		}
	}
	return systemSocket
}

// askedSocket is where a daemon is asked by default: this user's, or else the system's.
func askedSocket() string {
	if path := socketPath(); exists(path) {
		return path
	}
	return systemSocket
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// stringList is a flag that may be given several times. A value from the command
// line replaces those from the configuration.
type stringList struct {
	values []string
	check  func(string) error
}

func (l *stringList) String() string {
	if l == nil {
		return ""
	}
	return strings.Join(l.values, " ")
}

func (l *stringList) Set(s string) error {
	if l.check != nil {
		if err := l.check(s); err != nil {
			return err
		}
	}
	l.values = append(l.values, s)
	return nil
}

// checked is a string flag whose value must pass a check.
type checked struct {
	value string
	check func(string) error
}

func (c *checked) String() string {
	if c == nil {
		return ""
	}
	return c.value
}

func (c *checked) Set(s string) error {
	if err := c.check(s); err != nil {
		return err
	}
	c.value = s
	return nil
}
