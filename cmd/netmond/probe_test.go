package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/netmond/netmond/internal/daemon"
)

// TestLeaseOfNetifd: on OpenWrt netifd's word comes before that of files, and where
// it knows nothing, or does not answer, they count.
func TestLeaseOfNetifd(t *testing.T) {
	const dump = `{"interface":[
		{"interface":"wan","up":true,"l3_device":"eth1","dns-server":["192.0.2.53"]},
		{"interface":"lte","up":true,"l3_device":"wwan0","dns-server":["198.51.100.53"]}]}`
	files := fstest.MapFS{
		"var/run/netmond-leases/eth1":  {Data: []byte("DNS=203.0.113.53\nCAPTIVE_PORTAL=https://portal.example.net/\n")},
		"var/run/netmond-leases/wlan0": {Data: []byte("DNS=203.0.113.54\n")},
	}
	for _, c := range []struct {
		name, dev, answer string
		err               error
		want              string
		capport           string
	}{
		{"both know", "eth1", dump, nil, "192.0.2.53", "https://portal.example.net/"},
		{"netifd alone knows", "wwan0", dump, nil, "198.51.100.53", ""},
		{"the files alone know", "wlan0", dump, nil, "203.0.113.54", ""},
		{"netifd does not answer", "eth1", "", errors.New("not connected"), "203.0.113.53", "https://portal.example.net/"},
		{"netifd talks nonsense", "eth1", "[", nil, "203.0.113.53", "https://portal.example.net/"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := &checker{log: slog.New(slog.NewTextHandler(io.Discard, nil))}
			k.netifd = func(context.Context) (json.RawMessage, error) { return json.RawMessage(c.answer), c.err }
			l := k.lease(context.Background(), files, daemon.Uplink{Dev: c.dev})
			if !slices.Equal(l.Resolvers, []netip.Addr{netip.MustParseAddr(c.want)}) || l.Capport != c.capport {
				t.Errorf("the lease is %+v, want the resolver %s and the URI %q", l, c.want, c.capport)
			}
		})
	}
}
