package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/netmond/netmond/cpd"
	"github.com/netmond/netmond/rtable"
	"github.com/netmond/netmond/smd"
)

// CheckNow checks every uplink, or those on the link dev, waits for the results,
// and makes them known. It is for the API and may be called from any goroutine.
func (d *Daemon) CheckNow(ctx context.Context, dev string) ([]Checked, error) {
	if d.Check == nil {
		return nil, errNoCheck
	}
	s := d.State()
	out, err := CheckUplinks(ctx, s.Table, s.Uplinks, dev, d.Check)
	if err != nil {
		return nil, err
	}
	for _, c := range out {
		select {
		case d.results <- checked{uplink: c.Uplink, result: c.Result}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return out, nil
}

// Checked is an uplink with the result of its check.
type Checked struct {
	Uplink Uplink
	Result cpd.Result
}

// CheckUplinks checks the uplinks, or those on the link dev, at the same time. A
// dev that is no uplink is an error that names those there are.
func CheckUplinks(ctx context.Context, t *rtable.Table, uplinks []Uplink, dev string,
	check func(context.Context, Uplink, *rtable.Table) cpd.Result) ([]Checked, error) {
	if dev != "" {
		named := slices.DeleteFunc(slices.Clone(uplinks), func(u Uplink) bool { return u.Dev != dev })
		if len(named) == 0 {
			return nil, fmt.Errorf("%q carries no default route: the uplinks are %s", dev, uplinkNames(uplinks))
		}
		uplinks = named
	}
	out := make([]Checked, len(uplinks))
	done := make(chan struct{})
	for i, u := range uplinks {
		go func() {
			out[i] = Checked{u, check(ctx, u, t)}
			done <- struct{}{}
		}()
	}
	for range uplinks {
		<-done
	}
	return out, nil
}

func uplinkNames(uplinks []Uplink) string {
	names := ""
	for _, u := range uplinks {
		names += " " + u.Dev
	}
	if names == "" {
		return "none"
	}
	return names[1:]
}

// Sent is told of the messages that clients publish: a cpdcheck starts checks.
func (d *Daemon) Sent(c smd.Class, payload json.RawMessage) {
	if t, ok := smd.ParseTrigger(payload); ok && t == smd.CPDCheck && c == smd.Network {
		d.CheckSoon()
	}
}

// CheckSoon has every uplink checked. It may be called from any goroutine and
// does not block: one asked for while another waits is the same.
func (d *Daemon) CheckSoon() {
	select {
	case d.triggers <- struct{}{}:
	default:
	}
}

// errNoCheck says that the daemon was made without captive-portal checks.
var errNoCheck = errors.New("daemon: captive-portal checks are off")
