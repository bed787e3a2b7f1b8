package smd

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"strconv"
	"time"
)

const (
	// maxClients bounds what the daemon spends on clients: descriptors, of
	// which a process may have 1024 or 4096, and some 16 KiB of memory each.
	maxClients = 1024

	// maxClientsOfUser keeps one unprivileged user from taking them all.
	maxClientsOfUser = maxClients / 8

	// sendBuffer is the kernel's memory for what a client has not read yet, in
	// bytes; the kernel doubles it. Its default of 208 KiB times maxClients is
	// more than a router has.
	sendBuffer = 32 << 10
)

// Verb answers one kind of request.
type Verb struct {
	// Run answers req, the whole line of the client. It may stream with item
	// before it returns the value of ok; an error of item means that the client
	// is gone, and ends Run. Values are marshalled like those of Bus.Publish.
	// ctx ends with the client and with the server. Called from the client's
	// goroutine, so any number of them at once.
	Run func(ctx context.Context, req json.RawMessage, item func(any) error) (any, error)

	// Costly verbs are limited to a rate for each user.
	Costly bool
}

// Server serves a bus and verbs to the clients of a Unix socket. Bus must be
// set; the zero value of the rest is described there. The fields must not
// change while Serve runs.
type Server struct {
	Bus *Bus

	// Verbs has the requests by their name in "do". events and send are the
	// server's own.
	Verbs map[string]Verb

	// Snapshot returns the state that a client of events starts from, at least
	// as new as every message published before the call; nil for {}. Called from
	// any goroutine.
	Snapshot func() any

	// Sent is told of each message a client sent, after it was published. Nil
	// for nobody. Called from any goroutine.
	Sent func(Class, json.RawMessage)

	// Group is the name or number of the group whose members may send, besides
	// root and the user the daemon runs as. Serve gives the socket to it. If
	// empty, the group that owns the socket file stands.
	Group string

	// Log gets what clients do at level Debug and trouble at Warn; nil for none.
	Log Logger

	stall time.Duration // writeTimeout if 0; tests have less patience
}

// Logger is what a Server needs of a *slog.Logger. It is named here since the
// import of log/slog would cost a small program 90 KB of flash.
type Logger interface {
	Debug(msg string, args ...any)
	Warn(msg string, args ...any)
}

// peer is who connected.
type peer struct{ uid, gid uint32 }

// server is a Server at work; immutable but for costs.
type server struct {
	*Server
	log   Logger
	path  string // of the socket
	stall time.Duration
	costs limits
}

// Serve answers the clients of l, which comes from Listen, until ctx ends; then
// it closes l, writes to the clients of events what they have not had, within a
// quarter of a second, and returns nil with all clients gone.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	defer l.Close()
	srv := server{
		Server: s,
		log:    cmp.Or[Logger](s.Log, discard{}),
		path:   l.Addr().String(),
		stall:  cmp.Or(s.stall, writeTimeout),
		costs:  newLimits(),
	}
	if err := srv.own(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, func() { l.Close() })()

	conns := make(chan *net.UnixConn)
	failed := make(chan error, 1)
	go func() {
		defer close(conns)
		failed <- srv.accept(ctx, l, conns)
	}()

	// This goroutine alone counts the clients.
	total, users := 0, map[uint32]int{}
	gone := make(chan peer)
	leave := func(p peer) {
		total--
		if users[p.uid]--; users[p.uid] == 0 {
			delete(users, p.uid)
		}
	}
	for open := true; open; {
		select {
		case p := <-gone:
			leave(p)
		case c, ok := <-conns:
			if open = ok; !ok {
				break
			}
			p, err := peerOf(c)
			if err == nil {
				err = srv.admit(p, total, users[p.uid])
			}
			if err != nil {
				srv.turnAway(c, err)
				break
			}
			total++
			users[p.uid]++
			go func() {
				srv.session(ctx, c, p)
				gone <- p
			}()
		}
	}
	err := <-failed
	cancel()
	for total > 0 {
		leave(<-gone)
	}
	return err
}

// own gives the socket to Group.
func (s *server) own() error {
	if s.Group == "" {
		return nil
	}
	id := s.Group
	if _, err := strconv.ParseUint(id, 10, 32); err != nil {
		g, err := user.LookupGroup(id)
		if err != nil {
			return fmt.Errorf("smd: serve: %w", err)
		}
		id = g.Gid
	}
	gid, err := strconv.Atoi(id)
	if err == nil {
		err = os.Chown(s.path, -1, gid)
	}
	if err != nil {
		return fmt.Errorf("smd: serve: %w", err)
	}
	return nil
}

// accept hands on connections until l closes. It returns nil if ctx closed it.
// Other errors pass, such as a want of descriptors.
func (s *server) accept(ctx context.Context, l net.Listener, conns chan<- *net.UnixConn) error {
	for {
		c, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				c.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("smd: serve: %w", err)
		case err != nil:
			s.log.Warn("client not accepted", "err", err)
			wait(ctx, time.Second)
			continue
		}
		u, ok := c.(*net.UnixConn)
		if !ok {
			c.Close()
			return fmt.Errorf("smd: serve: %s is no Unix socket", l.Addr())
		}
		select {
		case conns <- u:
		case <-ctx.Done():
			c.Close()
			return nil
		}
	}
}

// admit says why p may not be a client, with so many there already.
func (s *server) admit(p peer, total, ofUser int) error {
	switch {
	case total >= maxClients:
		return fmt.Errorf("smd: %d clients are connected, the most there may be: try again later", maxClients)
	case ofUser >= maxClientsOfUser && !privileged(p):
		return fmt.Errorf("smd: %d clients of user %d are connected, the most one may have: close some", ofUser, p.uid)
	}
	return nil
}

// turnAway tells why and closes. The line fits the empty buffer of a new
// connection, so the deadline is never reached.
func (s *server) turnAway(c *net.UnixConn, why error) {
	s.log.Debug("client turned away", "err", why)
	c.SetWriteDeadline(time.Now().Add(time.Second))
	c.Write(appendAnswer(nil, nil, "error", appendString(nil, why.Error())))
	c.Close()
}

// privileged reports whether p is root or the user the daemon runs as.
func privileged(p peer) bool { return p.uid == 0 || int(p.uid) == os.Geteuid() }

// maySend says why the peer of c may not send; nil if it may.
func (s *server) maySend(c *net.UnixConn, p peer) error {
	if privileged(p) {
		return nil
	}
	group, err := fileGroup(s.path)
	if err != nil {
		return fmt.Errorf("smd: send: %w", err)
	}
	if p.gid == group {
		return nil
	}
	groups, err := peerGroups(c)
	if err != nil {
		return fmt.Errorf("smd: send: %w", err)
	}
	for _, g := range groups {
		if g == group {
			return nil
		}
	}
	return fmt.Errorf("smd: send: not allowed for user %d: only for root and members of group %d", p.uid, group)
}

// wait returns after d, or when ctx ends.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// discard is the Logger of who has none.
type discard struct{}

func (discard) Debug(string, ...any) {}
func (discard) Warn(string, ...any)  {}
