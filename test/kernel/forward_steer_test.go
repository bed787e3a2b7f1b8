//go:build linux

package kernel

import (
	"testing"
)

// TestForwardedFlowsSteered strands translations by what steers packets besides
// their destination, or of those whom this device's own addresses open.
func TestForwardedFlowsSteered(t *testing.T) {
	t.Parallel()
	kernel(t, func(t *testing.T) {
		r := newRouter(t, static)
		t.Run("the device's own, from its address in the LAN", func(t *testing.T) {
			defer r.resetRouter(t)
			w := r.device.dial(t, call{To: to(host).To, From: lanAddr})
			w.echoes(t, "before the change")
			moveDefault(t)
			r.forgotten(t, w, wan0Addr, "closed", "rerouted")
			w.answered(t)
		})
		t.Run("rule by port", func(t *testing.T) {
			defer r.resetRouter(t, "rule del pref 100")
			do(t, "route add default via "+wan1Gateway+" table 7")
			r.informed(t)
			w := r.dial(t, host, wan0Addr)
			do(t, "rule add pref 100 ipproto tcp dport "+port+" lookup 7")
			r.forgotten(t, w, wan0Addr, "closed", "rerouted")
			w.answered(t)
		})
	})
}

// resetRouter is reset, with the routes that the router begins with.
func (r *router) resetRouter(t testing.TB, undo ...string) {
	t.Helper()
	r.reset(t, undo...)
	do(t, "route add default via "+wan0Gateway, "route add "+wan0Host+" via "+wan0Gateway)
	r.informed(t)
}
