package rtnl_test

import (
	"strings"
	"syscall"
	"testing"

	"github.com/netmond/netmond/internal/netlink"
	"golang.org/x/sys/unix"
)

// TestCapture, with -update, runs what the fixtures say and writes what the
// kernel answered into them. It is the proof of where their bytes come from.
func TestCapture(t *testing.T) {
	if !*update {
		t.Skip("captures with -update alone")
	}
	for _, f := range fixtures(t, machineOrder()) {
		if f.kernel == "none" {
			continue
		}
		t.Run(strings.TrimSuffix(f.path[len("testdata/"):], ".hex"), func(t *testing.T) {
			if inNamespace(t) {
				f.capture(t)
			}
		})
	}
}

func (f fixture) capture(t *testing.T) {
	sh(t, "ip link add wan type veth peer name p")
	for _, line := range f.setup {
		sh(t, line)
	}
	s, err := netlink.Open(syscall.NETLINK_ROUTE)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for group := unix.RTNLGRP_LINK; group <= unix.RTNLGRP_NEXTHOP; group++ {
		switch group {
		case unix.RTNLGRP_NEIGH, unix.RTNLGRP_IPV6_IFINFO, unix.RTNLGRP_IPV6_PREFIX, unix.RTNLGRP_MDB:
			continue // nothing that rtnl reads
		}
		if err := s.Join(group); err != nil {
			t.Fatal(err)
		}
	}
	for _, line := range f.cause {
		sh(t, line)
	}
	f.datagrams = nil
	for {
		b, err := s.TryRecv()
		if err != nil {
			t.Fatal(err)
		}
		if b == nil {
			break
		}
		f.datagrams = append(f.datagrams, append([]byte(nil), b...))
	}
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		t.Fatal(err)
	}
	release, _, _ := strings.Cut(unix.ByteSliceToString(uts.Release[:]), "-")
	f.kernel = "Linux " + release + " " + unix.ByteSliceToString(uts.Machine[:])
	f.write(t)
}
