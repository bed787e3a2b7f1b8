package conn

import (
	"context"
	"errors"
	"os"

	"github.com/netmond/netmond/rtable"
)

// connMarks reads the marks of connections, where rules ask for marks. The zero
// value is ready; for one goroutine.
type connMarks struct {
	mask  uint32     // the bits that rules look at
	last  uint32     // and those of the last table
	track *Conntrack // to read them from; nil until it is needed
}

func (m *connMarks) shut() {
	if m.track != nil {
		m.track.Shut()
	}
}

// view takes in the table by which flows will be judged. Rules that have just gone
// decided on the path before.
func (m *connMarks) view(t *rtable.Table) {
	now := markMask(t)
	m.mask, m.last = now|m.last, now
}

// read returns what gives a flow its mark.
func (m *connMarks) read(ctx context.Context) func(Flow) Flow {
	if m.mask == 0 {
		return func(f Flow) Flow { return f }
	}
	marks, err := m.marks(ctx)
	return func(f Flow) Flow {
		f.MarkKnown = f.MarkKnown && err == nil
		return withMark(f, marks[tuple{f.Local, f.Remote}], m.mask)
	}
}

// marks are those of the device's own flows. Without a tracker there are none, and
// that is no error.
func (m *connMarks) marks(ctx context.Context) (map[tuple]uint32, error) {
	if m.track == nil {
		if _, err := os.Stat("/proc/sys/net/netfilter/nf_conntrack_count"); errors.Is(err, os.ErrNotExist) {
			return nil, nil
		}
		var err error
		if m.track, err = OpenConntrack(ctx); err != nil {
			return nil, err
		}
	}
	return m.track.marks(ctx)
}
