package conn

import (
	"context"
	"errors"
	"time"

	"github.com/netmond/netmond/rtable"
)

// What a Source may offer beyond the two methods it must have.

// Viewer is a Source that needs to know the table its flows will be judged by.
type Viewer interface{ View(*rtable.Table) }

// Inspector is a Source that can read more of a flow when it comes to a close
// than when it lists them.
type Inspector interface {
	// Inspect returns the flow with what its socket says of itself.
	Inspect(context.Context, Flow) (Flow, error)
}

// Batcher is a Source that closes many flows for less than one by one. Nobody is
// told the cause.
type Batcher interface {
	// CloseAll puts into errs, which is as long as flows, what Close would return.
	CloseAll(ctx context.Context, flows []Flow, errs []error)
}

// Armer is a Source that can put a flow under a time limit instead of closing it.
type Armer interface {
	// Arm limits how long the flow may go without an answer to ArmedFor.
	Arm(context.Context, Flow, Cause) error

	// Disarm lifts the limit and puts back what was there before.
	Disarm(context.Context, Flow) error
}

// ArmedFor is how long the path of an armed flow has to come back. Shorter, and a
// modem that redials loses its connections; longer, and nothing is gained over
// the kernel's own patience.
const ArmedFor = 20 * time.Second

// ErrAdvisory says that the source has no means to close a flow: it is told, and
// that is all.
var ErrAdvisory = errors.New("conn: no means to close flows on this system")
