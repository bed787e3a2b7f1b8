//go:build linux

package kernel

import (
	"os/exec"
	"strings"
	"testing"
)

// TestConnectionMarks has marks the way mwan3 does: of packets, kept by
// conntrack, while the sockets' own stay 0. A change of the main table must not
// touch the flows that their mark leads elsewhere, and a change of the table
// their mark leads to must.
func TestConnectionMarks(t *testing.T) {
	t.Parallel()
	kernel(t, func(t *testing.T) {
		need(t, "nft", "nftables")
		topology(t)
		nft := exec.Command("nft", "-f", "-")
		nft.Stdin = strings.NewReader(`
			table inet balance {
				chain output {
					type route hook output priority mangle
					meta mark set ct mark
					ct mark 0 ip saddr ` + wan0Addr + ` ct mark set 0x100 meta mark set 0x100
					ct mark 0 ip saddr ` + wan1Addr + ` ct mark set 0x200 meta mark set 0x200
				}
			}`)
		if out, err := nft.CombinedOutput(); err != nil {
			skip(t, "nft: "+string(out))
		}
		via0, via1 := "via "+wan0Gateway+" dev wan0", "via "+wan1Gateway+" dev wan1"
		do(t, "rule add fwmark 0x100 table 101 pref 101", "rule add fwmark 0x200 table 102 pref 102",
			"route add default "+via0+" table 101", "route add default "+via1+" table 102",
			"route add default "+via0+" metric 10", "route add default "+via1+" metric 20")
		s := stageWith(t)
		s.informed(t)
		first := s.device.dial(t, call{To: to(host).To, From: wan0Addr})
		second := s.device.dial(t, call{To: to(otherHost).To, From: wan1Addr})
		first.echoes(t, "before")
		second.echoes(t, "before")

		do(t, "route del default metric 10") // mark 0 would go by wan1 now
		s.untouched(t, first, second)
		do(t, "route add default "+via0+" metric 10")
		s.untouched(t, first, second)
		do(t, "route replace unreachable default table 102")
		s.closed(t, second, "no-route")
		s.untouched(t, first)
		do(t, "route del default table 101", "route del default metric 10") // and main leads to wan1
		s.closed(t, first, "gateway-gone")
	})
}

// TestChurn strands connections while other routes never stop to come and go.
func TestChurn(t *testing.T) {
	t.Parallel()
	kernel(t, func(t *testing.T) {
		s := newStage(t)
		s.bus.stop() // it would only be flooded
		do(t, "route add default via "+wan0Gateway+" metric 10", "route add 203.0.113.7 via "+wan1Gateway)
		churn := exec.Command("ip", "-force", "-batch", "-")
		orders, err := churn.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := churn.Start(); err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			const turn = "route add 203.0.113.64/26 via " + wan1Gateway + "\nroute replace default via " + wan0Gateway + " metric 10 mtu 1400\n" +
				"route del 203.0.113.64/26\nroute replace default via " + wan0Gateway + " metric 10 mtu 1500\n"
			for {
				if _, err := orders.Write([]byte(turn)); err != nil {
					return // ip was ended
				}
			}
		}()
		defer func() {
			_ = churn.Process.Kill()
			_ = churn.Wait()
			<-done
		}()
		kept := s.device.dial(t, to(host)) // whose own route is part of the churn, and always leads there
		for range 3 {
			eventually(t, "the daemon knows the route", func() bool {
				return decode[lookupView](t, command(t, 0, "lookup", "-json", otherHost)).Dev == wan1
			})
			w := s.device.dial(t, to(otherHost))
			w.echoes(t, "before")
			since := monotonic()
			do(t, "route add unreachable 203.0.113.7 metric 4000", "route del 203.0.113.7 metric 0")
			end := w.aborted(t)
			t.Logf("closed after %v", end.At-since)
			kept.echoes(t, "amid the churn")
			do(t, "route add 203.0.113.7 via "+wan1Gateway, "route del unreachable 203.0.113.7 metric 4000")
		}
		t.Logf("%d resyncs", status(t).Resyncs)
		kept.echoes(t, "after the churn")
	})
}
