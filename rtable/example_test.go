package rtable_test

import (
	"context"
	"fmt"
	"log"
	"net/netip"

	"github.com/netmond/netmond/internal/iproute"
	"github.com/netmond/netmond/rtable"
	"github.com/netmond/netmond/rtnl"
)

// Keep a table as the kernel has it, and say what each change means for one
// destination. This needs Linux, but no privilege.
func Example_watch() {
	peer := rtable.Query{Dst: netip.MustParseAddr("203.0.113.1")}
	var table *rtable.Table
	for batch, err := range rtnl.Watch(context.Background()) {
		if err != nil {
			log.Fatal(err)
		}
		cur, changes := table.Apply(batch)
		if changes.Touches(peer.Dst) {
			was, _ := table.Lookup(peer)
			now, ok := cur.Lookup(peer)
			fmt.Println("was", was.Route, "now", now.Route, ok)
		}
		table = cur
	}
}

// The state before a change can still be asked after it. The events come from
// text here, and from rtnl.Watch in a program.
func ExampleTable_Apply() {
	var links iproute.Links
	batch := func(full bool, text string) rtnl.Batch {
		events, err := iproute.Events(text, &links)
		if err != nil {
			log.Fatal(err)
		}
		return rtnl.Batch{Full: full, Events: events}
	}
	var empty *rtable.Table
	old, _ := empty.Apply(batch(true, `
		link wan up
		link lte up
		default via 192.0.2.1 dev wan metric 10
		default via 198.51.100.1 dev lte metric 20`))
	cur, changes := old.Apply(batch(false, "link wan down"))

	peer := rtable.Query{Dst: netip.MustParseAddr("203.0.113.1")}
	fmt.Println("touched:", changes.Touches(peer.Dst))
	for _, t := range []*rtable.Table{old, cur} {
		answer, ok := t.Lookup(peer)
		fmt.Println(ok, string(answer.Route.Append(nil, t.LinkName)))
	}
	for c := range changes.All() {
		if r, ok := c.Message.(*rtnl.Route); ok {
			fmt.Println(c.Op, string(r.Append(nil, cur.LinkName)), "implied:", c.Implied)
		}
	}
	// Output:
	// touched: true
	// true default via 192.0.2.1 dev wan metric 10
	// true default via 198.51.100.1 dev lte metric 20
	// del default via 192.0.2.1 dev wan metric 10 implied: true
}

// Rules are part of a lookup: here a mark decides.
func ExampleTable_Lookup() {
	var links iproute.Links
	events, err := iproute.Events(`
		link wan up
		link wg0 up
		rule 100: from all fwmark 0x1 lookup main
		rule 200: from all lookup 51820
		default via 192.0.2.1 dev wan
		default dev wg0 table 51820`, &links)
	if err != nil {
		log.Fatal(err)
	}
	table, _ := (*rtable.Table)(nil).Apply(rtnl.Batch{Full: true, Events: events})
	for _, mark := range []uint32{0, 1} {
		answer, _ := table.Lookup(rtable.Query{Dst: netip.MustParseAddr("203.0.113.1"), Mark: mark})
		fmt.Printf("mark %d: rule %d, dev %s\n", mark, answer.Rule.Priority, table.LinkName(answer.Hops[0].Oif))
	}
	// Output:
	// mark 0: rule 200, dev wg0
	// mark 1: rule 100, dev wan
}
