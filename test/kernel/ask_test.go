//go:build linux

package kernel

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/netmond/netmond/internal/netlink"
	"github.com/netmond/netmond/rtable"
	"github.com/netmond/netmond/rtnl"
)

// asker asks the kernel for routes (RTM_GETROUTE). For one goroutine.
type asker struct{ socket *netlink.Socket }

func newAsker(t testing.TB) *asker {
	t.Helper()
	s, err := netlink.Open(syscall.NETLINK_ROUTE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return &asker{s}
}

// reply is the kernel's answer: the flow's own route, as chosen for one packet.
type reply struct {
	Errno   syscall.Errno // ENETUNREACH and the like; the rest is zero then
	Type    rtnl.RouteType
	Table   uint32
	Oif     uint32
	Gateway netip.Addr
	PrefSrc netip.Addr
	Route   rtnl.Route // with fib: the route of the table that was met
}

func (r reply) String() string {
	if r.Errno != 0 {
		return r.Errno.Error()
	}
	return fmt.Sprintf("%v table %d dev %d via %v src %v [%v]", r.Type, r.Table, r.Oif, r.Gateway, r.PrefSrc, &r.Route)
}

// ask asks for the route of q. With fib the kernel answers with the entry of the
// table (RTM_F_FIB_MATCH), dead next hops and all, which for IPv4 is the only
// honest answer for a bound link: else it takes every destination for on-link.
func (a *asker) ask(t testing.TB, q rtable.Query, fib bool) reply {
	t.Helper()
	var out reply
	err := a.socket.Do(context.Background(), unix.RTM_GETROUTE, 0, func(b []byte) []byte {
		return appendGetRoute(b, q, fib)
	}, func(m netlink.Message) { out = parseReply(t, m) })
	var refused *netlink.Error
	switch {
	case errors.As(err, &refused):
		return reply{Errno: refused.Errno}
	case err != nil:
		t.Fatalf("RTM_GETROUTE %+v: %v", q, err)
	}
	return out
}

// appendGetRoute appends struct rtmsg and the attributes of a question.
func appendGetRoute(b []byte, q rtable.Query, fib bool) []byte {
	family, bits := byte(unix.AF_INET6), byte(128)
	if q.Dst.Is4() {
		family, bits = unix.AF_INET, 32
	}
	src := byte(0)
	if q.Src.IsValid() {
		src = bits
	}
	var flags uint32
	if q.Dst.Is4() {
		flags = unix.RTM_F_LOOKUP_TABLE // say which table it was; IPv6 does so unasked
	}
	if fib {
		flags |= unix.RTM_F_FIB_MATCH
	}
	b = append(b, family, bits, src, q.TOS, 0, 0, 0, 0)
	b = appendNative(b, flags)
	b = netlink.AppendAttr(b, unix.RTA_DST, q.Dst.AsSlice())
	if q.Src.IsValid() {
		b = netlink.AppendAttr(b, unix.RTA_SRC, q.Src.AsSlice())
	}
	if q.Oif != 0 {
		b = netlink.AppendUint32(b, unix.RTA_OIF, q.Oif)
	}
	if q.Iif != 0 {
		b = netlink.AppendUint32(b, unix.RTA_IIF, q.Iif)
	}
	if q.Mark != 0 {
		b = netlink.AppendUint32(b, unix.RTA_MARK, q.Mark)
	}
	b = netlink.AppendUint32(b, unix.RTA_UID, q.UID)
	if q.Proto != 0 {
		b = netlink.AppendAttr(b, unix.RTA_IP_PROTO, []byte{q.Proto})
	}
	if q.Sport != 0 {
		b = netlink.AppendAttr(b, unix.RTA_SPORT, []byte{byte(q.Sport >> 8), byte(q.Sport)})
	}
	if q.Dport != 0 {
		b = netlink.AppendAttr(b, unix.RTA_DPORT, []byte{byte(q.Dport >> 8), byte(q.Dport)})
	}
	return b
}

// appendNative appends v in the machine's order, by way of an attribute.
func appendNative(b []byte, v uint32) []byte {
	return append(b, netlink.AppendUint32(nil, 0, v)[4:]...)
}

func parseReply(t testing.TB, m netlink.Message) reply {
	t.Helper()
	if m.Type != unix.RTM_NEWROUTE || len(m.Data) < unix.SizeofRtMsg {
		t.Fatalf("RTM_GETROUTE answered with message type %d of %d bytes", m.Type, len(m.Data))
	}
	r := reply{Type: rtnl.RouteType(m.Data[7]), Table: uint32(m.Data[4])}
	for a, err := range netlink.Attrs(m.Data[unix.SizeofRtMsg:]) {
		if err != nil {
			t.Fatal(err)
		}
		switch a.Type {
		case unix.RTA_TABLE:
			r.Table = netlink.Uint32(a.Data)
		case unix.RTA_OIF:
			r.Oif = netlink.Uint32(a.Data)
		case unix.RTA_GATEWAY:
			r.Gateway, _ = netip.AddrFromSlice(a.Data)
		case unix.RTA_VIA:
			r.Gateway, _ = netip.AddrFromSlice(a.Data[2:])
		case unix.RTA_PREFSRC:
			r.PrefSrc, _ = netip.AddrFromSlice(a.Data)
		}
	}
	// The codec passes over RTM_F_CLONED; what is left is a fib entry.
	raw := netlink.AppendMessage(nil, m.Header, func(b []byte) []byte { return append(b, m.Data...) })
	for e, err := range rtnl.Events(raw) {
		if err == nil {
			r.Route = *e.Message.(*rtnl.Route)
		}
	}
	return r
}

// leaves says whether the reply is one of the ways out in hops.
func (r reply) leaves(hops []rtnl.NextHop) bool {
	if len(r.Route.NextHops) > 1 { // fibmatch tells the legs, not which it is, and hops may hold those of equal routes
		return slices.ContainsFunc(hops, func(h rtnl.NextHop) bool {
			return slices.ContainsFunc(r.Route.NextHops, func(x rtnl.NextHop) bool { return h.Oif == x.Oif && h.Gateway == x.Gateway })
		})
	}
	return slices.ContainsFunc(hops, func(h rtnl.NextHop) bool { return h.Oif == r.Oif && h.Gateway == r.Gateway })
}

// disagree says what tells Lookup's answer apart from the kernel's, or "". The
// kernel picks one way out; it must be among those that Lookup holds for equal.
func disagree(table *rtable.Table, q rtable.Query, kernel reply) string {
	a, ok := table.Lookup(q)
	if ok != (kernel.Errno == 0) || !ok && !sameRefusal(q, a.Errno, kernel.Errno) {
		return fmt.Sprintf("got %v [%s], kernel %v", a.Errno, line(table, a), kernel)
	}
	if !ok {
		return ""
	}
	if tableOf(a.Route.Table, q) != tableOf(kernel.Table, q) || kindOf(a.Route.Type) != kindOf(kernel.Type) {
		return fmt.Sprintf("got table %d, %v [%s], kernel %v", a.Route.Table, a.Route.Type, line(table, a), kernel)
	}
	if a.Route.Type == rtnl.Unicast && !kernel.leaves(a.Hops) {
		return fmt.Sprintf("got %v [%s], kernel %v", a.Hops, line(table, a), kernel)
	}
	return ""
}

// sameRefusal says whether two errnos are the same refusal of q. Where nothing
// takes a packet that is bound to a link, IPv4 sends it all the same, to the link
// itself, and fibmatch calls that EHOSTUNREACH (ip_route_output_key_hash_rcu,
// inet_rtm_getroute).
func sameRefusal(q rtable.Query, got, kernel syscall.Errno) bool {
	return got == kernel || q.Oif != 0 && q.Dst.Is4() && kernel == syscall.EHOSTUNREACH
}

// tableOf folds the tables that a reply need not tell apart: IPv4 keeps local and
// main in one trie, called main, until the first rule is added (fib_unmerge).
func tableOf(table uint32, q rtable.Query) uint32 {
	if table == rtnl.TableLocal && q.Dst.Is4() {
		return rtnl.TableMain
	}
	return table
}

// kindOf folds the types that a reply need not tell apart: IPv6 answers for an
// anycast address as for a local one.
func kindOf(t rtnl.RouteType) rtnl.RouteType {
	if t == rtnl.Anycast {
		return rtnl.Local
	}
	return t
}

func line(table *rtable.Table, a rtable.Answer) string {
	if a.Rule == nil && a.Route.Type == 0 {
		return "nothing"
	}
	return fmt.Sprintf("rule %v: %s", a.Rule, a.Route.Append(nil, table.LinkName))
}

// disagreeFIB compares with the entry of the table that the kernel met, which
// tells the prefix and the metric.
func disagreeFIB(table *rtable.Table, q rtable.Query, kernel reply) string {
	a, ok := table.Lookup(q)
	if ok != (kernel.Errno == 0) || !ok && !sameRefusal(q, a.Errno, kernel.Errno) {
		return fmt.Sprintf("got %v [%s], kernel %v", a.Errno, line(table, a), kernel)
	}
	if !ok {
		return ""
	}
	got, want := a.Route, kernel.Route
	if got.Dst != want.Dst || tableOf(got.Table, q) != tableOf(want.Table, q) || got.Priority != want.Priority || got.TOS != want.TOS || got.Src != want.Src {
		return fmt.Sprintf("got %s, kernel %s", line(table, a), want.Append(nil, table.LinkName))
	}
	return ""
}
