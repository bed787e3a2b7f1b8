package conn_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"

	"github.com/netmond/netmond/conn"
	"github.com/netmond/netmond/internal/iproute"
	"github.com/netmond/netmond/rtable"
	"github.com/netmond/netmond/rtnl"
)

// An http.Transport whose connections end as soon as their path has died, so that
// the next request dials anew.
func ExampleRegistry() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") }))
	defer server.Close()

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var reg conn.Registry
	go reg.Follow(ctx)

	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = reg.DialContext
	client := http.Client{Transport: transport}
	defer client.CloseIdleConnections()

	get := func(url string) (*http.Response, error) {
		resp, err := client.Get(url)
		if why := new(conn.UnroutableError); errors.As(err, &why) {
			slog.Warn("the path died", "reason", why.Cause.Reason, "was", why.Cause.Was)
			return client.Get(url)
		}
		return resp, err
	}
	resp, err := get(server.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	text, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	fmt.Printf("%s, %d connection\n", text, reg.Len())
	// Output: hello, 1 connection
}

// A server that drops clients it can no longer answer, instead of keeping them for a
// quarter of an hour.
func ExampleRegistry_Listener() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var reg conn.Registry
	go reg.Follow(ctx)

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	server := http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%d client", reg.Len())
	})}
	go server.Serve(reg.Listener(l))
	defer server.Close()

	resp, err := http.Get("http://" + l.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	text, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	fmt.Printf("%s\n", text)
	// Output: 1 client
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
