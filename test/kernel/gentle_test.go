//go:build linux

package kernel

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// limits are the options of a connection that gentle mode sets, in the kernel's
// units.
type limits struct{ UserTimeout, Idle, Interval, KeepAlive int }

func (l *limits) each(f func(level, opt int, v *int) error) error {
	for _, o := range []struct {
		level, opt int
		v          *int
	}{
		{unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, &l.UserTimeout},
		{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, &l.Idle},
		{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, &l.Interval},
		{unix.SOL_SOCKET, unix.SO_KEEPALIVE, &l.KeepAlive},
	} {
		if err := f(o.level, o.opt, o.v); err != nil {
			return err
		}
	}
	return nil
}

// limits reads the options of the connection's socket, which is another
// process's.
func (w *wire) limits(t testing.TB) (l limits) {
	t.Helper()
	w.socket(t, func(fd int) error {
		return l.each(func(level, opt int, v *int) (err error) {
			*v, err = unix.GetsockoptInt(fd, level, opt)
			return err
		})
	})
	return l
}

// limit sets them.
func (w *wire) limit(t testing.TB, l limits) {
	t.Helper()
	w.socket(t, func(fd int) error {
		return l.each(func(level, opt int, v *int) error { return unix.SetsockoptInt(fd, level, opt, *v) })
	})
}

// socket calls f with a duplicate of the connection's descriptor.
func (w *wire) socket(t testing.TB, f func(fd int) error) {
	t.Helper()
	pidfd, err := unix.PidfdOpen(w.PID, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pidfd)
	files, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(w.PID), "fd"))
	if err != nil {
		t.Fatal(err)
	}
	try := func(name string) (found bool, err error) {
		n, err := strconv.Atoi(name)
		if err != nil {
			return false, err
		}
		fd, err := unix.PidfdGetfd(pidfd, n, 0)
		if err != nil {
			return false, nil // closed meanwhile
		}
		defer unix.Close(fd)
		sa, err := unix.Getsockname(fd)
		if err != nil {
			return false, nil // no socket
		}
		if sa, ok := sa.(*unix.SockaddrInet4); !ok || sa.Addr != w.local.Addr().As4() || sa.Port != int(w.local.Port()) {
			return false, nil
		}
		return true, f(fd)
	}
	for _, file := range files {
		if found, err := try(file.Name()); err != nil {
			t.Fatal(fmt.Errorf("descriptor %s: %w", file.Name(), err))
		} else if found {
			return
		}
	}
	t.Fatalf("process %d has no socket of %v", w.PID, w.local)
}

// TestGentle strands connections of another process in gentle mode. They must get
// a time limit and live, and have their own options back with their path.
func TestGentle(t *testing.T) {
	t.Parallel()
	kernel(t, func(t *testing.T) {
		s := newStage(t, "-gentle")
		if st := status(t).Close; st.Mode != "gentle" || st.Rung != "pidfd" || st.Why != "" {
			t.Errorf("status says %+v, want mode gentle by the rung pidfd", st)
		}
		do(t, "route add default via "+wan0Gateway, "route add "+otherHost+" via "+wan1Gateway)
		s.informed(t)
		plain, own, other := s.device.dial(t, to(host)), s.device.dial(t, to(host)), s.device.dial(t, to(otherHost))
		own.limit(t, limits{UserTimeout: 70000, Idle: 111, Interval: 33, KeepAlive: 1})
		wires := []*wire{plain, own, other}
		var before []limits
		for _, w := range wires {
			before = append(before, w.limits(t))
		}
		act := func(w *wire, act string) {
			t.Helper()
			if m := s.bus.flow(t, w); m.Act != act || m.Reason != "no-route" || m.Proto != "tcp" {
				t.Errorf("the bus says %+v, want it %s for no-route", m, act)
			}
		}
		for round := range 2 { // what is armed twice keeps what was there first
			s.bus.forget()
			do(t, "route del default")
			for i, w := range wires[:2] {
				act(w, "armed")
				want := limits{UserTimeout: 20000, Idle: 1, Interval: 2, KeepAlive: 1}
				if got := w.limits(t); got != want {
					t.Errorf("round %d: connection %d has %+v, want %+v", round, i, got, want)
				}
			}
			s.bus.forget()
			do(t, "route add default via "+wan0Gateway)
			for i, w := range wires[:2] {
				act(w, "disarmed")
				if got := w.limits(t); got != before[i] {
					t.Errorf("round %d: connection %d has %+v, want what it had: %+v", round, i, got, before[i])
				}
				w.echoes(t, "its path is back")
			}
		}
		if got := other.limits(t); got != before[2] {
			t.Errorf("a connection with another path has %+v, want what it had: %+v", got, before[2])
		}
		other.echoes(t, "its path was untouched")
		s.bus.mark(t)
		if told := s.bus.all(func(m payload) bool { return m.Type == "flow" && m.Act != "disarmed" }); len(told) > 0 {
			t.Errorf("the bus tells of %s", told)
		}
		if closed := status(t).FlowsClosed; closed["no-route"] != 0 {
			t.Errorf("status counts %v closed, want none", closed)
		}
		s.bus.forget()
		do(t, "route del default")
		for _, w := range wires[:2] {
			act(w, "armed")
		}
		if err := s.daemon.stop(); err != nil {
			t.Errorf("the daemon ended with %v", err)
		}
		for i, w := range wires {
			if got := w.limits(t); got != before[i] {
				t.Errorf("after the daemon connection %d has %+v, want what it had: %+v", i, got, before[i])
			}
		}
	})
}
