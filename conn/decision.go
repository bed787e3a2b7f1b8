package conn

// Decision is what became of a stranded flow.
type Decision struct {
	Act   Act
	Flow  Flow
	Cause Cause
	Err   error // of Failed, Disagreed and Unread, if there was one
}

// Act is what was done.
type Act uint8

const (
	DidClose   Act = iota + 1
	WouldClose     // in a dry run
	DidArm         // it is under a time limit, and is closed unless its path comes back
	DidDisarm      // its path came back in time
	Disagreed      // the kernel did not support the verdict; the flow stays
	Failed         // the close failed; it is tried again
	Unread         // the flows could not be read; Err says why
)
