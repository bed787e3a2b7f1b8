package netlink

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"
)

// askMany asks for lo and, at each third place, for a link that is not, and checks
// that each place has its own answer.
// It says how often something was asked.
func askMany(t *testing.T, s *Socket, n int) (asked int) {
	t.Helper()
	errs, links := make([]error, n), make([]int, n)
	s.DoAll(soon(t), rtmGetLink, 0, errs, func(i int, b []byte) []byte {
		asked++
		b = ifinfo(b)
		if i%3 == 2 {
			native.PutUint32(b[len(b)-12:], uint32(1<<30+i))
		}
		return b
	}, func(i int, m Message) {
		if m.Type == rtmNewLink && native.Uint32(m.Data[4:]) == 1 {
			links[i]++
		}
	})
	for i, err := range errs {
		if i%3 == 2 && (!errors.Is(err, syscall.ENODEV) || links[i] != 0) || i%3 != 2 && (err != nil || links[i] == 0) {
			t.Errorf("request %d of %d: %v with %d links", i, n, err, links[i])
		}
	}
	return asked
}

func TestDoAll(t *testing.T) {
	s := open(t, syscall.NETLINK_ROUTE)
	s.DoAll(soon(t), rtmGetLink, 0, nil, nil, nil)
	for _, n := range []int{1, 2, 3, maxBatch, maxBatch + 1, 3*maxBatch + 2} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			if asked := askMany(t, s, n); asked != n {
				t.Errorf("%d requests, want %d", asked, n)
			}
			answers(t, s)
		})
	}
}

// A reply is not called for where nobody wants one.
func TestDoAllWithoutReply(t *testing.T) {
	s := open(t, syscall.NETLINK_ROUTE)
	errs := []error{errors.New("of before"), nil}
	s.DoAll(soon(t), rtmGetLink, 0, errs, func(_ int, b []byte) []byte { return ifinfo(b) }, nil)
	if errs[0] != nil || errs[1] != nil {
		t.Errorf("errors %v, want none", errs)
	}
	answers(t, s)
}

// What the receive buffer has no room for is asked again.
func TestDoAllOutlivesLostAnswers(t *testing.T) {
	s := open(t, syscall.NETLINK_ROUTE)
	if err := s.SetReceiveBuffer(8 << 10); err != nil {
		t.Fatal(err)
	}
	const n = maxBatch + maxBatch/2
	if asked := askMany(t, s, n); asked <= n {
		t.Errorf("%d requests for %d: no answer was lost", asked, n)
	}
	answers(t, s)
}

func TestEndOfContextEndsDoAll(t *testing.T) {
	s := open(t, syscall.NETLINK_ROUTE)
	ctx, cancel := context.WithCancel(soon(t))
	cancel()
	errs := make([]error, 2*maxBatch)
	s.DoAll(ctx, rtmGetLink, 0, errs, func(_ int, b []byte) []byte { return ifinfo(b) }, nil)
	for i, err := range errs {
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("request %d: %v, want context.Canceled", i, err)
		}
	}
	answers(t, s)
}
