package rtable_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/netmond/netmond/internal/iproute"
	"github.com/netmond/netmond/rtable"
	"github.com/netmond/netmond/rtnl"
)

// state is all that a table holds but its routes, as lines in a fixed order; the
// rules keep theirs.
func state(t *rtable.Table) (lines []string) {
	var rules []string
	each(t, func(m rtnl.Message) {
		switch m.(type) {
		case *rtnl.Route:
		case *rtnl.Rule:
			rules = append(rules, key(m))
		default:
			lines = append(lines, key(m))
		}
	})
	slices.Sort(lines)
	return append(lines, rules...)
}

// state is what state answers for a table equal to the model.
func (m *model) state() (lines []string) {
	for i := range m.links {
		lines = append(lines, key(&m.links[i]))
	}
	for i := range m.addrs {
		lines = append(lines, key(&m.addrs[i]))
	}
	for i := range m.objects {
		lines = append(lines, key(&m.objects[i]))
	}
	slices.Sort(lines)
	rules := slices.Clone(m.rules)
	slices.SortStableFunc(rules, func(a, b rtnl.Rule) int {
		if a.Family != b.Family {
			return int(a.Family) - int(b.Family)
		}
		return compare(a.Priority, b.Priority)
	})
	for i := range rules {
		lines = append(lines, key(&rules[i]))
	}
	return lines
}

// show prints a batch.
func show(b rtnl.Batch) string {
	var links iproute.Links
	lines := []string{fmt.Sprintf("full=%v part=%+v more=%v", b.Full, b.Part, b.More)}
	for _, e := range b.Events {
		lines = append(lines, iproute.Format(e, &links))
	}
	return strings.Join(lines, "\n  ")
}

// differing says where two lists of lines first differ.
func differing(got, want []string) string {
	for i := range max(len(got), len(want)) {
		var a, b string
		if i < len(got) {
			a = got[i]
		}
		if i < len(want) {
			b = want[i]
		}
		if a != b {
			return fmt.Sprintf("line %d is\n%s\nwant\n%s", i+1, a, b)
		}
	}
	return "nothing"
}
