package rtnl

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/netmond/netmond/internal/netlink"
)

// fakeKernel stands in for the kernel behind Watcher.open. The first socket is
// the one of events, the others are for dumps. Tests run it in the goroutine of
// the consumer (iter.Pull2), so that its fields need no lock.
type fakeKernel struct {
	t     *testing.T
	log   []string // "events", "dump route inet oif 3", in order of the calls
	queue chan item
	state map[string][]item // answers to dumps, by the words of the log

	patience        time.Duration // of the test, for a batch
	sockets, closed int
	onDump          func(what string) // called at the start of each dump
	onWait          func()            // called once, before a Recv that has nothing to give
}

// item is a datagram or an error.
type item struct {
	datagram []byte
	err      error
}

func newFakeKernel(t *testing.T) *fakeKernel {
	return &fakeKernel{t: t, queue: make(chan item, 100), state: make(map[string][]item), patience: 20 * time.Second}
}

func (k *fakeKernel) open() (socket, error) {
	k.sockets++
	if k.sockets == 1 {
		k.log = append(k.log, "events")
	}
	return &fakeSocket{k}, nil
}

// notify queues notifications, a datagram each.
func (k *fakeKernel) notify(datagrams ...[]byte) {
	for _, d := range datagrams {
		k.queue <- item{datagram: d}
	}
}

func (k *fakeKernel) overrun() { k.queue <- item{err: netlink.ErrOverrun} }

// watch starts watching. next gives the following batch; the test fails where
// none comes in time.
func (k *fakeKernel) watch() (w *Watcher, next func() (Batch, error)) {
	w = &Watcher{open: k.open}
	ctx, cancel := context.WithTimeout(context.Background(), k.patience)
	pull, stop := iter.Pull2(w.Watch(ctx))
	k.t.Cleanup(func() {
		stop()
		cancel()
		if k.closed != k.sockets {
			k.t.Errorf("%d of %d sockets closed", k.closed, k.sockets)
		}
	})
	return w, func() (Batch, error) {
		k.t.Helper()
		b, err, ok := pull()
		if !ok {
			k.t.Fatal("the sequence has ended")
		}
		return b, err
	}
}

// ready reads until the state is complete and forgets the log.
func (k *fakeKernel) ready(next func() (Batch, error)) {
	k.t.Helper()
	for {
		b, err := next()
		if err != nil {
			k.t.Fatal(err)
		}
		if !b.More {
			k.log = nil
			return
		}
	}
}

type fakeSocket struct{ k *fakeKernel }

func (s *fakeSocket) Recv(ctx context.Context) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if wait := s.k.onWait; wait != nil && len(s.k.queue) == 0 {
		s.k.onWait = nil
		wait()
	}
	select {
	case i := <-s.k.queue:
		return i.datagram, i.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *fakeSocket) TryRecv() ([]byte, error) {
	select {
	case i := <-s.k.queue:
		return i.datagram, i.err
	default:
		return nil, nil
	}
}

func (s *fakeSocket) Dump(ctx context.Context, typ uint16, fill func([]byte) []byte) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		what := fakeRequest(typ, fill(nil))
		s.k.log = append(s.k.log, "dump "+what)
		if s.k.onDump != nil {
			s.k.onDump(what)
		}
		for _, i := range s.k.state[what] {
			if !yield(i.datagram, i.err) {
				return
			}
		}
	}
}

func (s *fakeSocket) Close() error {
	s.k.closed++
	return nil
}

// fakeRequest names a dump request: kind, family, and the link of the filter.
func fakeRequest(typ uint16, b []byte) string {
	kinds := map[uint16]struct {
		name   string
		header int
	}{
		18: {"link", 16}, 22: {"addr", 8}, 26: {"route", 12}, 34: {"rule", 12}, 82: {"netconf", 4}, 106: {"nexthop", 8},
	}
	k, ok := kinds[typ]
	if !ok {
		return fmt.Sprintf("%d?", typ)
	}
	what := k.name + map[byte]string{0: "", 2: " inet", 10: " inet6"}[b[0]]
	for a, err := range netlink.Attrs(b[k.header:]) {
		if err != nil {
			return err.Error()
		}
		if typ == 26 && a.Type == 4 {
			what += fmt.Sprintf(" oif %d", netlink.Uint32(a.Data))
		}
	}
	return what
}

// Datagrams of one message, with what the tests need to tell them apart.

func fakeMessage(typ uint16, header []byte, attrs ...func([]byte) []byte) []byte {
	return netlink.AppendMessage(nil, netlink.Header{Type: typ}, func(b []byte) []byte {
		b = append(b, header...)
		for _, a := range attrs {
			b = a(b)
		}
		return b
	})
}

func u32attr(typ uint16, n uint32) func([]byte) []byte {
	return func(b []byte) []byte { return netlink.AppendUint32(b, typ, n) }
}

func bytesAttr(typ uint16, data []byte) func([]byte) []byte {
	return func(b []byte) []byte { return netlink.AppendAttr(b, typ, data) }
}

func fakeRoute(typ uint16, dst string, oif uint32) []byte {
	p := netip.MustParsePrefix(dst)
	return fakeMessage(typ, []byte{family(p.Addr()), byte(p.Bits()), 0, 0, TableMain, 3, 0, byte(Unicast), 0, 0, 0, 0},
		bytesAttr(rtaDst, p.Addr().AsSlice()), u32attr(rtaOif, oif))
}

func fakeLink(typ uint16, ifindex, flags uint32) []byte {
	header := make([]byte, sizeofIfInfomsg)
	binary.NativeEndian.PutUint32(header[4:], ifindex)
	binary.NativeEndian.PutUint32(header[8:], flags)
	return fakeMessage(typ, header, bytesAttr(iflaIfname, []byte("wan\x00")))
}

func fakeAddr(typ uint16, addr string, ifindex uint32) []byte {
	p := netip.MustParsePrefix(addr)
	header := append([]byte{family(p.Addr()), byte(p.Bits()), 0, 0}, 0, 0, 0, 0)
	binary.NativeEndian.PutUint32(header[4:], ifindex)
	return fakeMessage(typ, header, bytesAttr(ifaAddress, p.Addr().AsSlice()))
}

func fakeNexthop(typ uint16, id uint32) []byte {
	return fakeMessage(typ, make([]byte, sizeofNhmsg), u32attr(nhaID, id))
}

// fakeShort is a message that does not parse, in good framing.
func fakeShort() []byte { return fakeMessage(rtmNewRoute, []byte{afINET, 0, 0}) }

// dsts lists the destinations of a batch's routes, with a minus where deleted.
func dsts(b Batch) string {
	s := ""
	for _, e := range b.Events {
		if r, ok := e.Message.(*Route); ok {
			if s != "" {
				s += " "
			}
			if e.Op == Del {
				s += "-"
			}
			s += r.Dst.String()
		}
	}
	return s
}

var errFake = os.ErrPermission
