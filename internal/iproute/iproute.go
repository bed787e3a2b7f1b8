// Package iproute reads iproute2's text into rtnl values, and prints it, so that
// tests can say what they mean in the words of ip(8). For tests only: nothing
// that ships imports it.
//
// A line is an event:
//
//	[verb] [-4|-6] [kind] text
//
// The kind is route where it is left out, and the text is what ip prints:
//
//	default via 192.0.2.1 dev wan proto static metric 100
//	unreachable 2001:db8:1::/48 dev lo table 100
//	198.51.100.0/24 nexthop via 192.0.2.1 dev wan weight 1 nexthop via 192.0.2.2 dev wan weight 2
//	rule 100: not from all fwmark 0xca6c lookup 51820
//	nexthop id 20 group 10/11,5
//	netconf inet wan ignore_routes_with_linkdown on
//
// Links and addresses, of which ip prints more than one line, have a short form:
//
//	link wan up
//	link wan up nocarrier
//	link p1 up master br0
//	addr 192.0.2.9/24 dev wan secondary deprecated
//
// Words of ip that no field of rtnl holds (expires, mtu, linkdown) are
// passed over; a word that is not ip's is an error. Where the addresses of a
// line do not say its family, -4 or -6 does, and without either it is IPv4.
//
// The verbs give an event the flags that the kernel's notification has after
// the ip command of that name (fib_table_insert, fib6_add_rt2node):
//
//	(none)   New, as in a dump
//	add      New, FlagExcl|FlagCreate
//	append   New, FlagCreate|FlagAppend; appended to nothing, it is an add
//	prepend  New, FlagCreate; before nothing, it is an add
//	replace  New, FlagReplace; of nothing, it is an add
//	change   New, FlagReplace
//	del      Del
//
// For a nexthop object, whose notification repeats the request's flags
// (nexthop_notify), replace is FlagCreate|FlagReplace. The other kinds have no flags.
package iproute

import (
	"fmt"
	"strings"

	"github.com/netmond/netmond/rtnl"
)

// verbs are the verbs and the flags they give to routes.
var verbs = []struct {
	name  string
	op    rtnl.Op
	flags uint16
}{
	{"add", rtnl.New, rtnl.FlagExcl | rtnl.FlagCreate},
	{"append", rtnl.New, rtnl.FlagCreate | rtnl.FlagAppend},
	{"prepend", rtnl.New, rtnl.FlagCreate},
	{"replace", rtnl.New, rtnl.FlagReplace},
	{"change", rtnl.New, rtnl.FlagReplace},
	{"del", rtnl.Del, 0},
}

const (
	protoKernel = 2 // RTPROT_KERNEL
	protoBoot   = 3 // RTPROT_BOOT
)

// Parse reads one line. Links that it names are numbered by links.
func Parse(line string, links *Links) (rtnl.Event, error) {
	w := newWords(line)
	e := rtnl.Event{Op: rtnl.New}
	for _, v := range verbs {
		if w.take(v.name) {
			e.Op, e.Flags = v.op, v.flags
			break
		}
	}
	var fam uint8
	switch {
	case w.take("-4"):
		fam = rtnl.IPv4
	case w.take("-6"):
		fam = rtnl.IPv6
	}
	if kind := w.peek(); kind != "nexthop" && kind != "route" && isKind(kind) {
		e.Flags = 0
	}
	switch {
	case w.take("link"):
		e.Message = parseLink(w, links)
	case w.take("addr"):
		e.Message = parseAddr(w, links)
	case w.take("rule"):
		e.Message = parseRule(w, fam)
	case w.take("netconf"):
		e.Message = parseNetconf(w, links)
	case w.take("nexthop"):
		e.Message = parseNextHop(w, links)
		if e.Flags == rtnl.FlagReplace {
			e.Flags |= rtnl.FlagCreate
		}
	default:
		w.take("route")
		e.Message = parseRoute(w, fam, links)
	}
	if err := w.end(); err != nil {
		return rtnl.Event{}, err
	}
	return e, nil
}

func isKind(word string) bool {
	switch word {
	case "link", "addr", "rule", "netconf", "nexthop", "route":
		return true
	}
	return false
}

// Events reads a text of lines. Empty lines, and what follows a #, are passed
// over; a line that starts with white space and "nexthop" belongs to the route
// above it, as ip prints multipath routes.
func Events(text string, links *Links) ([]rtnl.Event, error) {
	var events []rtnl.Event
	for _, line := range lines(text) {
		e, err := Parse(line, links)
		if err != nil {
			return nil, err
		}
		events = append(events, e)
	}
	return events, nil
}

// Routes reads what `ip -4 route show` or `ip -6 route show` prints, with any
// of -d, -N and table all.
func Routes(text string, family uint8, links *Links) ([]*rtnl.Route, error) {
	var routes []*rtnl.Route
	for _, line := range lines(text) {
		r, err := ParseRoute(line, family, links)
		if err != nil {
			return nil, err
		}
		routes = append(routes, r)
	}
	return routes, nil
}

// Rules reads what `ip -4 rule show` or `ip -6 rule show` prints.
func Rules(text string, family uint8) ([]*rtnl.Rule, error) {
	var rules []*rtnl.Rule
	for _, line := range lines(text) {
		r, err := ParseRule(line, family)
		if err != nil {
			return nil, err
		}
		rules = append(rules, r)
	}
	return rules, nil
}

// lines splits a text, without comments and empty lines, joins the legs of a
// multipath route to it, and leaves out what -d repeats of a nexthop object.
func lines(text string) []string {
	var out []string
	for _, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == "", strings.HasPrefix(trimmed, "nh_info "):
		case trimmed != strings.TrimRight(line, " \t\r") && strings.HasPrefix(trimmed, "nexthop ") &&
			!strings.HasPrefix(trimmed, "nexthop id ") && len(out) > 0:
			out[len(out)-1] += " " + trimmed
		default:
			out = append(out, trimmed)
		}
	}
	return out
}

// Format prints an event as a line that Parse reads back. Flags that no verb
// stands for are an error of the caller, and print as "?".
func Format(e rtnl.Event, links *Links) string {
	b := []byte(verb(e))
	switch m := e.Message.(type) {
	case *rtnl.Route:
		if m.Default() && m.Family() == rtnl.IPv6 {
			b = append(b, "-6 "...)
		}
		b = m.Append(b, links.Name)
	case *rtnl.Rule:
		if m.Family == rtnl.IPv6 {
			b = append(b, "-6 "...)
		}
		b = append(append(b, "rule "...), m.String()...)
		if m.Protocol == protoKernel { // left out by ip without -d, as unspec is
			b = append(b, " proto kernel"...)
		}
	case *rtnl.Link:
		b = appendLink(append(b, "link "...), m, links)
	case *rtnl.Addr:
		b = appendAddr(append(b, "addr "...), m, links)
	case *rtnl.NextHopObject:
		b = appendNextHop(append(b, "nexthop "...), m, links)
	case *rtnl.Netconf:
		b = appendNetconf(append(b, "netconf "...), m, links)
	default:
		b = fmt.Appendf(b, "%v", m)
	}
	return string(b)
}

// verb is the verb of an event and a space, or nothing.
func verb(e rtnl.Event) string {
	flags := e.Flags
	if _, ok := e.Message.(*rtnl.NextHopObject); ok && flags == rtnl.FlagCreate|rtnl.FlagReplace {
		flags = rtnl.FlagReplace
	}
	if e.Op == rtnl.New && flags == 0 {
		return ""
	}
	for _, v := range verbs {
		if v.op == e.Op && v.flags == flags {
			return v.name + " "
		}
	}
	return "? "
}
