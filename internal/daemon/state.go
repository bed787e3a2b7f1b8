package daemon

import (
	"github.com/netmond/netmond/cpd"
	"github.com/netmond/netmond/rtable"
	"github.com/netmond/netmond/smd"
)

// State is what the daemon knows, as one immutable value.
type State struct {
	Phase   Phase
	Table   *rtable.Table
	Uplinks []Uplink
	Checks  map[UplinkKey]cpd.Result
	Recent  []toldFlow // the flows told of last, oldest first
}

// Phase is the daemon's state of life, as published in class system.
type Phase string

const (
	Coldplug    Phase = "COLDPLUG"    // the first state is being read
	Operational Phase = "OPERATIONAL" // the table is complete
	Resyncing   Phase = "RESYNC"      // events were lost; the state is being read again
	Stopping    Phase = "STOPPING"
)

// State returns the newest state.
func (d *Daemon) State() *State { return d.state.Load() }

// store makes the loop's state the one others see: before any message that tells
// of it, as the bus promises.
func (d *Daemon) store() {
	s := d.loop.state
	d.state.Store(&s)
}

// enter changes the phase and says so.
func (d *Daemon) enter(p Phase) {
	l := &d.loop
	if l.state.Phase == p {
		return
	}
	l.state.Phase = p
	d.store()
	d.publish(smd.System, smd.State{State: string(p)})
	d.Log.Debug("state", "state", string(p))
}
