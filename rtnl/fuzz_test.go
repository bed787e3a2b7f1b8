package rtnl_test

import (
	"bytes"
	"net/netip"
	"reflect"
	"testing"

	"github.com/netmond/netmond/internal/iproute"
	"github.com/netmond/netmond/rtnl"
)

// FuzzEvents calls Events: it ends and does not panic, what it yields is bounded
// by the bytes, holds none of them, is well formed, and has a text.
func FuzzEvents(f *testing.F) {
	for _, order := range []string{"little", "big"} {
		for _, fx := range fixtures(f, order) {
			for _, d := range fx.datagrams {
				if len(d) < 600 { // a link's counters teach nothing
					f.Add(d)
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, datagram []byte) {
		scratch := bytes.Clone(datagram)
		events := collect(scratch)
		if len(events) > len(datagram)/16+1 {
			t.Errorf("%d events of %d bytes", len(events), len(datagram))
		}
		clear(scratch)
		if again := collect(datagram); !reflect.DeepEqual(events, again) {
			t.Errorf("events change with the datagram they were read from: %+v, %+v", events, again)
		}
		for _, e := range events {
			if e.Message == nil {
				continue // an error in its place
			}
			if e.Op != rtnl.New && e.Op != rtnl.Del {
				t.Errorf("Op = %v", e.Op)
			}
			wellFormed(t, e.Message, len(datagram))
			_ = iproute.Format(e, new(iproute.Links))
		}
	})
}

// collect reads a datagram; errors are empty events.
func collect(datagram []byte) (events []rtnl.Event) {
	for e, err := range rtnl.Events(datagram) {
		if err != nil {
			e = rtnl.Event{}
		}
		events = append(events, e)
	}
	return events
}

func wellFormed(t *testing.T, m rtnl.Message, size int) {
	t.Helper()
	masked := func(what string, p netip.Prefix) {
		if p.IsValid() && p != p.Masked() {
			t.Errorf("%s = %s, not masked", what, p)
		}
	}
	switch m := m.(type) {
	case *rtnl.Route:
		if !m.Dst.IsValid() {
			t.Errorf("Dst = %v", m.Dst)
		}
		masked("Dst", m.Dst)
		masked("Src", m.Src)
		if len(m.NextHops) > size/8 || cap(m.NextHops) != len(m.NextHops) {
			t.Errorf("%d next hops, capacity %d, of %d bytes", len(m.NextHops), cap(m.NextHops), size)
		}
		for _, h := range m.NextHops {
			if h.Weight < 1 || h.Weight > 256 {
				t.Errorf("Weight = %d", h.Weight)
			}
		}
	case *rtnl.Rule:
		masked("Dst", m.Dst)
		masked("Src", m.Src)
	case *rtnl.Addr:
		if !m.Local.IsValid() || !m.Net.IsValid() || m.Local.Is4() != m.Net.Addr().Is4() {
			t.Errorf("Local, Net = %v, %v", m.Local, m.Net)
		}
		masked("Net", m.Net)
	case *rtnl.NextHopObject:
		if m.ID == 0 || len(m.Group) > size/8 {
			t.Errorf("ID, members = %d, %d of %d bytes", m.ID, len(m.Group), size)
		}
	}
}
