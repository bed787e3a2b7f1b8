package view

import (
	"fmt"

	"github.com/netmond/netmond/conn"
	"github.com/netmond/netmond/rtable"
	"github.com/netmond/netmond/rtnl"
)

// Flow is a connection as `netmond flows -json` prints it.
type Flow struct {
	Proto  string `json:"proto"`
	Local  string `json:"local"`
	Remote string `json:"remote"`
	State  string `json:"state"`
	Route  string `json:"route"` // the route it takes, in iproute2 text, or the errno of its lookup
	Dev    string `json:"dev,omitempty"`
	UID    uint32 `json:"uid"`

	// Verdict is "keep" for a flow that the loss of its path would close,
	// "exempt" for one that is never judged, or the reason for which it has no
	// path as things are.
	Verdict string `json:"verdict"`
	Why     string `json:"why,omitempty"` // what would close it, or why nothing does
}

// NewFlow assesses a flow by the table as it is.
func NewFlow(t *rtable.Table, f conn.Flow) Flow {
	v := Flow{
		Proto: f.Proto.String(), Local: f.Local.String(), Remote: f.Remote.String(),
		State: f.State.String(), UID: f.UID,
	}
	a, ok := t.Lookup(f.Query())
	if ok || a.Route.Dst.IsValid() {
		v.Route = string(a.Route.Append(nil, t.LinkName))
	} else {
		v.Route = ErrnoName(a.Errno)
	}
	if len(a.Hops) > 0 {
		v.Dev = t.LinkName(a.Hops[0].Oif)
	}
	v.Verdict, v.Why = standing(t, f, a, ok)
	return v
}

// standing says where a flow stands as things are.
func standing(t *rtable.Table, f conn.Flow, a rtable.Answer, ok bool) (verdict, why string) {
	as := conn.Assess(t, t, f)
	switch {
	case !ok && as.Exempt != "" && as.Was.Errno != 0:
		return conn.NoRoute.String(), "no route since before it was known; adopted as it is"
	case as.Exempt != "":
		return "exempt", as.Exempt
	case !ok:
		return conn.NoRoute.String(), "its lookup is refused: " + ErrnoName(a.Errno)
	case t.LinkDown(as.Link):
		return conn.LinkDown.String(), t.LinkName(as.Link) + " is down"
	}
	return "keep", "closes when " + t.LinkName(as.Link) + " goes down or no route by it is left"
}

// Why is the answer to `netmond why -json`: the verdict on one flow, step by
// step.
type Why struct {
	Flow    Flow     `json:"flow"`
	Found   bool     `json:"found"` // the device has such a connection
	Verdict string   `json:"verdict"`
	Steps   []string `json:"steps"`
}

// NewWhy assesses a flow. found says that it was seen on the device; another is
// judged as if it were there.
func NewWhy(t *rtable.Table, f conn.Flow, found bool) Why {
	w := Why{Flow: NewFlow(t, f), Found: found}
	w.Verdict = w.Flow.Verdict
	say := func(format string, args ...any) { w.Steps = append(w.Steps, fmt.Sprintf(format, args...)) }
	if found {
		say("the device has this connection: %s, uid %d", f.State, f.UID)
	} else {
		say("the device has no such connection; judged as if it had")
	}
	if f.Mark != 0 {
		say("its mark is 0x%x", f.Mark)
	}
	if f.Oif != 0 {
		say("it is bound to %s", t.LinkName(f.Oif))
	}
	as := conn.Assess(t, t, f)
	if as.Exempt != "" {
		say("it %s: never judged", as.Exempt)
		return w
	}
	local := f.Local.Addr()
	for a := range t.Addrs() {
		if a.Local == local {
			say("its local address is on %s", t.LinkName(a.Link))
		}
	}
	a, ok := t.Lookup(f.Query())
	if a.Rule != nil {
		say("rule %s", a.Rule)
	}
	if a.Route.Dst.IsValid() {
		say("route %s", a.Route.Append(nil, t.LinkName))
	}
	if !ok {
		say("the lookup is refused: %s", ErrnoName(a.Errno))
		return w
	}
	for i := range a.Hops {
		say("%s", hopStep(t, &a.Hops[i], f))
	}
	w.Steps = append(w.Steps, w.Flow.Why)
	return w
}

func hopStep(t *rtable.Table, h *rtnl.NextHop, f conn.Flow) string {
	s := "it leaves by " + t.LinkName(h.Oif)
	if h.Gateway.IsValid() {
		s += " via " + h.Gateway.String()
	}
	if t.LinkDown(h.Oif) {
		s += ", which is down"
	}
	if t.Owns(h.Oif, f.Local.Addr()) {
		return s + ", which owns its local address"
	}
	return s + ", which does not own its local address: no other gateway or better route closes it"
}

// Text is the answer for a person.
func (w Why) Text() string {
	s := Printable(fmt.Sprintf("%s %s %s: %s", w.Flow.Proto, w.Flow.Local, w.Flow.Remote, w.Verdict)) + "\n"
	for i, step := range w.Steps {
		s += fmt.Sprintf("  %d. %s\n", i+1, Printable(step))
	}
	return s
}

// Text is the flow for a person: its addresses and verdict, and below it the
// route and what would close it.
func (f Flow) Text() string {
	s := Printable(fmt.Sprintf("%-5s %-44s %-12s %s", f.Proto, f.Local+" > "+f.Remote, f.State, f.Verdict)) + "\n"
	if f.Verdict != "exempt" {
		s += "      " + Printable(f.Route) + "\n"
	}
	return s + "      " + Printable(f.Why) + "\n"
}
