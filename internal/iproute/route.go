package iproute

import (
	"net/netip"
	"strconv"

	"github.com/netmond/netmond/rtnl"
)

// passedOver are words of a route that rtnl has no field for, and how many words
// belong to each.
var passedOver = map[string]int{
	"linkdown": 0, "unresolved": 0, "offload": 0, "offload_failed": 0, "trap": 0,
	"rt_offload": 0, "rt_offload_failed": 0, "rt_trap": 0, "notify": 0,
	"expires": 1, "error": 1, "mtu": 1, "advmss": 1, "hoplimit": 1, "cwnd": 1, "initcwnd": 1, "initrwnd": 1,
	"rtt": 1, "rttvar": 1, "rto_min": 1, "ssthresh": 1, "window": 1, "reordering": 1, "features": 1, "quickack": 1,
	"congctl": 1, "realm": 1, "realms": 1, "fastopen_no_cookie": 1, "ttl-propagate": 1, "age": 1, "users": 1,
}

// ParseRoute reads a route as `ip route show` prints it, with any of -d, -N and
// table all, in one line. What is not printed has the value that ip leaves out:
// unicast, table main, proto boot, scope global. family is for routes that have
// no address; 0 means IPv4.
func ParseRoute(line string, family uint8, links *Links) (*rtnl.Route, error) {
	w := newWords(line)
	r := parseRoute(w, family, links)
	if err := w.end(); err != nil {
		return nil, err
	}
	return r, nil
}

// routeReader is the state of one reading.
type routeReader struct {
	*words
	*rtnl.Route
	links *Links
	fam   uint8

	alone rtnl.NextHop   // what stands before the first "nexthop"
	legs  []rtnl.NextHop // what follows
}

func parseRoute(w *words, fam uint8, links *Links) *rtnl.Route {
	r := routeReader{words: w, links: links, fam: fam, Route: &rtnl.Route{
		Type: rtnl.Unicast, Table: rtnl.TableMain, Protocol: protoBoot, Scope: rtnl.ScopeUniverse,
	}}
	r.alone.Weight = 1
	r.Type = r.routeType()
	r.Dst = r.selector("destination", &r.fam)
	for w.more() {
		if !r.hopWord() && !r.routeWord() {
			w.fail("unexpected %q", w.peek())
		}
	}
	r.finish()
	return r.Route
}

// routeType reads the type, if the line starts with one.
func (r *routeReader) routeType() rtnl.RouteType {
	for t := rtnl.Unicast; t <= rtnl.Throw; t++ {
		if r.take(t.String()) {
			return t
		}
	}
	if n, err := strconv.ParseUint(r.peek(), 10, 8); err == nil {
		r.next("type")
		return rtnl.RouteType(n)
	}
	return rtnl.Unicast
}

// routeWord reads a word that is of the whole route.
func (r *routeReader) routeWord() bool {
	switch {
	case r.take("from"):
		r.Src = r.selector("from", &r.fam)
	case r.take("tos"), r.take("dsfield"):
		r.TOS = r.tos()
	case r.take("nhid"):
		r.NHID = uint32(r.number("nhid", 32))
	case r.take("table"):
		r.Table = r.table()
	case r.take("proto"):
		r.Protocol = r.protocol()
	case r.take("scope"):
		r.Scope = r.scope()
	case r.take("src"):
		r.PrefSrc = r.addr("src")
		r.family("src", &r.fam, r.PrefSrc)
	case r.take("metric"):
		r.Priority = uint32(r.number("metric", 32))
	case r.take("pref"):
		r.Pref = r.preference()
	default:
		n, ok := passedOver[r.peek()]
		if !ok {
			return false
		}
		for what := r.next(""); n > 0; n-- {
			if r.next(what) == "lock" {
				r.next(what)
			}
		}
	}
	return true
}

// preference reads an RFC 4191 preference, which IPv6 alone has.
func (r *routeReader) preference() uint8 {
	r.family("pref", &r.fam, netip.IPv6Unspecified())
	switch {
	case r.take("medium"):
		return 0
	case r.take("high"):
		return 1
	case r.take("low"):
		return 3
	}
	r.fail("pref: %q is none of low, medium, high", r.peek())
	return 0
}

// hopWord reads a word that is of a next hop.
func (r *routeReader) hopWord() bool {
	hop := &r.alone
	if len(r.legs) > 0 {
		hop = &r.legs[len(r.legs)-1]
	}
	switch {
	case r.take("nexthop"):
		r.legs = append(r.legs, rtnl.NextHop{Weight: 1})
	case r.take("via"):
		hop.Gateway = r.gateway()
	case r.take("dev"):
		hop.Oif = r.dev(r.links)
	case len(r.legs) > 0 && r.take("weight"):
		n := r.number("weight", 16)
		if n < 1 || n > 256 {
			r.fail("weight: %d is not in 1 to 256", n)
		}
		hop.Weight = uint16(n)
	case r.take("dead"):
		hop.Flags |= rtnl.HopDead
	case r.take("onlink"):
		hop.Flags |= rtnl.HopOnlink
	case r.take("pervasive"):
		hop.Flags |= rtnl.HopPervasive
	default:
		return false
	}
	return true
}

// gateway reads what follows via: an address of the route's family, or, for
// IPv4, "inet6" and an IPv6 one (RFC 5549).
func (r *routeReader) gateway() netip.Addr {
	if !r.take("inet6") {
		r.take("inet")
		a := r.addr("via")
		r.family("via", &r.fam, a)
		return a
	}
	a := r.addr("via inet6")
	if a.Is4() {
		r.fail("via inet6: %s is of another family", a)
	}
	return a
}

// dev reads the name of a link.
func (w *words) dev(links *Links) uint32 {
	name := w.next("dev")
	if w.err != nil {
		return 0
	}
	return links.Index(name)
}

// finish fills in what depends on the whole line.
func (r *routeReader) finish() {
	if r.fam == 0 {
		r.fam = rtnl.IPv4
	}
	if r.fam == rtnl.IPv6 {
		r.Scope = 0 // printed with -d, but IPv6 has none
	}
	if !r.Dst.IsValid() {
		r.Dst = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
		if r.fam == rtnl.IPv6 {
			r.Dst = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
		}
	}
	stated := r.alone.Oif != 0 || r.alone.Gateway.IsValid()
	switch {
	case stated && len(r.legs) > 0:
		r.fail("a next hop before the first nexthop")
	case !stated && r.alone.Flags != 0:
		r.fail("dead, onlink or pervasive without a next hop")
	case stated:
		r.NextHops = []rtnl.NextHop{r.alone}
	}
	for _, h := range r.legs {
		if h.Oif == 0 && !h.Gateway.IsValid() {
			r.fail("nexthop without via and dev")
		}
		r.NextHops = append(r.NextHops, h)
	}
	if len(r.NextHops) == 1 {
		r.NextHops[0].Weight = 1 // the kernel has no route of one leg, only a plain one (fib_dump_info)
	}
}
