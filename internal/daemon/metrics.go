package daemon

import (
	"fmt"
	"strings"

	"github.com/netmond/netmond/conn"
	"github.com/netmond/netmond/cpd"
)

// Metrics is the daemon's figures in Prometheus's text format, version 0.0.4.
func (d *Daemon) Metrics() string {
	var b strings.Builder
	s := d.State()
	family := func(name, kind, help string) {
		fmt.Fprintf(&b, "# HELP netmond_%s %s\n# TYPE netmond_%s %s\n", name, help, name, kind)
	}
	plain := func(name, kind, help string, v uint64) {
		family(name, kind, help)
		fmt.Fprintf(&b, "netmond_%s %d\n", name, v)
	}
	plain("routes", "gauge", "Routes in all tables, both families.", uint64(s.Table.Len()))
	links := 0
	for range s.Table.Links() {
		links++
	}
	plain("links", "gauge", "Network links.", uint64(links))
	plain("changes_total", "counter", "Changed objects of the kernel's routing state.", d.counters.changes.Load())
	if d.Resyncs != nil {
		plain("resyncs_total", "counter", "Times the whole state was read again.", d.Resyncs())
	}
	family("flows_closed_total", "counter", "Flows closed, by reason.")
	for r := conn.NoRoute; r <= conn.Rerouted; r++ {
		fmt.Fprintf(&b, "netmond_flows_closed_total{reason=%q} %d\n", r.String(), d.counters.closed[r].Load())
	}
	plain("flow_close_failures_total", "counter", "Closes that failed.", d.counters.failed.Load())
	plain("disagreements_total", "counter", "Verdicts that the kernel did not support.", d.counters.disagreements.Load())
	family("checks_total", "counter", "Captive-portal checks, by result.")
	for st := cpd.Unknown; st <= cpd.NoInternet; st++ {
		fmt.Fprintf(&b, "netmond_checks_total{result=%q} %d\n", st.String(), d.counters.probes.results[st].Load())
	}
	family("check_seconds_total", "counter", "Time spent in captive-portal checks.")
	fmt.Fprintf(&b, "netmond_check_seconds_total %g\n", float64(d.counters.probes.elapsed.Load())/1e9)
	plain("bus_lost_total", "counter", "Messages lost to subscribers that fell behind.", d.Bus.Lost())
	return b.String()
}
