package rtable_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/netmond/netmond/internal/iproute"
	"github.com/netmond/netmond/rtable"
	"github.com/netmond/netmond/rtnl"
)

// state0 is a table of that text, taken in as a whole state, and the links' numbers.
func state0(t *testing.T, text string) (*rtable.Table, *iproute.Links) {
	t.Helper()
	links := new(iproute.Links)
	table, _ := apply(t, nil, links, rtnl.Batch{Full: true}, text)
	return table, links
}

func apply(t *testing.T, table *rtable.Table, links *iproute.Links, head rtnl.Batch, text string) (*rtable.Table, rtable.Changes) {
	t.Helper()
	var err error
	if head.Events, err = iproute.Events(text, links); err != nil {
		t.Fatal(err)
	}
	return table.Apply(head)
}

func TestNilAndZeroTableAreEmpty(t *testing.T) {
	for _, table := range []*rtable.Table{nil, {}} {
		a, ok := table.Lookup(rtable.Query{Dst: netip.MustParseAddr("192.0.2.1")})
		if got := answer(a, rtnl.LinkNumber); ok || got != "ENETUNREACH" {
			t.Errorf("Lookup in nothing = %s, %v", got, ok)
		}
		if _, ok := table.Lookup(rtable.Query{}); ok {
			t.Error("Lookup of no destination found a way")
		}
		if table.Ready() || table.Len() != 0 || table.String() != "" || table.HasMarkRules() ||
			table.Link(1) != nil || table.LinkByName("lo") != nil || table.NextHopObject(1) != nil || table.Carrier(1) || !table.LinkDown(1) ||
			table.HasAddr(netip.IPv4Unspecified()) || table.Owns(1, netip.IPv4Unspecified()) || table.Local(netip.IPv4Unspecified()) {
			t.Error("an empty table knows something")
		}
		if got := table.LinkName(7); got != "if7" {
			t.Errorf("LinkName(7) = %s", got)
		}
		each(table, func(m rtnl.Message) { t.Errorf("an empty table holds %v", m) })
		if d := rtable.Diff(table, nil); !d.Empty() {
			t.Errorf("Diff of nothing and nothing: %v", changeLines(d, nil))
		}
	}
}

// A state counts when its last batch is in, and not before.
func TestReadyWithTheLastBatch(t *testing.T) {
	var links iproute.Links
	table, c := apply(t, nil, &links, rtnl.Batch{Full: true, More: true}, "link wan up")
	if table.Ready() || !c.Empty() || table.LinkByName("wan") != nil {
		t.Errorf("half a state counts: Ready() = %v, changes %v", table.Ready(), changeLines(c, table))
	}
	table, c = apply(t, table, &links, rtnl.Batch{More: true}, "default via 192.0.2.1 dev wan")
	if table.Ready() || !c.Empty() {
		t.Error("half a state counts")
	}
	table, c = apply(t, table, &links, rtnl.Batch{}, "203.0.113.0/24 dev wan")
	if !table.Ready() || !c.First() || table.Len() != 2 {
		t.Errorf("the state is in: Ready() = %v, First() = %v, Len() = %d", table.Ready(), c.First(), table.Len())
	}
	if got := rtable.Diff(nil, table); !got.First() {
		t.Error("Diff(nil, ready) is not First")
	}
}

func TestOwnsThroughMasters(t *testing.T) {
	table, links := state0(t, `
		link eth0 up master bond0
		link bond0 up master br0
		link br0 up
		link eth1 up
		link loop1 up master loop2
		link loop2 up master loop1
		addr 192.0.2.9/24 dev eth0
		addr 192.0.2.10/24 dev br0
		addr 198.51.100.9/24 dev eth1
		addr 198.51.100.9/24 dev br0
		addr 203.0.113.9/24 dev loop1`)
	for _, tt := range []struct {
		link, addr string
		want       bool
	}{
		{"eth0", "192.0.2.9", true}, {"bond0", "192.0.2.9", true}, {"br0", "192.0.2.9", true}, {"eth1", "192.0.2.9", false},
		{"br0", "192.0.2.10", true}, {"eth0", "192.0.2.10", false},
		{"eth1", "198.51.100.9", true}, {"br0", "198.51.100.9", true}, {"eth0", "198.51.100.9", false},
		{"loop2", "203.0.113.9", true}, {"br0", "203.0.113.9", false}, {"br0", "203.0.113.1", false},
		{"br0", "::ffff:192.0.2.10", true},
	} {
		if got := table.Owns(links.Index(tt.link), netip.MustParseAddr(tt.addr)); got != tt.want {
			t.Errorf("Owns(%s, %s) = %v", tt.link, tt.addr, got)
		}
	}
}

func TestLocal(t *testing.T) {
	table, _ := state0(t, `
		link lo up
		link wan up
		addr 192.0.2.9/24 dev wan
		addr fe80::9/64 dev wan
		local 198.51.100.0/24 dev lo table local scope host
		broadcast 198.51.100.255 dev wan table local scope link
		203.0.113.0/24 dev wan`)
	for a, want := range map[string]bool{
		"192.0.2.9": true, "192.0.2.1": false, "198.51.100.7": true, "198.51.100.255": false, "203.0.113.1": false,
		"::ffff:192.0.2.9": true, "fe80::9%wan": true, "fe80::1": false,
	} {
		if got := table.Local(netip.MustParseAddr(a)); got != want {
			t.Errorf("Local(%s) = %v", a, got)
		}
	}
}

func TestChangesTouchFlowsOfAnAddress(t *testing.T) {
	table, links := state0(t, "link wan up\naddr 192.0.2.9/24 dev wan\naddr 192.0.2.10/24 dev wan")
	_, c := apply(t, table, links, rtnl.Batch{}, "del addr 192.0.2.9/24 dev wan")
	peer := netip.MustParseAddr("203.0.113.1")
	for a, want := range map[string]bool{"192.0.2.9": true, "::ffff:192.0.2.9": true, "192.0.2.10": false} {
		if got := c.TouchesFlow(netip.MustParseAddr(a), peer); got != want {
			t.Errorf("TouchesFlow(%s, %s) = %v", a, peer, got)
		}
	}
	if c.Touches(peer) {
		t.Errorf("Touches(%s)", peer)
	}
	// A deprecated address is there as before.
	if _, c := apply(t, table, links, rtnl.Batch{}, "addr 192.0.2.9/24 dev wan deprecated"); c.TouchesFlow(netip.MustParseAddr("192.0.2.9"), peer) {
		t.Error("a deprecated address touches its flows")
	}
}

func TestNarrowListsAFew(t *testing.T) {
	table, links := state0(t, "link wan up\naddr 192.0.2.9/24 dev wan\naddr 192.0.2.10/24 dev wan")
	_, c := apply(t, table, links, rtnl.Batch{}, "203.0.113.0/24 dev wan\n2001:db8::/32 dev wan\n203.0.113.0/24 dev wan metric 5\ndel addr 192.0.2.9/24 dev wan")
	remotes, locals, ok := c.Narrow()
	if !ok || !slices.Equal(remotes, prefixes("203.0.113.0/24 2001:db8::/32")) || !slices.Equal(locals, addrs("192.0.2.9")) {
		t.Errorf("Narrow() = %v, %v, %v", remotes, locals, ok)
	}
	var many string
	for i := range 65 {
		many += fmt.Sprintf("203.0.113.%d dev wan\n", i)
	}
	_, c = apply(t, table, links, rtnl.Batch{}, many)
	if remotes, _, ok := c.Narrow(); !ok || !slices.Equal(remotes, prefixes("203.0.113.0/26 203.0.113.64/32")) {
		t.Errorf("Narrow() of 65 neighbours = %v, %v", remotes, ok)
	}
	if _, c := apply(t, table, links, rtnl.Batch{}, "rule 100: from all lookup main"); func() bool { _, _, ok := c.Narrow(); return ok }() {
		t.Error("a rule is narrow")
	}
}

func TestMergeTouchesWhatItsStepsDo(t *testing.T) {
	table, links := state0(t, "link wan up\naddr 192.0.2.9/24 dev wan\naddr 192.0.2.10/24 dev wan")
	var steps []rtable.Changes
	for _, text := range []string{"203.0.113.0/24 dev wan", "198.51.100.0/24 dev wan", "del addr 192.0.2.9/24 dev wan", "link wan up nocarrier"} {
		var c rtable.Changes
		table, c = apply(t, table, links, rtnl.Batch{}, text)
		steps = append(steps, c)
	}
	if c := rtable.Merge(nil); !c.Empty() {
		t.Error("Merge of nothing is not empty")
	}
	c := rtable.Merge(steps)
	for a, want := range map[string]bool{"203.0.113.1": true, "198.51.100.1": true, "192.0.2.200": false} {
		if got := c.Touches(netip.MustParseAddr(a)); got != want {
			t.Errorf("Touches(%s) = %v", a, got)
		}
	}
	if !c.TouchesFlow(netip.MustParseAddr("192.0.2.9"), netip.MustParseAddr("192.0.2.200")) {
		t.Error("the address that went does not count")
	}
	if !c.TouchesLink(links.Index("wan")) || !slices.Equal(slices.Collect(c.Links()), []uint32{links.Index("wan")}) {
		t.Error("the link that changed does not count")
	}
	if remotes, _, ok := c.Narrow(); !ok || len(remotes) != 2 {
		t.Errorf("Narrow() = %v, %v", remotes, ok)
	}
	if steps[0].Touches(netip.MustParseAddr("198.51.100.1")) {
		t.Error("Merge changed its first step")
	}
}

// A view with carrier assumed differs in lookups and link state, and in nothing else.
func TestAssumeCarrier(t *testing.T) {
	table, links := state0(t, `
		link wan up nocarrier
		link lte up
		netconf inet all ignore_routes_with_linkdown on
		default via 192.0.2.1 dev wan metric 10
		default via 198.51.100.1 dev lte metric 20`)
	wan, peer := links.Index("wan"), rtable.Query{Dst: netip.MustParseAddr("203.0.113.1")}
	view := table.AssumeCarrier(wan)
	for _, tt := range []struct {
		table *rtable.Table
		want  string
		down  bool
	}{{table, "via 198.51.100.1 dev lte", true}, {view, "via 192.0.2.1 dev wan", false}} {
		a, _ := tt.table.Lookup(peer)
		if got := answer(a, tt.table.LinkName); got != tt.want {
			t.Errorf("Lookup = %s, want %s", got, tt.want)
		}
		if got := tt.table.LinkDown(wan); got != tt.down || tt.table.Carrier(wan) == tt.down {
			t.Errorf("LinkDown(wan) = %v", got)
		}
	}
	if view.String() != table.String() || !slices.Equal(state(view), state(table)) {
		t.Error("the view holds something else")
	}
	if d := rtable.Diff(table, view); !d.Empty() {
		t.Errorf("Diff of a table and its view: %v", changeLines(d, view))
	}
	if down := table.AssumeCarrier(links.Index("gone")); down.Carrier(links.Index("gone")) {
		t.Error("a link that is not there has carrier")
	}
	if table.AssumeCarrier() != table {
		t.Error("a view of nothing is another table")
	}
}

func TestHasMarkRules(t *testing.T) {
	table, links := state0(t, "rule 100: from all lookup main")
	if table.HasMarkRules() {
		t.Error("no rule has a mark")
	}
	table, _ = apply(t, table, links, rtnl.Batch{}, "-6 rule 100: from all fwmark 0x1 lookup main")
	if !table.HasMarkRules() {
		t.Error("a rule has a mark")
	}
}
