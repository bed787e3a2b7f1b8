// Package view makes what people and programs read of netmond's values: the
// JSON of the commands and of the local API, and the lines on a terminal. It is
// pure; the daemon and the commands that work without it share it.
package view

import (
	"net/netip"
	"syscall"

	"github.com/netmond/netmond/rtable"
	"github.com/netmond/netmond/rtnl"
)

// Route is a route as `netmond routes -json` prints it.
type Route struct {
	Dst      string    `json:"dst"`
	Family   int       `json:"family"` // 4 or 6
	Table    uint32    `json:"table"`
	Type     string    `json:"type"`
	Metric   uint32    `json:"metric"`
	Gateway  string    `json:"gateway"` // empty where there is none, as are dev and prefsrc
	Dev      string    `json:"dev"`
	PrefSrc  string    `json:"prefsrc"`
	From     string    `json:"from,omitempty"`
	TOS      uint8     `json:"tos,omitempty"`
	NHID     uint32    `json:"nhid,omitempty"`
	NextHops []NextHop `json:"nexthops,omitempty"` // of a multipath route
	Proto    string    `json:"proto"`
	Scope    string    `json:"scope"`
}

// NextHop is a leg of a multipath route.
type NextHop struct {
	Gateway string `json:"gateway"`
	Dev     string `json:"dev"`
	Weight  uint16 `json:"weight"`
}

// NewRoute makes a Route; t names the links.
func NewRoute(t *rtable.Table, r *rtnl.Route) Route {
	v := Route{
		Dst:     Prefix(r.Dst),
		Family:  Family(r.Family()),
		Table:   r.Table,
		Type:    r.Type.String(),
		Metric:  r.Priority,
		PrefSrc: addr(r.PrefSrc),
		TOS:     r.TOS,
		NHID:    r.NHID,
		Proto:   rtnl.ProtocolName(r.Protocol),
		Scope:   rtnl.ScopeName(r.Scope),
	}
	if r.Src.IsValid() {
		v.From = Prefix(r.Src)
	}
	if len(r.NextHops) == 1 {
		v.Gateway, v.Dev = hop(t, &r.NextHops[0])
		return v
	}
	for i := range r.NextHops {
		n := NextHop{Weight: r.NextHops[i].Weight}
		n.Gateway, n.Dev = hop(t, &r.NextHops[i])
		v.NextHops = append(v.NextHops, n)
	}
	return v
}

func hop(t *rtable.Table, h *rtnl.NextHop) (gateway, dev string) {
	if h.Oif != 0 {
		dev = t.LinkName(h.Oif)
	}
	return addr(h.Gateway), dev
}

func addr(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// Prefix prints a destination as iproute2 does: "default" for length 0, no
// length for a single address.
func Prefix(p netip.Prefix) string {
	switch {
	case !p.IsValid():
		return ""
	case p.Bits() == 0:
		return "default"
	case p.IsSingleIP():
		return p.Addr().String()
	}
	return p.String()
}

// Family is 4 or 6 for rtnl's IPv4 or IPv6.
func Family(fam uint8) int {
	if fam == rtnl.IPv4 {
		return 4
	}
	return 6
}

// Lookup is the answer to `netmond lookup -json`.
type Lookup struct {
	Dst     string  `json:"dst"`
	Found   bool    `json:"found"`
	Type    string  `json:"type,omitempty"`
	Table   uint32  `json:"table,omitempty"`
	Prefix  string  `json:"prefix,omitempty"`
	Gateway string  `json:"gateway"` // empty where there is none, as are dev and prefsrc
	Dev     string  `json:"dev"`
	Metric  *uint32 `json:"metric,omitempty"` // absent where no route was met
	PrefSrc string  `json:"prefsrc"`
	Rule    *uint32 `json:"rule,omitempty"` // priority; absent where no rule matched

	NextHops []NextHop `json:"nexthops,omitempty"` // where several are in use
	Error    string    `json:"error,omitempty"`    // ENETUNREACH, EHOSTUNREACH, EACCES, EINVAL, ENODEV

	rule  string
	route string
}

// NewLookup looks q up in t.
func NewLookup(t *rtable.Table, q rtable.Query) Lookup {
	a, ok := t.Lookup(q)
	v := Lookup{Dst: q.Dst.String(), Found: ok}
	if !ok {
		v.Error = ErrnoName(a.Errno)
	}
	if a.Rule != nil {
		p := a.Rule.Priority
		v.Rule, v.rule = &p, a.Rule.String()
	}
	if !a.Route.Dst.IsValid() {
		return v
	}
	r := &a.Route
	metric := r.Priority
	v.Type, v.Table, v.Prefix, v.Metric, v.PrefSrc = r.Type.String(), r.Table, Prefix(r.Dst), &metric, addr(r.PrefSrc)
	v.route = string(r.Append(nil, t.LinkName))
	if len(a.Hops) > 0 {
		v.Gateway, v.Dev = hop(t, &a.Hops[0])
	}
	if len(a.Hops) > 1 {
		for i := range a.Hops {
			n := NextHop{Weight: a.Hops[i].Weight}
			n.Gateway, n.Dev = hop(t, &a.Hops[i])
			v.NextHops = append(v.NextHops, n)
		}
	}
	return v
}

// Text is the lookup for a person: what decided, in two or three lines.
func (v Lookup) Text() string {
	first := v.Dst + ": "
	if v.Found {
		first += v.route
	} else {
		first += v.Error
		if v.route != "" {
			first += " by " + v.route
		}
	}
	lines := []string{first}
	if v.rule != "" {
		lines = append(lines, "  rule   "+v.rule)
	}
	if v.Prefix != "" {
		lines = append(lines, "  table  "+rtnl.TableName(v.Table), "  prefix "+v.Prefix)
	}
	for _, n := range v.NextHops {
		or := "  or     dev " + n.Dev
		if n.Gateway != "" {
			or += " via " + n.Gateway
		}
		lines = append(lines, or)
	}
	s := ""
	for _, l := range lines {
		s += Printable(l) + "\n"
	}
	return s
}

// ErrnoName is the symbol of an errno that a lookup ends with.
func ErrnoName(e syscall.Errno) string {
	switch e {
	case syscall.ENETUNREACH:
		return "ENETUNREACH"
	case syscall.EHOSTUNREACH:
		return "EHOSTUNREACH"
	case syscall.EACCES:
		return "EACCES"
	case syscall.EINVAL:
		return "EINVAL"
	case syscall.ENODEV:
		return "ENODEV"
	}
	return e.Error()
}
