package rtnl_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/netmond/netmond/internal/netlink"
)

// The kernel marks what is left of a dump of addresses when one is deleted
// (NLM_F_DUMP_INTR), and the end of the dump tells. More than one datagram must
// be to come by then: the next is made while one is read (netlink_dump).
func TestDumpTellsThatItWasInterrupted(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	const (
		rtmGetAddr = 22
		addresses  = 2000
	)
	var batch strings.Builder
	for i := range addresses {
		fmt.Fprintf(&batch, "addr add 2001:db8::%x/128 dev lo nodad\n", i+1)
	}
	sh(t, "ip link set lo up; ip -batch - <<'END'\n"+batch.String()+"END")
	s, err := netlink.Open(syscall.NETLINK_ROUTE)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	dump := func(first func()) error {
		datagrams := 0
		var last error
		for datagram, err := range s.Dump(ctx, rtmGetAddr, func(b []byte) []byte { return append(b, 10, 0, 0, 0, 0, 0, 0, 0) }) {
			if last = err; datagram == nil {
				continue
			}
			if datagrams++; datagrams == 1 {
				first()
			}
		}
		if datagrams < 3 {
			t.Fatalf("dump of %d datagrams ended with %v, want more of them", datagrams, last)
		}
		return last
	}
	// The kernel finishes the addresses in a work queue (addrconf_dad_work), which
	// interrupts dumps too.
	for {
		err := dump(func() {})
		if err == nil {
			break
		}
		if !errors.Is(err, netlink.ErrInterrupted) {
			t.Fatal(err)
		}
	}
	if err := dump(func() { sh(t, "ip addr del 2001:db8::7/128 dev lo") }); !errors.Is(err, netlink.ErrInterrupted) {
		t.Errorf("dump with a deletion in it ended with %v, want ErrInterrupted", err)
	}
}
