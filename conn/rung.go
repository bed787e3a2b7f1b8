package conn

import "fmt"

// Rung is a means of closing the connections of other processes, the best one
// that the system offers.
type Rung uint8

const (
	Advisory Rung = iota // none: those who listen are told, nothing is closed
	Pidfd                // through a duplicate of the owner's descriptor (pidfd_getfd, Linux 5.6)
	Destroy              // SOCK_DESTROY (CONFIG_INET_DIAG_DESTROY)
)

func (r Rung) String() string {
	switch r {
	case Advisory:
		return "advisory"
	case Pidfd:
		return "pidfd"
	case Destroy:
		return "sock_destroy"
	}
	return fmt.Sprintf("rung %d", uint8(r))
}
