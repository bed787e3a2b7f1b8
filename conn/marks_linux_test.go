package conn

import (
	"context"
	"net"
	"os/exec"
	"testing"

	"github.com/netmond/netmond/rtable"
	"github.com/netmond/netmond/rtnl"
)

// A program's own connections have the mark that the tracker gives them as well,
// while rules ask for marks.
func TestOwnFlowsHaveConnectionMarks(t *testing.T) {
	if _, err := exec.LookPath("nft"); err != nil {
		lacking(t, "no nftables: %v", err)
	}
	if !inNamespace(t) {
		return
	}
	sh(t, `ip link set lo up
ip address add 192.0.2.2/32 dev lo
nft -f - <<-END
	table ip t {
		chain marks {
			type filter hook output priority mangle
			tcp dport 443 ct mark set 0x100
		}
	}
END`)
	l, err := net.Listen("tcp", "192.0.2.2:443")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	own := ownFlows{Registry: new(Registry)}
	defer own.marks.shut()
	c, err := own.DialContext(context.Background(), "tcp", "192.0.2.2:443")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	rule := &rtnl.Rule{Family: rtnl.IPv4, Priority: 100, Action: rtnl.ActionTable, Table: 7, Mark: 0x100, Mask: 0x3f00, SuppressPrefixLen: -1, SuppressIfGroup: -1}
	without, _ := new(rtable.Table).Apply(rtnl.Batch{Full: true})
	with, everything := without.Apply(rtnl.Batch{Events: []rtnl.Event{{Op: rtnl.New, Message: rule}}})
	for _, step := range []struct {
		name  string
		table *rtable.Table
		want  uint32
	}{{"without rules", without, 0}, {"with one", with, 0x100}, {"which goes", without, 0x100}, {"and is gone", without, 0}} {
		own.View(step.table)
		for f, err := range own.Flows(context.Background(), everything) {
			if err != nil || f.Mark != step.want || !f.MarkKnown {
				t.Errorf("%s: mark %#x, known: %v, %v, want %#x", step.name, f.Mark, f.MarkKnown, err, step.want)
			}
		}
	}
}
