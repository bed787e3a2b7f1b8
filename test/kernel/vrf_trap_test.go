//go:build linux

package kernel

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/netmond/netmond/internal/netlink"
	"github.com/netmond/netmond/rtable"
	"github.com/netmond/netmond/rtnl"
)

// A VRF's table is asked for flows bound to it or to its ports (T22). Where the
// kernel has no VRFs, the codec and the model answer for messages as one that has
// them sends, and the log says so.
func TestTrap22VRF(t *testing.T) {
	kernel(t, func(t *testing.T) {
		s := newScene(t, "link set wan1 arp off")
		if err := try("link add red type vrf table 100"); err != nil {
			t.Logf("this kernel cannot make a VRF (%v): codec and model only", err)
			vrfFromBytes(t, s.table)
			return
		}
		s.act("link set red up", "link set wan1 master red", "route add default via 192.0.2.129 table 100")
		s.goes(host, "network is unreachable")
		s.goes(host, wan1, oif(s.table.LinkByName("red").Index))
		s.goes(host, wan1, oif(s.table.LinkByName(wan1).Index))
		s.act("link set wan1 nomaster")
		s.act("link del red")
	})
}

// vrfFromBytes enslaves wan1 to a VRF and asks the model.
func vrfFromBytes(t *testing.T, table *rtable.Table) {
	t.Helper()
	const red, vrfTable = 4000, 100
	port := table.LinkByName(wan1).Index
	datagram := linkMessage(red, "red", 0, func(b []byte) []byte {
		return netlink.AppendNested(b, unix.IFLA_LINKINFO, func(b []byte) []byte {
			b = netlink.AppendAttr(b, unix.IFLA_INFO_KIND, []byte("vrf\x00"))
			return netlink.AppendNested(b, unix.IFLA_INFO_DATA, func(b []byte) []byte {
				return netlink.AppendUint32(b, unix.IFLA_VRF_TABLE, vrfTable)
			})
		})
	})
	datagram = append(datagram, linkMessage(port, wan1, red, nil)...)
	datagram = append(datagram, netlink.AppendMessage(nil, netlink.Header{Type: unix.RTM_NEWRULE}, func(b []byte) []byte {
		b = append(b, unix.AF_INET, 0, 0, 0, 0, 0, 0, byte(rtnl.ActionTable), 0, 0, 0, 0)
		b = netlink.AppendUint32(b, unix.FRA_PRIORITY, 1000)
		return netlink.AppendAttr(b, unix.FRA_L3MDEV, []byte{1})
	})...)
	datagram = append(datagram, netlink.AppendMessage(nil, netlink.Header{Type: unix.RTM_NEWROUTE}, func(b []byte) []byte {
		b = append(b, unix.AF_INET, 0, 0, 0, vrfTable, unix.RTPROT_STATIC, 0, unix.RTN_UNICAST, 0, 0, 0, 0)
		b = netlink.AppendUint32(b, unix.RTA_OIF, port)
		return netlink.AppendAttr(b, unix.RTA_GATEWAY, addr(wan1Gateway).AsSlice())
	})...)
	var batch rtnl.Batch
	for e, err := range rtnl.Events(datagram) {
		if err != nil {
			t.Fatal(err)
		}
		batch.Events = append(batch.Events, e)
	}
	table, changes := table.Apply(batch)
	if !changes.Touches(addr(host)) {
		t.Error("a new l3mdev rule touches nothing")
	}
	for _, c := range []struct {
		oif  uint32
		want bool
	}{{red, true}, {port, true}, {0, false}, {table.LinkByName(wan0).Index, false}} {
		a, ok := table.Lookup(rtable.Query{Dst: addr(host), Oif: c.oif})
		if ok != c.want || ok && (a.Route.Table != vrfTable || !a.Leaves(port)) {
			t.Errorf("Lookup(%s) bound to %s = %v %v, want a route of the VRF: %v", host, table.LinkName(c.oif), a.Route.String(), ok, c.want)
		}
	}
}

// linkMessage is an RTM_NEWLINK of a link that is up and running.
func linkMessage(index uint32, name string, master uint32, more func([]byte) []byte) []byte {
	return netlink.AppendMessage(nil, netlink.Header{Type: unix.RTM_NEWLINK}, func(b []byte) []byte {
		b = append(b, 0, 0, 1, 0)
		b = appendNative(b, index)
		b = appendNative(b, rtnl.FlagUp|rtnl.FlagRunning|rtnl.FlagLowerUp)
		b = appendNative(b, 0)
		b = netlink.AppendAttr(b, unix.IFLA_IFNAME, append([]byte(name), 0))
		b = netlink.AppendUint32(b, unix.IFLA_MASTER, master)
		if more != nil {
			b = more(b)
		}
		return b
	})
}
