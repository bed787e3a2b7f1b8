package conn

import "github.com/netmond/netmond/rtable"

// Where fwmark rules exist, the mark of a flow's packets decides where they go, and
// two things give it: the socket, and the connection, whose mark mwan3 and its like
// put on each packet.

// markMask is the bits of a mark that rules look at; 0 where none does.
func markMask(t *rtable.Table) (mask uint32) {
	for _, fam := range families {
		for r := range t.Rules(fam) {
			if mask |= r.Mask; r.Mask == 0 && r.Mark != 0 {
				mask = ^uint32(0)
			}
		}
	}
	return mask
}

// withMark is the flow with the mark of its connection, where that decides. Where
// both it and the socket's would, but otherwise, nobody can tell which does.
func withMark(f Flow, connection, mask uint32) Flow {
	switch {
	case connection&mask == 0:
	case f.Mark&mask == 0:
		f.Mark = connection
	case (f.Mark^connection)&mask != 0:
		f.MarkKnown = false
	}
	return f
}
