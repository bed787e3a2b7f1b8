package cpd_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing/fstest"

	"github.com/netmond/netmond/cpd"
)

func ExampleClassify() {
	probe := cpd.Probe{URL: "http://probe.example.com/generate_204"}
	res := cpd.Classify(probe, cpd.Response{Status: 302, Location: "/login?from=probe"})
	fmt.Println(res.State, res.URL)
	fmt.Println(res.Reason)
	// Output:
	// Captive http://probe.example.com/login?from=probe
	// 302: redirected
}

func ExampleDetector_Check() {
	portal := httptest.NewServer(http.RedirectHandler("http://portal.example.net/", http.StatusFound))
	defer portal.Close()

	d := cpd.Detector{Probes: []cpd.Probe{{URL: portal.URL + "/generate_204"}}}
	res := d.Check(context.Background())
	fmt.Println(res.State, res.URL)
	// Output: Captive http://portal.example.net/
}

func ExampleLeases() {
	root := fstest.MapFS{"run/systemd/netif/links/3": {Data: []byte("DNS=192.0.2.53\nCAPTIVE_PORTAL=https://portal.example.net/api\n")}}
	l := cpd.Leases(root, "wan", 3) // os.DirFS("/") on a device
	fmt.Println(l.Resolvers, l.Capport)
	// Output: [192.0.2.53] https://portal.example.net/api
}
