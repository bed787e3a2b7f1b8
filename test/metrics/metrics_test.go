// Package metrics reads the daemon's figures as Prometheus does, with its own
// parser. It is a module of its own, so that nobody else sees what that needs.
package metrics

import (
	"context"
	"io"
	"iter"
	"log/slog"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/netmond/netmond/conn"
	"github.com/netmond/netmond/cpd"
	"github.com/netmond/netmond/internal/daemon"
	"github.com/netmond/netmond/internal/view"
	"github.com/netmond/netmond/rtable"
	"github.com/netmond/netmond/rtnl"
	"github.com/netmond/netmond/smd"
)

// odd is a name that a link may have, and that needs every escape there is.
const odd = `w"a\n` + "\né"

// flows is a source of one connection, which is never closed.
type flows struct{}

func (flows) Flows(context.Context, rtable.Changes) iter.Seq2[conn.Flow, error] {
	f := conn.Flow{Proto: conn.TCP, State: conn.Established,
		Local: netip.MustParseAddrPort("192.0.2.9:4000"), Remote: netip.MustParseAddrPort("198.51.100.7:443")}
	return func(yield func(conn.Flow, error) bool) { yield(f, nil) }
}

func (flows) Close(context.Context, conn.Flow, conn.Cause) error { return nil }

// run runs a daemon on a device with one uplink, until it has judged a flow and
// checked the uplink, and returns its figures.
func run(t *testing.T) string {
	t.Helper()
	prefix := netip.MustParsePrefix
	on := []rtnl.Event{
		{Op: rtnl.New, Message: &rtnl.Link{Index: 2, Name: odd, Flags: rtnl.FlagUp | rtnl.FlagRunning}},
		{Op: rtnl.New, Message: &rtnl.Addr{Link: 2, Local: netip.MustParseAddr("192.0.2.9")}},
		{Op: rtnl.New, Message: &rtnl.Route{Type: rtnl.Local, Table: rtnl.TableLocal, Dst: prefix("192.0.2.9/32"), NextHops: []rtnl.NextHop{{Oif: 2}}}},
	}
	route := &rtnl.Route{Type: rtnl.Unicast, Table: rtnl.TableMain, Dst: prefix("0.0.0.0/0"),
		NextHops: []rtnl.NextHop{{Oif: 2, Gateway: netip.MustParseAddr("192.0.2.1")}}}
	batches := make(chan rtnl.Batch)
	d := daemon.New(daemon.Deps{
		Watch: func(ctx context.Context) iter.Seq2[rtnl.Batch, error] {
			return func(yield func(rtnl.Batch, error) bool) {
				for {
					select {
					case b := <-batches:
						if !yield(b, nil) {
							return
						}
					case <-ctx.Done():
						return
					}
				}
			}
		},
		Resyncs:  func() uint64 { return 3 },
		Sweepers: []*conn.Sweeper{{Source: flows{}}},
		Check: func(context.Context, daemon.Uplink, *rtable.Table) cpd.Result {
			return cpd.Result{State: cpd.OK, Elapsed: 120 * time.Millisecond}
		},
		Bus:   smd.NewBus(smd.Options{}),
		Build: view.Build{Version: `1.2.3-"rc"`},
		Log:   slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- d.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	batches <- rtnl.Batch{Full: true, Events: append(on, rtnl.Event{Op: rtnl.New, Message: route})}
	worse := *route
	worse.Priority = 100
	batches <- rtnl.Batch{Events: []rtnl.Event{{Op: rtnl.New, Message: &worse}}}
	await := func(what string) string {
		t.Helper()
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for end := time.Now().Add(10 * time.Second); ; <-tick.C {
			text := d.Metrics()
			if strings.Contains(text, what) {
				return text
			}
			if time.Now().After(end) {
				t.Fatalf("%q is not in\n%s", what, text)
			}
		}
	}
	await("\nnetmond_flows_judged_total 1\n")
	return await("netmond_uplink_internet{")
}

// TestExposition: every family is there, of its kind, with help, in names that
// Prometheus's conventions allow, and with the values that were put in.
func TestExposition(t *testing.T) {
	text := run(t)
	var parser expfmt.TextParser
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	kinds := map[string]dto.MetricType{
		"build_info": dto.MetricType_GAUGE, "routes": dto.MetricType_GAUGE, "links": dto.MetricType_GAUGE,
		"changes_total": dto.MetricType_COUNTER, "resyncs_total": dto.MetricType_COUNTER,
		"flows_judged_total": dto.MetricType_COUNTER, "flows_closed_total": dto.MetricType_COUNTER,
		"flow_close_failures_total": dto.MetricType_COUNTER, "disagreements_total": dto.MetricType_COUNTER,
		"checks_total": dto.MetricType_COUNTER, "check_duration_seconds": dto.MetricType_HISTOGRAM,
		"uplink_internet": dto.MetricType_GAUGE, "goroutines": dto.MetricType_GAUGE,
		"bus_lost_messages_total": dto.MetricType_COUNTER,
	}
	for name, kind := range kinds {
		f := families["netmond_"+name]
		if f == nil {
			t.Errorf("netmond_%s is missing in\n%s", name, text)
			continue
		}
		if f.GetType() != kind {
			t.Errorf("netmond_%s is a %v, want %v", name, f.GetType(), kind)
		}
		if len(f.GetMetric()) == 0 {
			t.Errorf("netmond_%s has no sample", name)
		}
	}
	word := regexp.MustCompile(`^netmond(_[a-z]+)+$`)
	for name, f := range families {
		if kinds[strings.TrimPrefix(name, "netmond_")] != f.GetType() || !word.MatchString(name) {
			t.Errorf("%s, a %v, is not expected", name, f.GetType())
		}
		if counts := f.GetType() == dto.MetricType_COUNTER; counts != strings.HasSuffix(name, "_total") {
			t.Errorf("%s is a %v", name, f.GetType())
		}
		if help := f.GetHelp(); help == "" || !strings.HasSuffix(help, ".") {
			t.Errorf("the help of %s is %q", name, help)
		}
	}

	one := func(name string, labels ...string) *dto.Metric {
		t.Helper()
		for _, m := range families["netmond_"+name].GetMetric() {
			var have []string
			for _, l := range m.GetLabel() {
				have = append(have, l.GetName(), l.GetValue())
			}
			if slices.Equal(have, labels) {
				return m
			}
		}
		t.Errorf("no netmond_%s with the labels %q in\n%s", name, labels, text)
		return &dto.Metric{}
	}
	for _, c := range []struct {
		got  float64
		want float64
		what string
	}{
		{one("build_info", "version", `1.2.3-"rc"`, "commit", "").GetGauge().GetValue(), 1, "build_info"},
		{one("routes").GetGauge().GetValue(), 3, "routes"},
		{one("links").GetGauge().GetValue(), 1, "links"},
		{one("resyncs_total").GetCounter().GetValue(), 3, "resyncs"},
		{one("checks_total", "result", "OK").GetCounter().GetValue(), 1, "checks that were OK"},
		{one("checks_total", "result", "No internet").GetCounter().GetValue(), 0, "checks that were not"},
		{one("uplink_internet", "dev", odd, "family", "ipv4").GetGauge().GetValue(), 1, "the uplink"},
		{one("check_duration_seconds").GetHistogram().GetSampleSum(), 0.12, "seconds"},
		{float64(one("check_duration_seconds").GetHistogram().GetSampleCount()), 1, "durations"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %v, want %v", c.what, c.got, c.want)
		}
	}
	for r := conn.NoRoute; r <= conn.Rerouted; r++ {
		one("flows_closed_total", "reason", r.String())
	}
	last := uint64(0)
	for _, b := range one("check_duration_seconds").GetHistogram().GetBucket() {
		want := uint64(0)
		if b.GetUpperBound() >= 0.12 {
			want = 1
		}
		if b.GetCumulativeCount() != want || want < last {
			t.Errorf("up to %v s: %d checks, want %d", b.GetUpperBound(), b.GetCumulativeCount(), want)
		}
		last = want
	}
	if last != 1 {
		t.Error("the histogram does not reach what it counts")
	}
}
