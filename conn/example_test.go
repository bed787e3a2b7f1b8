package conn_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"

	"github.com/netmond/netmond/conn"
	"github.com/netmond/netmond/internal/iproute"
	"github.com/netmond/netmond/rtable"
	"github.com/netmond/netmond/rtnl"
)

// An http.Transport whose connections end as soon as their path has died, so that
// the next request dials anew.
func ExampleRegistry() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var reg conn.Registry
	go reg.Follow(ctx)

	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = reg.DialContext
	client := http.Client{Transport: transport}

	get := func(url string) (*http.Response, error) {
		resp, err := client.Get(url)
		if why := new(conn.UnroutableError); errors.As(err, &why) {
			slog.Warn("the path died", "reason", why.Cause.Reason, "was", why.Cause.Was)
			return client.Get(url)
		}
		return resp, err
	}
	_ = get
	fmt.Println(reg.Len(), "connections")
	// Output: 0 connections
}

// What becomes of a connection when the default route moves to another uplink.
func ExampleJudge() {
	var links iproute.Links
	table := func(old *rtable.Table, text string) *rtable.Table {
		events, err := iproute.Events(text, &links)
		if err != nil {
			panic(err)
		}
		cur, _ := old.Apply(rtnl.Batch{Full: old == nil, Events: events})
		return cur
	}
	before := table(nil, `
		link wan up
		link lte up
		addr 192.0.2.2/25 dev wan
		addr 192.0.2.130/25 dev lte
		default via 192.0.2.1 dev wan metric 10
		default via 192.0.2.129 dev lte metric 20`)
	after := table(before, `del default via 192.0.2.1 dev wan metric 10`)

	flow := conn.Flow{
		Proto: conn.TCP, State: conn.Established, MarkKnown: true,
		Local: netip.MustParseAddrPort("192.0.2.2:4000"), Remote: netip.MustParseAddrPort("198.51.100.7:443"),
	}
	fmt.Println(conn.Judge(before, after, flow))
	flow.Local = netip.MustParseAddrPort("192.0.2.130:4000")
	fmt.Println(conn.Judge(before, after, flow))
	// Output:
	// gateway-gone
	// keep
}
