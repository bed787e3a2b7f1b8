package rtable

import (
	"net/netip"
	"testing"

	"github.com/netmond/netmond/rtnl"
)

// An overdue route is none; but the kernel has made the one of which it says so, and
// its message may tell a lifetime that is not the true one yet.
func TestOverdueRoutes(t *testing.T) {
	for _, tt := range []struct {
		name  string
		flags uint16
		want  int
	}{
		{"made", rtnl.FlagCreate | rtnl.FlagExcl, 1},
		{"read", 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := &rtnl.Route{
				Dst: netip.MustParsePrefix("::/0"), Table: rtnl.TableMain, Type: rtnl.Unicast,
				Expires: -1, NextHops: []rtnl.NextHop{{Oif: 3}},
			}
			table, _ := new(Table).Apply(rtnl.Batch{Events: []rtnl.Event{{Op: rtnl.New, Flags: tt.flags, Message: r}}})
			if table.Len() != tt.want {
				t.Errorf("%d routes, want %d", table.Len(), tt.want)
			}
		})
	}
}
