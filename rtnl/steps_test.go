package rtnl

import (
	"net/netip"
	"slices"
	"testing"
)

func TestSteps(t *testing.T) {
	route := func(op Op, flags uint16, dst string) Event {
		return Event{Op: op, Flags: flags, Message: &Route{Dst: netip.MustParsePrefix(dst), Table: TableMain}}
	}
	address := func(op Op, a string) Event {
		return Event{Op: op, Message: &Addr{Local: netip.MustParseAddr(a), Link: 2}}
	}
	const a, b = "198.51.100.0/24", "203.0.113.0/24"
	for _, test := range []struct {
		name  string
		batch Batch
		want  []int // events in each part
	}{
		{"nothing", Batch{}, []int{0}},
		{"different routes", Batch{Events: []Event{route(New, 0, a), route(Del, 0, b), route(New, 0, b)}}, []int{3}},
		{"came and went", Batch{Events: []Event{route(New, 0, a), route(New, 0, b), route(Del, 0, a), route(Del, 0, b)}}, []int{2, 2}},
		{"went and came", Batch{Events: []Event{route(Del, 0, a), route(New, 0, a)}}, []int{2}},
		{"replaced twice", Batch{Events: []Event{route(New, FlagReplace, a), route(New, FlagReplace, a)}}, []int{1, 1}},
		{"appended", Batch{Events: []Event{route(New, 0, a), route(New, FlagAppend, a)}}, []int{2}},
		{"an address for a moment", Batch{Events: []Event{address(New, "192.0.2.3"), address(Del, "192.0.2.3")}}, []int{1, 1}},
		{"a whole state", Batch{Full: true, Events: []Event{route(New, 0, a), route(Del, 0, a)}}, []int{2}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []int
			var events []Event
			for part := range test.batch.Steps() {
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
