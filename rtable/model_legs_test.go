package rtable_test

import (
	"slices"

	"github.com/netmond/netmond/rtnl"
)

// The model's view of dead legs: what the state of a link says, and what only a
// mark does. See stored.go.

// tells says whether the link itself says that legs out of it are dead.
func (m *model) tells(oif uint32, fam uint8) bool {
	l := m.linkOf(oif)
	return l == nil || !l.Up() || !l.Running() && m.ignored(oif, fam)
}

// ignored says whether ignore_routes_with_linkdown is on.
func (m *model) ignored(oif uint32, fam uint8) bool {
	return slices.ContainsFunc(m.conf, func(c rtnl.Netconf) bool {
		return c.Family == fam && (c.Link == int32(oif) || fam == rtnl.IPv4 && c.Link == rtnl.NetconfAll)
	})
}

// mark marks the legs out of a link as dead or alive.
func (m *model) mark(fam uint8, oif uint32, dead bool) {
	m.routes = slices.Clone(m.routes)
	for i := range m.routes {
		r := &m.routes[i]
		if r.Family() != fam {
			continue
		}
		r.NextHops = slices.Clone(r.NextHops)
		for k := range r.NextHops {
			if h := &r.NextHops[k]; h.Oif == oif && dead {
				h.Flags |= rtnl.HopDead
			} else if h.Oif == oif {
				h.Flags &^= rtnl.HopDead
			}
		}
	}
}

// revive marks legs as the change of their link has it: see reviveLegs.
func (m *model) revive(old, l *rtnl.Link) {
	for _, fam := range []uint8{rtnl.IPv4, rtnl.IPv6} {
		comes := l.Up() && !old.Up()
		switch {
		case old.Flags == l.Flags:
		case m.tells(l.Index, fam), comes && fam == rtnl.IPv4, fam == rtnl.IPv6 && l.Flags&rtnl.FlagRunning != 0:
			m.mark(fam, l.Index, false)
		case comes:
			m.mark(fam, l.Index, true)
		}
	}
}

// alive says whether a way out of the link is in use.
func (m *model) alive(oif uint32, is4 bool) bool {
	l := m.linkOf(oif)
	if l == nil {
		return oif == 0 || len(m.links) == 0
	}
	fam := rtnl.IPv6
	if is4 {
		fam = rtnl.IPv4
	}
	return l.Up() && (l.Running() || slices.Contains(m.assumed, oif) || !m.ignored(oif, fam))
}
