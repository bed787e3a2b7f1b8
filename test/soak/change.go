//go:build linux

package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// object is something of the device that stands there while no change has taken
// it away.
type object struct {
	line  string   // the ip command that puts it there, and does nothing where it is
	parts []string // the changes that take it away
}

// change takes something from the device, or puts something there that does not
// belong, and later undoes it.
type change struct {
	name   string
	ns     string   // where the commands run
	strike []string // ip commands; where what they take is gone already they fail, and that is all
	mend   []string // what it takes beside the objects, which are all put back
	slow   bool     // the grace makes flaps of it longer
}

// base is the device at rest, in the order in which it is built.
func base() []object {
	var o []object
	add := func(line string, parts ...string) { o = append(o, object{line, parts}) }
	for i := range wans {
		down := "link " + wan(i)
		add("link set "+wan(i)+" up", down)
		for n, which := range []string{"first", "second"} {
			add("address replace "+addr4(i, n)+"/26 dev "+wan(i), down, which+"4 "+wan(i))
			add("address replace "+addr6(i, n)+"/64 dev "+wan(i)+" nodad", down, which+"6 "+wan(i))
		}
		add(connected(i)+" proto kernel scope link src "+addr4(i, 0), down, "connected4 "+wan(i))
		mac := fmt.Sprintf("02:00:00:00:%02x:01", i)
		add("neighbour replace "+gateway4(i)+" lladdr "+mac+" dev "+wan(i)+" nud permanent", down)
		add("neighbour replace "+gateway6(i)+" lladdr "+mac+" dev "+wan(i)+" nud permanent", down)
	}
	for i := range wans {
		down := "link " + wan(i)
		add(fmt.Sprintf("route replace 0.0.0.0/0 %s metric %d", via4(i), metric(i)), down, "default4 "+wan(i))
		add(fmt.Sprintf("route replace ::/0 %s metric %d", via6(i), metric(i)), down, "default6 "+wan(i))
	}
	add("address replace " + loSource + "/32 dev lo")
	add("route replace 0.0.0.0/0 "+via4(1)+" table 100", "marked4 gone", "marked4 moved", "marked4 refused", "link wan1")
	add("route replace ::/0 "+via6(1)+" table 100 metric 10", "marked6 gone", "link wan1")
	add("rule add fwmark 7 lookup 100 pref 100", "rule4")
	add("-6 rule add fwmark 7 lookup 100 pref 100", "rule6")
	add("nexthop replace id 10 "+via4(1), "nexthop4 gone", "nexthop4 moved", "link wan1")
	add("nexthop replace id 11 "+via6(1), "nexthop6 gone", "nexthop6 moved", "link wan1")
	add("route replace 203.0.113.0/24 nhid 10", "nexthop4 gone")
	add("route replace 2001:db8:fe::/48 nhid 11", "nexthop6 gone")
	add("route replace ::/0 from 2001:db8:2::/64 "+via6(2)+" metric 5", "sourced6", "link wan2")
	return o
}

func connected(i int) string { return fmt.Sprintf("route replace 192.0.2.%d/26 dev %s", 64*i, wan(i)) }

// metric is that of an uplink's default routes.
func metric(i int) int { return 10 * (i + 1) }

// changes are all there are.
func changes() []change {
	var list []change
	add := func(name string, strike, mend []string) {
		list = append(list, change{name: name, strike: strike, mend: mend})
	}
	for i := range wans {
		dev := " dev " + wan(i)
		add("link "+wan(i), []string{"link set " + wan(i) + " down"}, nil)
		peer := fmt.Sprintf("peer%d", i)
		mend := []string{"link set " + peer + " up", "address replace " + gateway6(i) + "/64 dev " + peer + " nodad"}
		if i == 0 {
			mend = append(mend, "route replace "+loSource+" via "+addr4(0, 0))
		}
		list = append(list, change{name: "carrier " + wan(i), ns: inet, slow: true, strike: []string{"link set " + peer + " down"}, mend: mend})
		for n, which := range []string{"first", "second"} {
			add(which+"4 "+wan(i), []string{"address del " + addr4(i, n) + "/26" + dev}, nil)
			add(which+"6 "+wan(i), []string{"address del " + addr6(i, n) + "/64" + dev}, nil)
		}
		add("connected4 "+wan(i), []string{fmt.Sprintf("route del 192.0.2.%d/26%s", 64*i, dev)}, nil)
		add("default4 "+wan(i), []string{fmt.Sprintf("route del 0.0.0.0/0%s metric %d", dev, metric(i))}, nil)
		add("default6 "+wan(i), []string{fmt.Sprintf("route del ::/0%s metric %d", dev, metric(i))}, nil)
	}
	for i := 1; i < wans; i++ {
		add("better4 "+wan(i), []string{"route replace 0.0.0.0/0 " + via4(i) + " metric 5"}, []string{"route del 0.0.0.0/0 dev " + wan(i) + " metric 5"})
		add("better6 "+wan(i), []string{"route replace ::/0 " + via6(i) + " metric 5"}, []string{"route del ::/0 dev " + wan(i) + " metric 5"})
	}
	add("halves4", []string{"route replace 0.0.0.0/1 " + via4(2), "route replace 128.0.0.0/1 " + via4(2)},
		[]string{"route del 0.0.0.0/1", "route del 128.0.0.0/1"})
	add("halves6", []string{"route replace 2000::/3 " + via6(2)}, []string{"route del 2000::/3"})
	add("host4", []string{"route replace 198.51.100.7 " + via4(2)}, []string{"route del 198.51.100.7 dev wan2"})
	add("host6", []string{"route replace 2001:db8:ff::7 " + via6(2)}, []string{"route del 2001:db8:ff::7 dev wan2"})
	for i, verb := range []string{"unreachable", "prohibit", "blackhole"} {
		four, six := fmt.Sprintf("%s 198.51.100.%d/30", verb, 4*i), fmt.Sprintf("%s 2001:db8:ff::%x/126", verb, 4*i)
		add(verb+"4", []string{"route replace " + four}, []string{"route del " + four})
		add(verb+"6", []string{"route replace " + six}, []string{"route del " + six})
	}
	add("marked4 gone", []string{"route del 0.0.0.0/0 table 100"}, nil)
	add("marked6 gone", []string{"route del ::/0 table 100"}, nil)
	add("marked4 moved", []string{"route replace 0.0.0.0/0 " + via4(2) + " table 100"}, nil)
	add("marked4 refused", []string{"route replace unreachable 0.0.0.0/0 table 100"}, nil)
	add("rule4", []string{"rule del fwmark 7 pref 100"}, nil)
	add("rule6", []string{"-6 rule del fwmark 7 pref 100"}, nil)
	add("refusal4", []string{"rule add fwmark 7 unreachable pref 90"}, []string{"rule del fwmark 7 pref 90"})
	add("nexthop4 gone", []string{"nexthop del id 10"}, nil)
	add("nexthop6 gone", []string{"nexthop del id 11"}, nil)
	add("nexthop4 moved", []string{"nexthop replace id 10 " + via4(2)}, nil)
	add("nexthop6 moved", []string{"nexthop replace id 11 " + via6(2)}, nil)
	add("sourced6", []string{"route del ::/0 from 2001:db8:2::/64 metric 5"}, nil)
	return append(list, idle()...)
}

// idle are the changes that no connection has to do with.
func idle() []change {
	var list []change
	for i := range wans {
		var add, del []string
		for n := 128; n < 168; n++ {
			add = append(add, fmt.Sprintf("route replace 198.51.100.%d %s", n, via4(i)), fmt.Sprintf("route replace 2001:db8:ff::%x %s", n, via6(i)))
			del = append(del, fmt.Sprintf("route del 198.51.100.%d dev %s", n, wan(i)), fmt.Sprintf("route del 2001:db8:ff::%x dev %s", n, wan(i)))
		}
		list = append(list, change{name: "others " + wan(i), strike: add, mend: del})
	}
	return append(list,
		change{name: "worse", strike: []string{"route replace 0.0.0.0/0 " + via4(2) + " metric 100"}, mend: []string{"route del 0.0.0.0/0 metric 100"}},
		change{name: "other rule", strike: []string{"rule add fwmark 8 lookup 200 pref 120"}, mend: []string{"rule del pref 120"}},
		change{name: "suppress4", strike: []string{"rule add lookup main suppress_prefixlength 0 pref 80"}, mend: []string{"rule del pref 80"}},
		change{name: "suppress6", strike: []string{"-6 rule add lookup main suppress_prefixlength 0 pref 80"}, mend: []string{"-6 rule del pref 80"}},
		change{name: "rule for nobody", strike: []string{"rule add not fwmark 0/0 lookup 200 pref 70"}, mend: []string{"rule del pref 70"}},
		change{name: "goto rule", strike: []string{"rule add goto 70 pref 60"}, mend: []string{"rule del pref 60"}},
		change{name: "port rule", strike: []string{"rule add ipproto tcp sport 1 lookup 200 pref 110"}, mend: []string{"rule del pref 110"}},
		change{name: "type of service", strike: []string{"rule add tos 0x10 lookup 200 pref 111"}, mend: []string{"rule del pref 111"}},
		change{name: "other link", strike: []string{"link add other type bridge", "link set other up", "address add 203.0.113.250/32 dev other"}, mend: []string{"link del other"}},
		change{name: "mtu", strike: []string{"link set wan0 mtu 1400"}, mend: []string{"link set wan0 mtu 1500"}},
		change{name: "lifetime", strike: []string{"address change " + addr4(0, 1) + "/26 dev wan0 valid_lft 3600 preferred_lft 1800"}},
	)
}

// weather decides what changes, and when. All of it comes from the seed; no clock
// is read.
type weather struct {
	rand   *rand.Rand
	all    []change
	at     time.Duration // now, since the start
	gust   time.Duration // when the next change strikes
	struck []struck      // what is to be mended, in no order
}

type struck struct {
	change
	until time.Duration
}

// most bounds the changes at a time: with more, no connection would live.
const most = 5

func newWeather(seed uint64) *weather {
	return &weather{rand: rand.New(rand.NewPCG(seed, 0)), all: changes()}
}

// next is the next thing to do: to strike with a change or to mend it, and when.
func (w *weather) next() (at time.Duration, c change, mend bool) {
	for {
		if i := w.first(); i >= 0 && (w.struck[i].until <= w.gust) {
			s := w.struck[i]
			w.struck = slices.Delete(w.struck, i, i+1)
			w.at = s.until
			return w.at, s.change, true
		}
		w.at = w.gust
		w.gust += w.between(20*time.Millisecond, 600*time.Millisecond)
		c := w.all[w.rand.IntN(len(w.all))]
		if len(w.struck) >= most || slices.ContainsFunc(w.struck, func(s struck) bool { return s.name == c.name }) {
			continue
		}
		w.struck = append(w.struck, struck{c, w.at + w.length(c)})
		return w.at, c, false
	}
}

// first is the index of what is to be mended first; -1 where there is nothing.
func (w *weather) first() int {
	first := -1
	for i := range w.struck {
		if first < 0 || w.struck[i].until < w.struck[first].until {
			first = i
		}
	}
	return first
}

// length is how long a change stays: shorter than what netmond lets pass, about
// as long, or longer.
func (w *weather) length(c change) time.Duration {
	short, long := settle*3/4, 10*settle
	if c.slow {
		short, long = grace*3/4, 2*grace
	}
	switch n := w.rand.IntN(10); {
	case n < 3:
		return w.between(short/3, short)
	case n < 7:
		return w.between(short, long)
	}
	return w.between(long, 2*grace+time.Second)
}

func (w *weather) between(a, b time.Duration) time.Duration {
	return a + time.Duration(w.rand.Int64N(int64(max(b-a, 1))))
}

// lines are the commands that put back what no change in force has taken away.
func (w *world) lines(gone []struck) []string {
	var lines []string
	for _, o := range w.base {
		if !slices.ContainsFunc(gone, func(s struck) bool { return slices.Contains(o.parts, s.name) }) {
			lines = append(lines, o.line)
		}
	}
	return lines
}
