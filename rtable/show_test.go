package rtable_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

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

func replay(set map[string]bool, op rtnl.Op, m, was rtnl.Message) {
	if was != nil {
		delete(set, key(was))
	}
	if set[key(m)] = true; op == rtnl.Del {
		delete(set, key(m))
	}
}

// key is all of an object that its own changes tell: not a route's lifetime, its
// dead legs, or what its nexthop object is.
func key(m rtnl.Message) string {
	if r, ok := m.(*rtnl.Route); ok {
		x := *r
		if x.NextHops = slices.Clone(r.NextHops); x.NHID != 0 {
			x.NextHops, x.Type = nil, rtnl.Unicast // the object's
		}
		for i := range x.NextHops {
			x.NextHops[i].Flags &^= rtnl.HopDead
		}
		return fmt.Sprint(x.Family(), " ", &x, x.NextHops)
	}
	if r, ok := m.(*rtnl.Rule); ok {
		return fmt.Sprint(r.Family, " ", r)
	}
	return fmt.Sprintf("%T%+v", m, m)
}

// allOf is the set of all objects of a table.
func allOf(t *rtable.Table) map[string]bool {
	set := make(map[string]bool)
	each(t, func(m rtnl.Message) { set[key(m)] = true })
	return set
}

func each(t *rtable.Table, f func(rtnl.Message)) {
	for x := range t.Links() {
		f(x)
	}
	for x := range t.Addrs() {
		f(x)
	}
	for x := range t.NextHopObjects() {
		f(x)
	}
	for _, fam := range []uint8{rtnl.IPv4, rtnl.IPv6} {
		for x := range t.Rules(fam) {
			f(x)
		}
	}
	for x := range t.Routes() {
		f(x)
	}
}

func sameSet(got, want map[string]bool) error {
	for k := range want {
		if !got[k] {
			return fmt.Errorf("%s is missing", k)
		}
	}
	for k := range got {
		if !want[k] {
			return fmt.Errorf("%s should not be there", k)
		}
	}
	return nil
}

// checkText holds that the text of a table reads back as its routes.
func checkText(t *testing.T, table *rtable.Table) {
	t.Helper()
	var links iproute.Links
	for l := range table.Links() {
		links.Set(l.Index, l.Name)
	}
	for r := range table.Routes() {
		line := string(r.Append(nil, table.LinkName))
		got, err := iproute.ParseRoute(line, r.Family(), &links)
		if err != nil {
			t.Fatal(err)
		}
		if back := string(got.Append(nil, table.LinkName)); back != line {
			t.Fatalf("%q reads back as %q", line, back)
		}
	}
}
