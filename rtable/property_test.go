package rtable_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/netmond/netmond/rtable"
	"github.com/netmond/netmond/rtnl"
)

// seeds are the random worlds that the properties are held in.
const seeds = 8

// forSeeds runs a property in each world. It names the seed of a failure.
func forSeeds(t *testing.T, property func(t *testing.T, r *random)) {
	t.Helper()
	n := uint64(seeds)
	if testing.Short() {
		n = 2
	}
	for seed := range n {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { property(t, newRandom(seed)) })
	}
}

// begin is the state that a run starts from: all links, one address each, the
// usual rules or, in every fourth world, none.
func (r *random) begin() []rtnl.Event {
	var m model
	for i := range uint32(worldLinks) {
		l := r.link(i + 1)
		l.Flags |= rtnl.FlagUp
		m.links = append(m.links, l)
		m.addrs = append(m.addrs, rtnl.Addr{Link: i + 1, Local: worldAddrs[0][i], Net: netip.PrefixFrom(worldAddrs[0][i], 24).Masked()})
	}
	if !r.one(4) {
		for _, fam := range []uint8{rtnl.IPv4, rtnl.IPv6} {
			for prio, table := range map[uint32]uint32{0: rtnl.TableLocal, 32766: rtnl.TableMain, 32767: rtnl.TableDefault} {
				m.rules = append(m.rules, *plainRule(fam, prio, table))
			}
		}
	}
	return m.dump()
}

// step makes the next batches: some events, or now and then an answer to a dump of
// all or a part, which may begin with one that was interrupted.
func (r *random) step() []rtnl.Batch {
	if !r.one(5) {
		var events []rtnl.Event
		for range 1 + r.IntN(6) {
			events = append(events, r.event())
		}
		return r.cut(rtnl.Batch{}, events)
	}
	head := pick(r,
		rtnl.Batch{Full: true},
		rtnl.Batch{Part: &rtnl.Part{Kind: rtnl.NextHopObjects}},
		rtnl.Batch{Part: &rtnl.Part{Kind: rtnl.Routes, Family: rtnl.IPv4}},
		rtnl.Batch{Part: &rtnl.Part{Kind: rtnl.Routes, Family: rtnl.IPv6}},
		rtnl.Batch{Part: &rtnl.Part{Kind: rtnl.Routes, Family: rtnl.IPv4, Oif: r.oif()}},
		rtnl.Batch{Part: &rtnl.Part{Kind: rtnl.Routes, Family: rtnl.IPv6, Oif: r.oif()}})
	dump := r.answerTo(head)
	batches := r.cut(head, dump)
	if r.one(3) { // interrupted, and repeated
		broken := r.cut(head, r.answerTo(head))
		broken[len(broken)-1].More = true
		batches = append(broken, batches...)
	}
	if last := &batches[len(batches)-1]; r.one(2) && !last.Full && last.Part == nil && len(batches) > 1 {
		last.Events = append(slices.Clip(last.Events), r.event()) // what happened meanwhile
	}
	return batches
}

// answerTo is a dump by a kernel whose state is not quite what was told.
func (r *random) answerTo(head rtnl.Batch) []rtnl.Event {
	kernel := r.model
	kernel.answer = nil
	for range r.IntN(8) {
		kernel.events([]rtnl.Event{r.event()})
	}
	return r.answerOf(&kernel, head)
}

// answerOf is what of a kernel's state answers the dump.
func (r *random) answerOf(kernel *model, head rtnl.Batch) []rtnl.Event {
	return slices.DeleteFunc(kernel.dump(), func(e rtnl.Event) bool {
		if head.Full {
			return false
		}
		x, ok := e.Message.(*rtnl.Route)
		if head.Part.Kind == rtnl.NextHopObjects {
			_, ok := e.Message.(*rtnl.NextHopObject)
			return !ok
		}
		if ok && x.NHID != 0 && !sameObject(kernel.object(x.NHID), r.object(x.NHID)) {
			return true // its object would have been told before
		}
		return !ok || x.Family() != head.Part.Family || head.Part.Oif != 0 && !x.Uses(head.Part.Oif)
	})
}

func sameObject(a, b *rtnl.NextHopObject) bool { return a != nil && b != nil && a.Equal(b) }

// Apply leaves the table that the model says, in any cut, and the old one as it was.
func TestApplyAgreesWithModel(t *testing.T) {
	forSeeds(t, func(t *testing.T, r *random) {
		var table *rtable.Table
		play := func(batches []rtnl.Batch) {
			for _, b := range batches {
				old, before := table, table.String()
				table, _ = old.Apply(b)
				r.apply(b)
				if old.String() != before {
					t.Fatalf("Apply(%s) changed the table it was called on", show(b))
				}
				if err := sameState(table, &r.model); err != nil {
					t.Fatalf("after Apply(%s): %v\nbefore:\n%s\n%s", show(b), err, strings.Join(state(old), "\n"), before)
				}
			}
		}
		play(r.cut(rtnl.Batch{Full: true}, r.begin()))
		for range 60 {
			play(r.step())
		}
		checkText(t, table)
	})
}

// sameState compares all that a Table lists with the model.
func sameState(t *rtable.Table, m *model) error {
	if got, want := t.String(), m.String(); got != want {
		return fmt.Errorf("routes are not the model's: %s", differing(strings.Split(got, "\n"), strings.Split(want, "\n")))
	}
	if got, want := state(t), m.state(); !slices.Equal(got, want) {
		return fmt.Errorf("state is not the model's: %s", differing(got, want))
	}
	if t.Len() != len(m.routes) || t.Ready() != m.ready {
		return fmt.Errorf("Len() = %d, Ready() = %v, want %d, %v", t.Len(), t.Ready(), len(m.routes), m.ready)
	}
	return nil
}

// Lookup agrees with the model, in the table and in the view of AssumeCarrier; and
// where its answer has changed, the changes touch the flow.
func TestLookupAgreesWithModel(t *testing.T) {
	forSeeds(t, func(t *testing.T, r *random) {
		var table *rtable.Table
		for _, b := range append(r.cut(rtnl.Batch{Full: true}, r.begin()), r.cut(rtnl.Batch{}, r.routes16())...) {
			table, _ = table.Apply(b)
			r.apply(b)
		}
		for range 40 {
			for _, b := range r.step() {
				cur, changes := table.Apply(b)
				r.apply(b)
				for range 100 {
					q := r.query()
					got, ok := cur.Lookup(q)
					want, wantOK := r.lookup(q)
					if a, b := full(got, cur.LinkName), full(want, r.linkName); ok != wantOK || a != b {
						t.Fatalf("Lookup(%+v) = %s, want %s\nin\n%s%s", q, a, b, strings.Join(r.state(), "\n"), cur)
					}
					was, wasOK := table.Lookup(q)
					if !wasOK && !ok || full(was, table.LinkName) == full(got, table.LinkName) || changes.TouchesFlow(q.Src, q.Dst) {
						continue
					}
					if q.Src.IsValid() && table.Local(q.Src) != cur.Local(q.Src) && !r.hasAddr(q.Src) {
						continue // AnyIP: no flow of an address of the device
					}
					t.Fatalf("Apply(%s) changes Lookup(%+v) from %s to %s and does not touch it\nbefore:\n%s%s",
						show(b), q, full(was, table.LinkName), full(got, table.LinkName), strings.Join(state(table), "\n"), table)
				}
				table = cur
			}
		}
		r.assumed = []uint32{2, 3}
		view := table.AssumeCarrier(r.assumed...)
		for range 200 {
			q := r.query()
			got, _ := view.Lookup(q)
			want, _ := r.lookup(q)
			if a, b := full(got, view.LinkName), full(want, r.linkName); a != b {
				t.Fatalf("with carrier assumed: Lookup(%+v) = %s, want %s", q, a, b)
			}
		}
	})
}

// routes16 is a few routes to begin with.
func (r *random) routes16() (events []rtnl.Event) {
	for i := range 16 {
		x := r.route(i % 2)
		events = append(events, rtnl.Event{Op: rtnl.New, Message: &x})
	}
	return events
}

// full is all of an answer as text, ways out sorted.
func full(a rtable.Answer, name rtnl.Namer) string {
	s := answer(a, name)
	if a.Rule != nil {
		s += " by " + a.Rule.String()
	}
	if a.Route.Type != 0 {
		r := a.Route
		s += " of " + string(r.Append(nil, name))
	}
	return s
}

// The changes, taken in order, lead from the old state to the new; those of an
// answer to a dump lead back as well, name nothing that has not changed, and are
// what Diff finds.
func TestChangesAreTheDifference(t *testing.T) {
	forSeeds(t, func(t *testing.T, r *random) {
		var table *rtable.Table
		for _, b := range r.cut(rtnl.Batch{Full: true}, r.begin()) {
			table, _ = table.Apply(b)
			r.apply(b)
		}
		for range 60 {
			for _, b := range r.step() {
				answered := b.Full || b.Part != nil || r.answer != nil
				pure := !b.More && answered && (b.Full || b.Part != nil || len(b.Events) == 0)
				cur, changes := table.Apply(b)
				r.apply(b)
				old, want := allOf(table), allOf(cur)
				got := allOf(table)
				for c := range changes.All() {
					replay(got, c.Op, c.Message, c.Was)
				}
				if err := sameSet(got, want); err != nil {
					t.Fatalf("Apply(%s): old table and changes: %v", show(b), err)
				}
				if pure {
					checkNet(t, b, changes, old, want)
					checkNet(t, b, rtable.Diff(table, cur), old, want)
				}
				if d := rtable.Diff(cur, cur); !d.Empty() {
					t.Fatalf("Diff of a table and itself: %s", changeLines(d, cur))
				}
				table = cur
			}
		}
	})
}

// checkNet holds that the changes lead from cur back to old, naming each object
// once.
func checkNet(t *testing.T, b rtnl.Batch, changes rtable.Changes, old, cur map[string]bool) {
	t.Helper()
	list := slices.Collect(changes.All())
	slices.Reverse(list)
	named := make(map[string]bool)
	for _, c := range list {
		now, was := key(c.Message), ""
		if c.Was != nil {
			was = key(c.Was)
		}
		if now == was {
			continue // by its nexthop object
		}
		for _, k := range []string{now, was} {
			if k != "" && named[k] {
				t.Fatalf("Apply(%s) names %s twice", show(b), k)
			}
			named[k] = true
		}
		if c.Op == rtnl.New && (old[now] || !cur[now]) || c.Op == rtnl.Del && (!old[now] || cur[now]) || was != "" && (!old[was] || cur[was]) {
			t.Fatalf("Apply(%s) names %s, which is no difference", show(b), now)
		}
		if c.Op == rtnl.Del {
			cur[now] = true
			continue
		}
		delete(cur, now)
		if was != "" {
			cur[was] = true
		}
	}
	if err := sameSet(cur, old); err != nil {
		t.Fatalf("Apply(%s): new table less changes: %v", show(b), err)
	}
	for c := range changes.All() { // cur as it was, for the caller
		replay(cur, c.Op, c.Message, c.Was)
	}
}
