package daemon

import (
	"context"
	"time"
)

// Notifier tells the init system how the daemon is doing (board.Notifier).
type Notifier interface {
	Ready() error
	Status(string) error
	Watchdog() error
	Interval() time.Duration
}

func (d *Daemon) ready() {
	t := d.loop.state.Table
	d.Log.Info("table complete", "routes", t.Len(), "uplinks", len(d.loop.state.Uplinks))
	if d.Notify != nil {
		_ = d.Notify.Ready() // a manager that does not listen will act by itself
	}
}

// watchdog ticks as often as the init system wants to hear from the loop.
func (d *Daemon) watchdog() *time.Ticker {
	every := time.Duration(0)
	if d.Notify != nil {
		every = d.Notify.Interval()
	}
	if every <= 0 {
		t := time.NewTicker(time.Hour)
		t.Stop()
		return t
	}
	return time.NewTicker(every)
}

// Alive says whether the loop answers before ctx ends. It may be called from any
// goroutine.
func (d *Daemon) Alive(ctx context.Context) bool {
	answer := make(chan struct{})
	select {
	case d.alive <- answer:
		<-answer
		return true
	case <-ctx.Done():
		return false
	}
}
