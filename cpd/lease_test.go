package cpd

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
)

func mapFS(kv ...string) fstest.MapFS {
	m := fstest.MapFS{}
	for i := 0; i < len(kv); i += 2 {
		m[kv[i]] = &fstest.MapFile{Data: []byte(kv[i+1])}
	}
	return m
}

func addrs(s string) (list []netip.Addr) {
	for _, f := range strings.Fields(s) {
		list = append(list, netip.MustParseAddr(f))
	}
	return list
}

func TestLeases(t *testing.T) {
	const networkd = "# This is private data. Do not parse.\nADMIN_STATE=configured\n" +
		"DNS=192.0.2.53 [2001:db8::53]:53%wan#dns.example.net fe80::1 192.0.2.54:853 192.0.2.55:5353\nNTP=\n" +
		"CAPTIVE_PORTAL=https://portal.example.net/api\nDOMAINS=\n"
	for _, tc := range []struct {
		name string
		fs   fstest.MapFS
		want Lease
	}{
		{"none", mapFS(), Lease{}},
		{"networkd", mapFS("run/systemd/netif/links/3", networkd),
			Lease{Resolvers: addrs("192.0.2.53 2001:db8::53 fe80::1%wan"), Capport: "https://portal.example.net/api", From: "/run/systemd/netif/links/3"}},
		{"networkd-lease", mapFS("run/systemd/netif/links/3", "DNS=\n", "run/systemd/netif/leases/3", "ADDRESS=192.0.2.9\nDNS=192.0.2.53\n"),
			Lease{Resolvers: addrs("192.0.2.53"), From: "/run/systemd/netif/leases/3"}},
		{"other-link", mapFS("run/systemd/netif/links/4", networkd), Lease{}},
		{"resolved", mapFS("run/systemd/resolve/netif/3", "LLMNR=yes\nSERVERS=192.0.2.53 2001:db8::53\nDOMAINS=~.\n"),
			Lease{Resolvers: addrs("192.0.2.53 2001:db8::53"), From: "/run/systemd/resolve/netif/3"}},
		{"network-manager", mapFS("run/NetworkManager/devices/3", "[device]\nmanaged=managed\nconnection-uuid=x\n\n[dhcp4]\ndhcp4.domain_name_servers=192.0.2.53 192.0.2.54\n"+
			"dhcp4.default_url=https://a.example/\n\n[dhcp6]\ndhcp6.dhcp6_name_servers=2001:db8::53\n"),
			Lease{Resolvers: addrs("192.0.2.53 192.0.2.54 2001:db8::53"), Capport: "https://a.example/", From: "/run/NetworkManager/devices/3"}},
		{"hook", mapFS(HookDir+"/wan", "CAPTIVE_PORTAL="+Unrestricted+"\n", "run/systemd/resolve/netif/3", "SERVERS=192.0.2.53\n"),
			Lease{Resolvers: addrs("192.0.2.53"), Capport: Unrestricted, From: "/" + HookDir + "/wan,/run/systemd/resolve/netif/3"}},
		{"contradiction", mapFS(HookDir+"/wan", "CAPTIVE_PORTAL=https://a.example/\n", "run/systemd/netif/links/3", "CAPTIVE_PORTAL=https://b.example/\n"),
			Lease{Capport: "https://a.example/", Others: []string{"https://b.example/"}, From: "/" + HookDir + "/wan,/run/systemd/netif/links/3"}},
		{"same-twice", mapFS(HookDir+"/wan", "CAPTIVE_PORTAL=https://a.example/\n", "run/systemd/netif/links/3", "CAPTIVE_PORTAL=https://a.example/\n"),
			Lease{Capport: "https://a.example/", From: "/" + HookDir + "/wan,/run/systemd/netif/links/3"}},
		{"hostile", mapFS("run/systemd/netif/links/3", "DNS=0.0.0.0 :: nonsense 1.2.3 192.0.2.1%\nCAPTIVE_PORTAL=http://a.example/$(reboot)\n"),
			Lease{Resolvers: addrs("192.0.2.1"), From: "/run/systemd/netif/links/3"}},
	} {
		if got := Leases(tc.fs, "wan", 3); !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: Leases = %+v, want %+v", tc.name, got, tc.want)
		}
	}
	for _, dev := range []string{"", "..", "../../x", "a/b", "/etc"} {
		if got := Leases(mapFS("var/run/x", networkd, "var/run/netmond-leases/a/b", networkd), dev, 3); !reflect.DeepEqual(got, Lease{}) {
			t.Errorf("dev %q reached a file: %+v", dev, got)
		}
	}
}

func TestNetifdLease(t *testing.T) {
	const dump = `{"interface":[
	 {"interface":"loopback","up":true,"l3_device":"lo","dns-server":[]},
	 {"interface":"lan","up":true,"l3_device":"br-lan","dns-server":["192.0.2.99"]},
	 {"interface":"wan","up":true,"l3_device":"eth1","device":"eth1","route":[{"target":"0.0.0.0","mask":0,"nexthop":"192.0.2.1"}],
	  "dns-server":["192.0.2.53","192.0.2.54"],"inactive":{"dns-server":["192.0.2.98"]},"data":{"leasetime":3600}},
	 {"interface":"wan6","up":true,"l3_device":"eth1","dns-server":["fe80::1","192.0.2.53"],"data":{"captive_portal_uri":"https://portal.example.net/api","passthru":7}},
	 {"interface":"wan_old","up":false,"l3_device":"eth1","dns-server":["192.0.2.97"]}]}`
	got, err := NetifdLease([]byte(dump), "eth1")
	want := Lease{Resolvers: addrs("192.0.2.53 192.0.2.54 fe80::1%eth1"), Capport: "https://portal.example.net/api", From: "netifd"}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("NetifdLease = %+v, %v, want %+v", got, err, want)
	}
	if got, err := NetifdLease([]byte(dump), "eth9"); err != nil || !reflect.DeepEqual(got, Lease{}) {
		t.Errorf("unknown link: %+v, %v", got, err)
	}
	if _, err := NetifdLease([]byte("Command failed"), "eth1"); err == nil {
		t.Error("no JSON: no error")
	}
}

func TestLeaseAnnounce(t *testing.T) {
	base := Lease{Resolvers: addrs("192.0.2.53"), From: "netifd"}
	a := base.Announce("https://a.example/", "router")
	b := a.Announce("https://b.example/", "flag")
	c := a.Announce("https://c.example/", "flag")
	if a.Capport != "https://a.example/" || a.From != "netifd,router" || len(a.Others) != 0 || base.Capport != "" {
		t.Errorf("Announce = %+v from %+v", a, base)
	}
	if !reflect.DeepEqual(b.Others, []string{"https://b.example/"}) || !reflect.DeepEqual(c.Others, []string{"https://c.example/"}) {
		t.Errorf("Others = %v, %v: one value changed the other", b.Others, c.Others)
	}
	if d := base.Announce("http://a.example/", "router"); !reflect.DeepEqual(d, base) {
		t.Errorf("a URI that is not https counted: %+v", d)
	}
}

func TestParseResolvConf(t *testing.T) {
	for text, want := range map[string]string{
		"": "",
		"nameserver 127.0.0.53\noptions edns0\nsearch .\n":                                         "127.0.0.53",
		"; c\n# c\nnameserver 192.0.2.1 # c\r\n \tnameserver\t2001:db8::1\n":                       "192.0.2.1 2001:db8::1",
		"nameserver fe80::1%wan\nnameserver nonsense\nnameserver\nnameserverx 1.2.3.4":             "fe80::1%wan",
		"nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\nnameserver 192.0.2.4\n": "192.0.2.1 192.0.2.2 192.0.2.3",
		"nameserver ::ffff:192.0.2.1\n":                                                            "192.0.2.1",
	} {
		if got := ParseResolvConf(text); !reflect.DeepEqual(got, addrs(want)) {
			t.Errorf("ParseResolvConf(%q) = %v, want %v", text, got, want)
		}
	}
}
