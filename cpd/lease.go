package cpd

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/netmond/netmond/internal/minijson"
)

// Lease is what the system's network configuration knows of one link. The zero
// value knows nothing. Immutable.
type Lease struct {
	Resolvers []netip.Addr // in the order given; link-local ones carry the link as zone
	Capport   string       // RFC 8910 URI, clean; empty where there is none
	// Others are URIs that contradict Capport: an error of the network's
	// configuration, to be logged (RFC 8910 section 3).
	Others []string
	// From names who knew: the files read, or "netifd", joined by commas.
	From string
}

// leaseMax is the longest file that is read, in bytes. networkd's state of a
// link with dozens of addresses stays under 4 KiB.
const leaseMax = 64 << 10

// HookDir holds what udhcpc's and odhcp6c's hook scripts were told, a file of the
// link's name in networkd's syntax (DNS=, CAPTIVE_PORTAL=); relative to the root. It
// is not in the daemon's own directory: root writes it, whom a daemon that is not root
// must not lead elsewhere, and it stays when the daemon's goes.
const HookDir = "var/run/netmond-leases"

// Leases reads what fsys, the root of the file system, has of a link: hook files,
// systemd-networkd, systemd-resolved, NetworkManager. Of resolvers the first
// source that has any counts, of portal URIs the first, the rest go to Others.
// What is missing or malformed is passed over.
func Leases(fsys fs.FS, dev string, ifindex int) Lease {
	n := strconv.Itoa(ifindex)
	var l Lease
	for _, src := range []struct {
		path           string
		resolvers, uri []string // keys
	}{
		{HookDir + "/" + dev, []string{"DNS"}, []string{"CAPTIVE_PORTAL"}},
		// networkd-state-file.c link_save, and sd-dhcp-lease.c
		{"run/systemd/netif/links/" + n, []string{"DNS"}, []string{"CAPTIVE_PORTAL"}},
		{"run/systemd/netif/leases/" + n, []string{"DNS"}, []string{"CAPTIVE_PORTAL"}},
		// resolved-link.c: what NetworkManager and others told it over D-Bus
		{"run/systemd/resolve/netif/" + n, []string{"SERVERS"}, nil},
		// nm_config_device_state_write: the options of the DHCP leases, named as in
		// nm-dhcp-options.c, where option 114 still has its name of before RFC 8910
		{"run/NetworkManager/devices/" + n,
			[]string{"dhcp4.domain_name_servers", "dhcp6.dhcp6_name_servers"}, []string{"dhcp4.default_url"}},
	} {
		text, ok := readLease(fsys, src.path)
		if !ok || strings.Contains(dev, "/") { // dev_valid_name: no link is called so
			continue
		}
		var found Lease
		keyfile(text, func(key, value string) {
			if slices.Contains(src.resolvers, key) {
				for _, f := range strings.FieldsFunc(value, func(r rune) bool { return r == ' ' || r == ';' || r == ',' }) {
					found.add(f, dev)
				}
			}
			if slices.Contains(src.uri, key) {
				found.announce(value)
			}
		})
		found.From = "/" + src.path
		l = l.Join(found)
	}
	return l
}

// NetifdLease reads the answer of `ubus call network.interface dump` and returns
// what the interfaces on the link dev, most often one for each family, know.
func NetifdLease(dump []byte, dev string) (Lease, error) {
	var doc struct {
		Interface []struct {
			Up        bool                       `json:"up"`
			Device    string                     `json:"l3_device"`
			Resolvers []string                   `json:"dns-server"`
			Data      map[string]json.RawMessage `json:"data"`
		} `json:"interface"`
	}
	if err := minijson.Unmarshal(dump, &doc); err != nil {
		return Lease{}, fmt.Errorf("cpd: lease: netifd: %w", err)
	}
	var l Lease
	for _, i := range doc.Interface {
		if !i.Up || i.Device != dev {
			continue
		}
		for _, s := range i.Resolvers {
			l.add(s, dev)
		}
		for _, key := range [...]string{"captive_portal_uri", "captive_portal", "captive-portal", "capport"} {
			var uri string
			if raw, ok := i.Data[key]; ok && minijson.Unmarshal(raw, &uri) == nil {
				l.announce(uri)
			}
		}
		l.From = "netifd"
	}
	return l, nil
}

// Announce returns l with another URI for the link, as a router's advertisement
// or the operator gives it.
func (l Lease) Announce(uri, from string) Lease {
	var more Lease
	more.announce(uri)
	more.From = from
	return l.Join(more)
}

// Join returns l with what more knows: its resolvers where l has none, its URIs
// behind those of l.
func (l Lease) Join(more Lease) Lease {
	used := false
	if len(l.Resolvers) == 0 && len(more.Resolvers) > 0 {
		l.Resolvers, used = more.Resolvers, true
	}
	l.Others = slices.Clip(l.Others)
	for _, uri := range append([]string{more.Capport}, more.Others...) {
		if uri != "" {
			l.announce(uri)
			used = true
		}
	}
	if used && l.From != "" {
		l.From += ","
	}
	if used {
		l.From += more.From
	}
	return l
}

// announce files a URI where it is a clean one.
func (l *Lease) announce(raw string) {
	uri, err := CleanCapport(strings.TrimSpace(raw))
	switch {
	case err != nil:
	case l.Capport == "":
		l.Capport = uri
	case uri != l.Capport && !slices.Contains(l.Others, uri):
		l.Others = append(l.Others, uri)
	}
}

// add files a resolver: an address, which networkd writes as
// `[2001:db8::53]:53%wan#dns.example.net` where it knows all parts. One on
// another port is left out, since it may well not speak plain DNS.
func (l *Lease) add(s, dev string) {
	s, _, _ = strings.Cut(s, "#")
	s, zone, _ := strings.Cut(s, "%")
	a, err := netip.ParseAddr(s)
	if err != nil {
		ap, err := netip.ParseAddrPort(s)
		if err != nil || ap.Port() != 53 {
			return
		}
		a = ap.Addr()
	}
	if a = a.Unmap(); a.Is6() && a.IsLinkLocalUnicast() {
		if zone == "" {
			zone = dev
		}
		a = a.WithZone(zone)
	}
	if !a.IsUnspecified() && !slices.Contains(l.Resolvers, a) {
		l.Resolvers = append(l.Resolvers, a)
	}
}

// keyfile calls f for each `key=value`. Sections do not matter: NetworkManager
// repeats theirs in front of the key.
func keyfile(text string, f func(key, value string)) {
	for line := range lines(text) {
		if key, value, ok := strings.Cut(line, "="); ok {
			f(strings.TrimSpace(key), strings.TrimSpace(value))
		}
	}
}

func readLease(fsys fs.FS, path string) (string, bool) {
	f, err := fsys.Open(path) // refuses .. and what else is no valid path
	if err != nil {
		return "", false
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, leaseMax))
	return string(text), err == nil
}
