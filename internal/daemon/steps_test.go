package daemon

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/netmond/netmond/rtnl"
)

func TestSteps(t *testing.T) {
	route := func(op rtnl.Op, flags uint16, dst string) rtnl.Event {
		return rtnl.Event{Op: op, Flags: flags, Message: &rtnl.Route{Dst: netip.MustParsePrefix(dst), Table: rtnl.TableMain}}
	}
	address := func(op rtnl.Op, a string) rtnl.Event {
		return rtnl.Event{Op: op, Message: &rtnl.Addr{Local: netip.MustParseAddr(a), Link: 2}}
	}
	const a, b = "198.51.100.0/24", "203.0.113.0/24"
	for _, test := range []struct {
		name  string
		batch rtnl.Batch
		want  []int // events in each part
	}{
		{"nothing", rtnl.Batch{}, []int{0}},
		{"different routes", rtnl.Batch{Events: []rtnl.Event{route(rtnl.New, 0, a), route(rtnl.Del, 0, b), route(rtnl.New, 0, b)}}, []int{3}},
		{"came and went", rtnl.Batch{Events: []rtnl.Event{route(rtnl.New, 0, a), route(rtnl.New, 0, b), route(rtnl.Del, 0, a), route(rtnl.Del, 0, b)}}, []int{2, 2}},
		{"went and came", rtnl.Batch{Events: []rtnl.Event{route(rtnl.Del, 0, a), route(rtnl.New, 0, a)}}, []int{2}},
		{"replaced twice", rtnl.Batch{Events: []rtnl.Event{route(rtnl.New, rtnl.FlagReplace, a), route(rtnl.New, rtnl.FlagReplace, a)}}, []int{1, 1}},
		{"appended", rtnl.Batch{Events: []rtnl.Event{route(rtnl.New, 0, a), route(rtnl.New, rtnl.FlagAppend, a)}}, []int{2}},
		{"an address for a moment", rtnl.Batch{Events: []rtnl.Event{address(rtnl.New, "192.0.2.3"), address(rtnl.Del, "192.0.2.3")}}, []int{1, 1}},
		{"a whole state", rtnl.Batch{Full: true, Events: []rtnl.Event{route(rtnl.New, 0, a), route(rtnl.Del, 0, a)}}, []int{2}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []int
			var events []rtnl.Event
			for part := range steps(test.batch) {
				got = append(got, len(part.Events))
				events = append(events, part.Events...)
				if part.Full != test.batch.Full {
					t.Errorf("a part of a batch with Full %v has %v", test.batch.Full, part.Full)
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("parts of %v events, want %v", got, test.want)
			}
			if !slices.Equal(events, test.batch.Events) {
				t.Errorf("the parts are not the batch")
			}
		})
	}
}
