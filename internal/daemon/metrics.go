package daemon

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/netmond/netmond/conn"
	"github.com/netmond/netmond/cpd"
)

// Metrics is the daemon's figures in Prometheus's text format, version 0.0.4. The
// names follow its conventions: base units, _total for what only grows.
func (d *Daemon) Metrics() string {
	var e exposition
	s, c := d.State(), &d.counters

	e.family("build_info", "gauge", "Always 1; the labels tell what runs.")
	e.sample("build_info", 1, "version", d.Build.Version, "commit", d.Build.Commit)

	e.plain("routes", "gauge", "Routes in all tables, both families.", uint64(s.Table.Len()))
	links := uint64(0)
	for range s.Table.Links() {
		links++
	}
	e.plain("links", "gauge", "Network links.", links)
	e.plain("changes_total", "counter", "Changed objects of the kernel's routing state.", c.changes.Load())
	if d.Resyncs != nil {
		e.plain("resyncs_total", "counter", "Times the whole state was read again.", d.Resyncs())
	}

	e.plain("flows_judged_total", "counter", "Verdicts on flows; a flow is judged at each change that can concern it.", c.judged.Load())
	e.family("flows_closed_total", "counter", "Flows closed, by reason.")
	for r := conn.NoRoute; r <= conn.Rerouted; r++ {
		e.sample("flows_closed_total", c.closed[r].Load(), "reason", r.String())
	}
	e.plain("flow_close_failures_total", "counter", "Closes that failed.", c.failed.Load())
	e.plain("disagreements_total", "counter", "Verdicts that the kernel did not support.", c.disagreements.Load())

	e.family("checks_total", "counter", "Captive-portal checks, by result.")
	for st := cpd.Unknown; st <= cpd.NoInternet; st++ {
		e.sample("checks_total", c.probes.results[st].Load(), "result", st.String())
	}
	c.probes.elapsed.write(&e, "check_duration_seconds", "How long captive-portal checks took.")
	e.family("uplink_internet", "gauge", "Whether the Internet is behind an uplink: 1 or 0; absent while unknown.")
	for _, u := range s.Uplinks {
		if r := s.Checks[u.UplinkKey]; r.State != cpd.Unknown {
			well := uint64(0)
			if r.State == cpd.OK {
				well = 1
			}
			e.sample("uplink_internet", well, "dev", u.Dev, "family", "ipv"+strconv.Itoa(u.Family))
		}
	}

	e.plain("goroutines", "gauge", "Goroutines of the daemon; more and more of them would be a leak.", uint64(runtime.NumGoroutine()))
	e.plain("bus_lost_messages_total", "counter", "Messages lost to subscribers that fell behind.", d.Bus.Lost())
	return e.String()
}

// exposition is text in the making. The zero value is empty.
type exposition struct{ strings.Builder }

// family begins a metric; its samples follow.
func (e *exposition) family(name, kind, help string) {
	fmt.Fprintf(e, "# HELP netmond_%s %s\n# TYPE netmond_%s %s\n", name, help, name, kind)
}

// sample adds one of the family's values; labels are names, each with its value.
func (e *exposition) sample(name string, v any, labels ...string) {
	e.WriteString("netmond_" + name)
	for i, sep := 0, "{"; i < len(labels); i, sep = i+2, "," {
		e.WriteString(sep + labels[i] + `="` + escape(strings.ToValidUTF8(labels[i+1], "?")) + `"`)
	}
	if len(labels) > 0 {
		e.WriteString("}")
	}
	fmt.Fprintf(e, " %v\n", v)
}

// escape is all that a label's value may have escaped; Go's own escapes are more.
func escape(s string) string {
	s = strings.ReplaceAll(s, `\`, `\\`)
	s = strings.ReplaceAll(s, `"`, `\"`)
	return strings.ReplaceAll(s, "\n", `\n`)
}

// plain is a metric of one value.
func (e *exposition) plain(name, kind, help string, v uint64) {
	e.family(name, kind, help)
	e.sample(name, v)
}

// bounds are those of a histogram's buckets: an answer from next door, from the
// other side of the world, by satellite, and the two default probes' time-outs.
var bounds = [...]time.Duration{
	25 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 3 * time.Second, 6 * time.Second, 10 * time.Second,
}

// histogram counts durations. The zero value is empty. Safe for concurrent use.
type histogram struct {
	buckets [len(bounds) + 1]atomic.Uint64 // the last for what is beyond
	sum     atomic.Int64                   // in ns
}

func (h *histogram) observe(d time.Duration) {
	i := 0
	for i < len(bounds) && d > bounds[i] {
		i++
	}
	h.buckets[i].Add(1)
	h.sum.Add(int64(d))
}

func (h *histogram) write(e *exposition, name, help string) {
	e.family(name, "histogram", help)
	sum, n := h.sum.Load(), uint64(0)
	for i := range h.buckets {
		le := "+Inf"
		if i < len(bounds) {
			le = strconv.FormatFloat(bounds[i].Seconds(), 'g', -1, 64)
		}
		n += h.buckets[i].Load()
		e.sample(name+"_bucket", n, "le", le)
	}
	e.sample(name+"_sum", strconv.FormatFloat(time.Duration(sum).Seconds(), 'g', -1, 64))
	e.sample(name+"_count", n)
}
