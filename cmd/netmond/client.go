package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"net"
	"os"

	"github.com/netmond/netmond/board"
	"github.com/netmond/netmond/smd"

	"github.com/netmond/netmond/internal/daemon"
	"github.com/netmond/netmond/internal/minijson"
	"github.com/netmond/netmond/internal/view"
)

// The commands ask the daemon where one runs, and the kernel itself where none
// does, with the same code behind both.

// queryFlags are the flags of every query.
type queryFlags struct {
	socket string
	json   bool
}

func (q *queryFlags) register(fs *flag.FlagSet) {
	fs.StringVar(&q.socket, "socket", askedSocket(), "`path` of the daemon's local API")
	fs.BoolVar(&q.json, "json", false, "print JSON")
}

// ask sends one request to the daemon and decodes its answer into out. It
// answers false where no daemon runs.
func ask(ctx context.Context, socket string, request, out any) (bool, error) {
	c, err := smd.Dial(ctx, socket)
	if errors.Is(err, smd.ErrNoDaemon) {
		return false, nil
	}
	if err != nil {
		return true, err
	}
	defer c.Close()
	answer, err := c.Do(ctx, request)
	if err != nil {
		return true, err
	}
	return true, minijson.Unmarshal(answer, out)
}

// validLink checks the name of a link in an operand or flag, "" included: a daemon
// would refuse it too, but not as a mistake of usage.
func validLink(name string) error {
	if name == "" {
		return nil
	}
	if _, err := net.InterfaceByName(name); err != nil {
		return fmt.Errorf("%q: no such link", name)
	}
	return nil
}

// items streams the items of the daemon's answer. It answers false where no
// daemon runs.
func items[T any](ctx context.Context, socket string, request any) (iter.Seq2[T, error], bool, error) {
	c, err := smd.Dial(ctx, socket)
	if errors.Is(err, smd.ErrNoDaemon) {
		return nil, false, nil
	}
	if err != nil {
		return nil, true, err
	}
	return func(yield func(T, error) bool) {
		defer c.Close()
		for raw, err := range c.Stream(ctx, request) {
			var v T
			if err == nil {
				err = minijson.Unmarshal(raw, &v)
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}, true, nil
}

// printJSON prints one value on one line.
func printJSON(w io.Writer, v any) error {
	b, err := minijson.Marshal(v)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", b)
	return err
}

// printList prints a JSON array, an element a line, as the elements come.
func printList[T any](w io.Writer, list iter.Seq2[T, error]) error {
	sep := "["
	for v, err := range list {
		if err != nil {
			return err
		}
		b, err := minijson.Marshal(v)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "%s%s", sep, b); err != nil {
			return err
		}
		sep = ",\n"
	}
	if sep == "[" {
		_, err := fmt.Fprintln(w, "[]")
		return err
	}
	_, err := fmt.Fprintln(w, "]")
	return err
}

func runStatus(ctx context.Context, c *invocation) error {
	fs := c.newFlags()
	var q queryFlags
	q.register(fs)
	if _, err := c.parse(fs, 0); err != nil {
		return err
	}
	var answer struct {
		view.Status
		Board *board.Info `json:"board"`
	}
	ok, err := ask(ctx, q.socket, map[string]any{"do": "status"}, &answer)
	if err != nil {
		return err
	}
	s := answer.Status
	if answer.Board != nil {
		s.Board = *answer.Board
	}
	if !ok {
		t, err := readTable(ctx)
		if err != nil {
			return err
		}
		s = daemon.NewStatus(&daemon.State{Phase: "OFFLINE", Table: t, Uplinks: daemon.Uplinks(t)})
		s.Version = version
		s.Board = board.Detect(os.DirFS("/"))
		s.Close = view.Close{Mode: "none", Rung: "advisory", Why: "no daemon runs"}
	}
	if q.json {
		return printJSON(c.stdout, s)
	}
	_, err = fmt.Fprint(c.stdout, s.Text(c.paint()))
	return err
}

func runLookup(ctx context.Context, c *invocation) error {
	fs := c.newFlags()
	var q queryFlags
	q.register(fs)
	var from, oif string
	var mark, uid number
	fs.StringVar(&from, "from", "", "local `address` of the flow")
	fs.StringVar(&oif, "oif", "", "`link` that the socket is bound to")
	fs.Var(&mark, "mark", "firewall mark, decimal or 0x")
	fs.Var(&uid, "uid", "user `id` of the socket's owner")
	operands, err := c.parse(fs, 1)
	if err != nil {
		return err
	}
	var v view.Lookup
	query := daemon.Query{Dst: operands[0], From: from, Oif: oif, Mark: uint32(mark), UID: uint32(uid)}
	if err := query.Validate(); err != nil {
		return usageError{err}
	}
	if err := validLink(oif); err != nil {
		return usageError{fmt.Errorf("-oif %w", err)}
	}
	request := map[string]any{"do": "lookup", "dst": query.Dst, "from": from, "oif": oif, "mark": query.Mark, "uid": query.UID}
	var raw json.RawMessage
	if q.json {
		ok, err := ask(ctx, q.socket, request, &raw)
		if err != nil {
			return err
		}
		if ok {
			return printJSON(c.stdout, raw)
		}
	}
	t, err := readTable(ctx)
	if err != nil {
		return err
	}
	resolved, err := query.Resolve(t)
	if err != nil {
		return usageError{err}
	}
	v = view.NewLookup(t, resolved)
	if q.json {
		return printJSON(c.stdout, v)
	}
	_, err = fmt.Fprint(c.stdout, v.Text())
	return err
}

func runWhy(ctx context.Context, c *invocation) error {
	fs := c.newFlags()
	var q queryFlags
	q.register(fs)
	operands, err := c.parse(fs, 2)
	if err != nil {
		return err
	}
	if _, _, err := daemon.ParsePair(operands[0], operands[1]); err != nil {
		return usageError{err}
	}
	var w view.Why
	ok, err := ask(ctx, q.socket, map[string]any{"do": "why", "local": operands[0], "remote": operands[1]}, &w)
	if err != nil {
		return err
	}
	if !ok {
		t, err := readTable(ctx)
		if err != nil {
			return err
		}
		if w, err = daemon.Why(ctx, t, deviceFlows(ctx), operands[0], operands[1]); err != nil {
			return err
		}
	}
	if q.json {
		return printJSON(c.stdout, w)
	}
	_, err = fmt.Fprint(c.stdout, w.Text())
	return err
}

func runSend(ctx context.Context, c *invocation) error {
	fs := c.newFlags()
	socket := fs.String("socket", askedSocket(), "`path` of the daemon's local API")
	operands, err := c.parse(fs, 2)
	if err != nil {
		return err
	}
	if _, err := smd.ParseClass(operands[0]); err != nil {
		return usageError{err}
	}
	if !minijson.Valid([]byte(operands[1])) {
		return usageError{fmt.Errorf("%q is not JSON", operands[1])}
	}
	var answer json.RawMessage
	return needDaemon(ask(ctx, *socket, map[string]any{"do": "send", "class": operands[0], "msg": json.RawMessage(operands[1])}, &answer))(*socket)
}

// needDaemon makes an error of the want of a daemon, for what only one can do.
func needDaemon(ok bool, err error) func(socket string) error {
	return func(socket string) error {
		if err == nil && !ok {
			return fmt.Errorf("no daemon at %s: start netmond run, or name its -socket", socket)
		}
		return err
	}
}

func runMetrics(ctx context.Context, c *invocation) error {
	fs := c.newFlags()
	socket := fs.String("socket", askedSocket(), "`path` of the daemon's local API")
	if _, err := c.parse(fs, 0); err != nil {
		return err
	}
	var text string
	if err := needDaemon(ask(ctx, *socket, map[string]any{"do": "metrics"}, &text))(*socket); err != nil {
		return err
	}
	_, err := fmt.Fprint(c.stdout, text)
	return err
}

func runVersion(_ context.Context, c *invocation) error {
	fs := c.newFlags()
	var q queryFlags
	q.register(fs)
	if _, err := c.parse(fs, 0); err != nil {
		return err
	}
	v := view.NewVersion(build())
	if q.json {
		return printJSON(c.stdout, v)
	}
	_, err := fmt.Fprintf(c.stdout, "netmond %s %s %s %s/%s\n", v.Version, v.Commit, v.Go, v.OS, v.Arch)
	return err
}
