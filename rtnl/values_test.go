package rtnl_test

import (
	"net/netip"
	"reflect"
	"testing"

	"github.com/netmond/netmond/rtnl"
)

func TestLinkState(t *testing.T) {
	for _, tt := range []struct {
		flags                 uint32
		up, running, loopback bool
	}{
		{0, false, false, false},
		{rtnl.FlagUp, true, false, false},
		{rtnl.FlagUp | rtnl.FlagRunning, true, true, false},
		{rtnl.FlagUp | rtnl.FlagLowerUp, true, true, false}, // a bridge port without an operational bridge
		{rtnl.FlagLoopback | rtnl.FlagLowerUp, false, true, true},
	} {
		l := rtnl.Link{Flags: tt.flags}
		if l.Up() != tt.up || l.Running() != tt.running || l.Loopback() != tt.loopback {
			t.Errorf("flags %#x: Up, Running, Loopback = %t, %t, %t, want %t, %t, %t", tt.flags,
				l.Up(), l.Running(), l.Loopback(), tt.up, tt.running, tt.loopback)
		}
	}
}

func TestAddrUsable(t *testing.T) {
	const optimistic = 0x04
	for flags, want := range map[uint32]bool{
		0: true, rtnl.AddrPermanent: true, rtnl.AddrDeprecated: true, rtnl.AddrSecondary: true,
		rtnl.AddrTentative: false, rtnl.AddrTentative | optimistic: true,
		rtnl.AddrTentative | rtnl.AddrDADFailed: false, rtnl.AddrTentative | rtnl.AddrDADFailed | optimistic: false,
	} {
		if a := (rtnl.Addr{Flags: flags}); a.Usable() != want {
			t.Errorf("flags %#x: Usable = %t, want %t", flags, a.Usable(), want)
		}
	}
}

func TestRouteAnswers(t *testing.T) {
	r := rtnl.Route{
		Dst: netip.MustParsePrefix("::/0"), Type: rtnl.Unicast, Table: rtnl.TableMain, Protocol: 4,
		NextHops: []rtnl.NextHop{{Oif: 3, Weight: 1}, {Oif: 4, Weight: 2}},
	}
	if !r.Default() || r.Family() != rtnl.IPv6 || !r.Uses(3) || !r.Uses(4) || r.Uses(5) || r.Uses(0) {
		t.Errorf("%v: Default, Family, Uses(3, 4, 5, 0) = %t, %d, %t, %t, %t, %t", &r, r.Default(), r.Family(),
			r.Uses(3), r.Uses(4), r.Uses(5), r.Uses(0))
	}
	if got, want := r.String(), "default proto static nexthop dev if3 weight 1 nexthop dev if4 weight 2"; got != want {
		t.Errorf("String = %q, want %q", got, want)
	}
	if r.Dst = netip.MustParsePrefix("192.0.2.0/24"); r.Default() || r.Family() != rtnl.IPv4 {
		t.Errorf("%v: Default, Family = %t, %d, want false, 2", &r, r.Default(), r.Family())
	}
}

func TestNames(t *testing.T) {
	for got, want := range map[string]string{
		rtnl.New.String(): "new", rtnl.Del.String(): "del", rtnl.Op(0).String(): "?",
		rtnl.Throw.String(): "throw", rtnl.RouteType(0).String(): "0", rtnl.RouteType(11).String(): "11",
		rtnl.TableName(253): "default", rtnl.TableName(51820): "51820",
		rtnl.ProtocolName(16): "dhcp", rtnl.ProtocolName(77): "77",
		rtnl.ScopeName(200): "site", rtnl.ScopeName(0): "global", rtnl.ScopeName(255): "nowhere", rtnl.ScopeName(9): "9",
	} {
		if got != want {
			t.Errorf("name = %q, want %q", got, want)
		}
	}
}

// Equal sees every field, those yet to be added too.
func TestEqualSeesEveryField(t *testing.T) {
	rule := func() *rtnl.Rule { return &rtnl.Rule{UID: &rtnl.UIDRange{First: 1, Last: 2}} }
	if !rule().Equal(rule()) {
		t.Error("Equal of two like rules = false")
	}
	for i := range reflect.TypeFor[rtnl.Rule]().NumField() {
		r := rule()
		change(t, reflect.ValueOf(r).Elem().Field(i))
		if name := reflect.TypeFor[rtnl.Rule]().Field(i).Name; r.Equal(rule()) || rule().Equal(r) {
			t.Errorf("Equal of two rules of different %s = true", name)
		}
	}
	other := rule()
	other.UID.Last = 3
	if rule().Equal(other) {
		t.Error("Equal of two rules of different uid ranges = true")
	}

	object := func() *rtnl.NextHopObject {
		return &rtnl.NextHopObject{ID: 1, Group: []rtnl.NextHopMember{{ID: 2, Weight: 1}}}
	}
	if !object().Equal(object()) {
		t.Error("Equal of two like nexthop objects = false")
	}
	for i := range reflect.TypeFor[rtnl.NextHopObject]().NumField() {
		n := object()
		change(t, reflect.ValueOf(n).Elem().Field(i))
		if name := reflect.TypeFor[rtnl.NextHopObject]().Field(i).Name; n.Equal(object()) || object().Equal(n) {
			t.Errorf("Equal of two nexthop objects of different %s = true", name)
		}
	}
	heavier := object()
	heavier.Group[0].Weight = 2
	if object().Equal(heavier) {
		t.Error("Equal of two groups of different weights = true")
	}
}

// change gives a field another value.
func change(t *testing.T, v reflect.Value) {
	t.Helper()
	switch v.Interface().(type) {
	case netip.Prefix:
		v.Set(reflect.ValueOf(netip.MustParsePrefix("192.0.2.0/24")))
		return
	case rtnl.PortRange:
		v.Set(reflect.ValueOf(rtnl.PortRange{First: 7, Last: 7}))
		return
	case rtnl.NextHop:
		v.Set(reflect.ValueOf(rtnl.NextHop{Oif: 7}))
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(v.Uint() + 1)
	case reflect.Int32:
		v.SetInt(v.Int() + 1)
	case reflect.Pointer, reflect.Slice:
		v.SetZero()
	default:
		t.Fatalf("no other value for a %s", v.Type())
	}
}
