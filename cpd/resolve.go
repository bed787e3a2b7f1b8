package cpd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"
)

// resolversMax is how many resolvers of a list are asked, as in glibc (MAXNS).
const resolversMax = 3

// ParseResolvConf returns the addresses of the nameserver lines of a
// resolv.conf(5), in order, at most three. What is no address is skipped.
func ParseResolvConf(text string) []netip.Addr {
	var list []netip.Addr
	for line := range lines(text) {
		f := strings.Fields(line)
		if len(f) < 2 || f[0] != "nameserver" {
			continue
		}
		if a, err := netip.ParseAddr(f[1]); err == nil && len(list) < resolversMax {
			list = append(list, a.Unmap())
		}
	}
	return list
}

// lines splits text and leaves out comments and empty lines.
func lines(text string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for len(text) > 0 {
			var line string
			line, text, _ = strings.Cut(text, "\n")
			line = strings.TrimSpace(line)
			if line == "" || line[0] == '#' || line[0] == ';' {
				continue
			}
			if !yield(line) {
				return
			}
		}
	}
}

// resolvers returns whom to ask, and whether that has to go unbound.
func (d *Detector) resolvers() (list []netip.Addr, unbound bool) {
	list = d.Resolvers
	if len(list) == 0 {
		text, _ := os.ReadFile("/etc/resolv.conf")
		list = ParseResolvConf(string(text))
	}
	if len(list) == 0 {
		list = []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})} // resolv.conf(5)
	}
	// A resolver on this device cannot be reached through a link. It is asked only
	// where no other is known, since it may ask any uplink's servers.
	remote := slices.DeleteFunc(slices.Clone(list), netip.Addr.IsLoopback)
	if len(remote) > 0 {
		return remote[:min(len(remote), resolversMax)], false
	}
	return list[:min(len(list), resolversMax)], d.Dev != "" || d.Mark != 0 || d.Source.IsValid()
}

// lookup asks one resolver after the other for host's addresses of d's family,
// each within its share of the time that ctx leaves.
func (d *Detector) lookup(ctx context.Context, host string) (addrs []netip.Addr, unbound bool, err error) {
	list, unbound := d.resolvers()
	via := *d
	if unbound {
		via.Dev, via.Mark, via.Source = "", 0, netip.Addr{}
	}
	if strings.Contains(host, ".") && !strings.HasSuffix(host, ".") {
		host += "." // not the search list's business
	}
	for i, server := range list {
		one, cancel := share(ctx, len(list)-i)
		failed := make(chan error, 1) // net.DNSError keeps of it no more than the text
		r := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			conn, err := via.dialTo(ctx, network, server, d.dnsPort())
			if err != nil && ctx.Err() == nil {
				select {
				case failed <- fmt.Errorf("resolver %v: %w", server, err):
				default:
				}
			}
			return conn, err
		}}
		addrs, err = r.LookupNetIP(one, d.network("ip"), host)
		cancel()
		if err != nil && len(failed) > 0 {
			err = <-failed
		}
		var dns *net.DNSError
		if err == nil || ctx.Err() != nil || errors.As(err, &dns) && dns.IsNotFound {
			break
		}
	}
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	return addrs, unbound, err
}

// share returns a context for the first of n attempts that divide ctx's time.
func share(ctx context.Context, n int) (context.Context, context.CancelFunc) {
	end, ok := ctx.Deadline()
	if !ok || n < 2 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Until(end)/time.Duration(n))
}
