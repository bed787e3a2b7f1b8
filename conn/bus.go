package conn

import (
	"bufio"
	"bytes"
	"context"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/netmond/netmond/internal/minijson"
)

// A daemon's word closes nothing here. It is believed about connections that the
// kernel has ended already: then it is the reason. So whoever speaks on the socket,
// of whichever connection that had the same addresses, does no harm.

// daemon is a connection to the daemon's socket, behind the first line of events.
type daemon struct {
	conn  net.Conn
	lines *bufio.Scanner
	epoch string // the daemon's life
	rung  Rung   // by which it closes
}

func (d *daemon) close() { _ = d.conn.Close() }

const (
	// daemonPatience bounds the wait for the daemon's first line. Longer, and one
	// that hangs keeps a program from following the routes by itself.
	daemonPatience = time.Second

	// abortPatience and resetPatience bound how long an error waits for its reason,
	// which the daemon tells once the connection has ended. Longer, and other people's
	// resets take as long; shorter, and a busy machine loses the reason.
	abortPatience = time.Second
	resetPatience = 100 * time.Millisecond

	maxDaemonLine = 1 << 20
)

// daemonSockets are where a daemon may be listening.
func (r *Registry) daemonSockets() []string {
	switch r.Daemon {
	case "":
	case "-":
		return nil
	default:
		return []string{r.Daemon}
	}
	paths := []string{"/var/run/netmond/netmond.sock"}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		paths = append(paths, dir+"/netmond.sock")
	}
	return paths
}

// findDaemon connects to a daemon that does all that Follow would do alone; nil
// where there is none.
func (r *Registry) findDaemon(ctx context.Context) *daemon {
	for _, path := range r.daemonSockets() {
		if d := dialDaemon(ctx, path); d != nil {
			return d
		}
	}
	return nil
}

func dialDaemon(ctx context.Context, path string) *daemon {
	dialer := net.Dialer{Timeout: daemonPatience}
	c, err := dialer.DialContext(ctx, "unix", path)
	if err != nil {
		return nil
	}
	d := &daemon{conn: c, lines: bufio.NewScanner(c)}
	d.lines.Buffer(nil, maxDaemonLine)
	c.SetDeadline(time.Now().Add(daemonPatience))
	defer c.SetDeadline(time.Time{})
	defer context.AfterFunc(ctx, d.close)()
	if _, err := c.Write([]byte(`{"do":"events","class":"network"}` + "\n")); err != nil || !d.lines.Scan() || !d.greeted() {
		d.close()
		return nil
	}
	return d
}

// greeted reads the daemon's state and says whether it will do: its table is
// complete, and it closes what it finds stranded in this network namespace.
func (d *daemon) greeted() bool {
	var first struct {
		Epoch    string
		Snapshot struct {
			State string
			NetNS string
			Close closing
		}
	}
	if minijson.Unmarshal(d.lines.Bytes(), &first) != nil {
		return false
	}
	s := &first.Snapshot
	netns, err := os.Readlink("/proc/self/ns/net")
	d.epoch, d.rung = first.Epoch, s.Close.rung()
	return err == nil && s.NetNS == netns && (s.State == "OPERATIONAL" || s.State == "RESYNC") && d.epoch != "" && d.rung != Advisory
}

// closing is what a daemon does to stranded flows, and how.
type closing struct{ Mode, Rung string }

// rung is the rung by which all stranded flows are closed; Advisory where some are
// not.
func (c closing) rung() Rung {
	for r := Pidfd; r <= Destroy && c.Mode == AllReasons.String(); r++ {
		if r.String() == c.Rung {
			return r
		}
	}
	return Advisory
}

// listen takes the reasons from a daemon until it ends, or no longer closes all.
func (r *Registry) listen(ctx context.Context, d *daemon) {
	defer d.close()
	defer context.AfterFunc(ctx, d.close)()
	r.endsBy.Store(uint32(d.rung))
	defer r.endsBy.Store(uint32(Advisory))
	for d.lines.Scan() {
		line := d.lines.Bytes()
		if !bytes.Contains(line, []byte(`"type":`)) {
			continue // a route, which there are many of
		}
		var m struct {
			Msg struct {
				Type, Act, Local, Remote, Reason, Was, For string
				closing
			}
		}
		if minijson.Unmarshal(line, &m) != nil {
			continue
		}
		switch m := &m.Msg; {
		case m.Type == "close":
			rung := m.closing.rung()
			if rung == Advisory {
				return
			}
			r.endsBy.Store(uint32(rung))
		case m.Type == "flow" && m.For == "" && m.Act == "closed":
			r.ended(ctx, m.Local, m.Remote, m.Reason, m.Was)
		}
	}
}

// ended gives a connection that the daemon has ended its reason.
func (r *Registry) ended(ctx context.Context, local, remote, reason, was string) {
	var p pair
	var err error
	if p.local, err = netip.ParseAddrPort(local); err != nil {
		return
	}
	if p.remote, err = netip.ParseAddrPort(remote); err != nil {
		return
	}
	reasons, err := ParseReasons(reason)
	if err != nil {
		return
	}
	r.mu.Lock()
	t := r.pairs[p]
	r.mu.Unlock()
	if t == nil || !isOver(t.Conn) {
		return // it is another that has the addresses now
	}
	for why := NoRoute; why <= Rerouted; why++ {
		if reasons.Has(why) {
			_ = r.Close(ctx, t.flow, Cause{Reason: why, Was: was})
			return
		}
	}
}

// awaitCause waits for the reason of an end that looks like the daemon's doing.
func (t *tracked) awaitCause(patience time.Duration) {
	if patience == 0 {
		return
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-t.closed:
	case <-timer.C:
	}
}
