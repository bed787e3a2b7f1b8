package main

import (
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"sync/atomic"

	"github.com/netmond/netmond/cpd"
	"github.com/netmond/netmond/rtable"

	"github.com/netmond/netmond/internal/daemon"
	"github.com/netmond/netmond/internal/log"
)

// checker runs captive-portal checks as the options say, which may change. Safe
// for concurrent use.
type checker struct {
	log     log.Logger
	options atomic.Pointer[probing]
	adverts adverts

	// netifd asks for `ubus call network.interface dump`. Nil where there is no ubus;
	// not to be changed while checks run.
	netifd func(context.Context) (json.RawMessage, error)
}

// probing is how to probe.
type probing struct {
	detector cpd.Detector // what is the same for every uplink
	capport  string
}

func newChecker(o *options, log log.Logger) *checker {
	c := &checker{log: log}
	c.set(o)
	return c
}

// set makes new options count for the checks to come.
func (c *checker) set(o *options) {
	p := &probing{detector: cpd.Detector{Timeout: o.timeout}, capport: o.capport.value}
	for _, text := range o.probes.values {
		if probe, err := cpd.ParseProbe(text); err == nil { // checked as a flag
			p.detector.Probes = append(p.detector.Probes, probe)
		}
	}
	c.options.Store(p)
}

// lease is what netifd, where there is one, and the files below fsys know of an
// uplink's link.
func (c *checker) lease(ctx context.Context, fsys fs.FS, u daemon.Uplink) cpd.Lease {
	files := cpd.Leases(fsys, u.Dev, int(u.Link))
	if c.netifd == nil {
		return files
	}
	dump, err := c.netifd(ctx)
	if err != nil {
		return files // it may be starting
	}
	known, err := cpd.NetifdLease(dump, u.Dev)
	if err != nil {
		c.log.Warn("netifd's interfaces not understood", "err", err)
		return files
	}
	return known.Join(files)
}

// run checks one uplink, with what the system's network configuration knows of
// it.
func (c *checker) run(ctx context.Context, u daemon.Uplink, _ *rtable.Table) cpd.Result {
	p := c.options.Load()
	lease := c.lease(ctx, os.DirFS("/"), u)
	if uri := c.adverts.of(int(u.Link)); uri != "" && u.Family == 6 {
		lease = lease.Announce(uri, "the router")
	}
	if p.capport != "" {
		lease = lease.Announce(p.capport, "the operator")
	}
	for _, other := range lease.Others {
		c.log.Warn("contradicting captive portal URI", "link", u.Dev, "uri", other, "used", lease.Capport)
	}
	d := p.detector
	d.Dev, d.Family, d.Source, d.Mark = u.Dev, u.Family, u.Source, u.Mark
	d.Resolvers, d.Capport = lease.Resolvers, lease.Capport
	return d.Check(ctx)
}
