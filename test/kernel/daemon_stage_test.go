//go:build linux

package kernel

import (
	"encoding/json"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// stage is the whole product at work in the topology: the daemon, one of its
// clients that follows the bus, a process of the device with connections, and
// the Internet that they lead to.
type stage struct {
	daemon   *process
	bus      *bus
	device   *talker
	internet *talker
	marks    uint32 // see informed
}

// port is where everyone listens.
const port = "443"

// stageWith starts the daemon with the given flags, at its defaults without, and
// the others. The topology and what prepares it must stand.
func stageWith(t testing.TB, flags ...string) *stage {
	t.Helper()
	guard(t)
	s := &stage{internet: talk(t, "peer"), device: talk(t, "")}
	s.internet.listen(t, ":"+port)
	s.device.listen(t, ":"+port)
	s.daemon, s.bus = runDaemon(t, flags...)
	return s
}

// newStage builds the topology and the stage in it.
func newStage(t testing.TB, flags ...string) *stage {
	t.Helper()
	topology(t)
	return stageWith(t, flags...)
}

// socketPath is where the daemon serves by default.
const socketPath = "/var/run/netmond/netmond.sock"

// runDaemon starts the daemon and a client that follows its bus, and waits until
// it has the table.
func runDaemon(t testing.TB, flags ...string) (*process, *bus) {
	t.Helper()
	d := netmond(t, "", append([]string{"run"}, flags...)...)
	eventually(t, "the daemon serves its socket", func() bool {
		select {
		case <-d.done:
			t.Fatalf("the daemon ended: %v\n%s", d.err, d.stderr)
		default:
		}
		c, err := net.Dial("unix", socketPath)
		if err != nil {
			return false
		}
		c.Close()
		return true
	})
	b := &bus{process: netmond(t, "", "events", "-json")}
	first := b.next(t)
	var now struct{ State string }
	if err := json.Unmarshal(first.Snapshot, &now); err != nil {
		t.Fatalf("the first line of the bus is %+v: %v", first, err)
	}
	if now.State != "OPERATIONAL" {
		b.await(t, "OPERATIONAL", func(m payload) bool { return m.State == "OPERATIONAL" })
	}
	return d, b
}

// closed waits until w has ended as an aborted connection does, and until the
// bus has said so, with the reason.
func (s *stage) closed(t testing.TB, w *wire, reason string) payload {
	t.Helper()
	end := w.aborted(t)
	if t.Failed() {
		t.Fatalf("at %v; the daemon says\n%s", end.At, s.daemon.stderr)
	}
	m := s.bus.flow(t, w)
	if m.Act != "closed" || m.Reason != reason || m.Proto != "tcp" {
		t.Errorf("the bus says %+v, want it closed for %s", m, reason)
	}
	return m
}

// untouched shows that none of the wires was closed for what has happened up to
// now. It waits for nothing by the clock: it strands a connection of its own,
// and when the daemon has closed that, it has decided on all that came before.
func (s *stage) untouched(t testing.TB, wires ...*wire) {
	t.Helper()
	do(t, "route add unreachable "+sentinelHost+" metric 4000",
		"route add "+sentinelHost+" via "+guardGateway)
	s.informed(t)
	w := s.device.dial(t, to(sentinelHost))
	do(t, "route del "+sentinelHost+" via "+guardGateway)
	s.closed(t, w, "no-route")
	do(t, "route del unreachable "+sentinelHost+" metric 4000")
	for _, w := range wires {
		w.echoes(t, "untouched")
	}
	if t.Failed() {
		t.Fatalf("the daemon says\n%s", s.daemon.stderr)
	}
}

// The sentinel has a link of its own, which no test touches, to a host of the
// Internet that nobody else speaks to.
const (
	sentinelHost = "203.0.113.254"
	guardAddr    = "203.0.113.241"
	guardGateway = "203.0.113.242"
)

// guard makes the sentinel's link.
func guard(t testing.TB) {
	t.Helper()
	do(t, "link add guard type veth peer name guarded netns peer",
		"-n peer address add "+guardGateway+"/30 dev guarded",
		"-n peer link set guarded up",
		"address add "+guardAddr+"/30 dev guard",
		"link set guard up")
	eventually(t, "the guard link is up", func() bool { return operational(t, "guard") })
}

// informed waits until the daemon knows of everything that ip has done.
func (s *stage) informed(t testing.TB) {
	t.Helper()
	s.marks++
	mark := fmt.Sprintf("unreachable 203.0.113.253 metric %d", s.marks)
	do(t, "route add "+mark, "route del "+mark)
	s.bus.await(t, mark, func(m payload) bool { return m.RT == "del" && m.Dst == "203.0.113.253" && m.Metric == s.marks })
}

// to is a call to a host of the Internet.
func to(host string) call {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return call{To: host + ":" + port}
}

// reset brings the topology back to how it was built: both uplinks up with their
// addresses, no routes but those. What a test adds beyond that (rules, links,
// more addresses) the commands undo take away.
func (s *stage) reset(t testing.TB, undo ...string) {
	t.Helper()
	err := doing(append(undo,
		"nexthop flush",
		"route flush table all proto boot",
		"-6 route flush table all proto boot",
		"link set wan0 up",
		"link set wan1 up",
		"-n peer link set peer0 up",
		"-n peer link set peer1 up",
		"-n peer address replace 2001:db8::1/64 dev peer0 nodad",
		"-n peer address replace 2001:db8:1::1/64 dev peer1 nodad",
		"address replace 192.0.2.2/25 dev wan0",
		"address replace 192.0.2.130/25 dev wan1",
		"address replace 2001:db8::2/64 dev wan0 nodad",
		"address replace 2001:db8:1::2/64 dev wan1 nodad",
		"route replace 192.0.2.0/25 dev wan0 proto kernel scope link src 192.0.2.2",
		"route replace 192.0.2.128/25 dev wan1 proto kernel scope link src 192.0.2.130",
	)...)
	if err != nil && !strings.Contains(err.Error(), "Cannot find device") {
		t.Log(err) // some had nothing to do
	}
	eventually(t, "both uplinks are as they were", func() bool { return operational(t, wan0, wan1) })
	// A search for the gateway that began without carrier fails the next call, too.
	_ = doing("neigh flush dev wan0", "neigh flush dev wan1")
	s.informed(t)
	s.bus.forget()
}

// command runs a netmond command, which must exit with code, and returns what it
// prints.
func command(t testing.TB, code int, args ...string) string {
	t.Helper()
	out, errs, got := commandCode(t, args...)
	if got != code {
		t.Fatalf("netmond %s: exit %d, want %d\n%s%s", strings.Join(args, " "), got, code, out, errs)
	}
	return out
}

// commandCode runs a netmond command to its end.
func commandCode(t testing.TB, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.Command(binary(t), args...)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if _, ok := err.(*exec.ExitError); err != nil && !ok {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// decode reads the JSON that a command prints.
func decode[T any](t testing.TB, text string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}

// signal sends the daemon a signal.
func (s *stage) signal(t testing.TB, sig syscall.Signal) {
	t.Helper()
	if err := s.daemon.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// temp is a path in the test's own directory.
func temp(t testing.TB, name string) string { return filepath.Join(t.TempDir(), name) }
