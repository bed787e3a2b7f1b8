// Package conn judges TCP connections by the routing state, and closes those
// whose path has died.
//
// A Flow is one connection as the routing code sees it. Judge is the verdict on
// a flow, given the routing table before a change and the table after it: a pure
// function, and the only place that decides. A Source knows flows and can close
// them: Diag those of the whole device, through the kernel's sock_diag;
// Registry those of this process. Sweeper brings them together: it waits for a
// verdict to stand, has the kernel confirm it, and closes.
//
// # What is a dead path
//
// On Linux a TCP socket does not notice that its route is gone: a send
// succeeds, a receive blocks, and only after some 15 minutes of retransmissions
// does the kernel give up (tcp_retries2). So what counts is not whether packets
// are lost but whether they can arrive at all: the peer has no route, the local
// address is gone, the link is down, or packets now leave by a link whose peer
// network does not know the local address (RFC 2827 filtering, a NAT in front).
// Each is a Reason.
//
// # Go programs
//
// A Registry has the connections of one program closed, with an error that says why,
// without privilege. Whatever takes a dialer takes DialContext, and whatever takes a
// net.Listener takes Listener:
//
//	http.Transport{DialContext: reg.DialContext}                         // net/http
//	server.Serve(reg.Listener(l))                                        // net/http, gRPC
//	grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) {
//		return reg.DialContext(ctx, "tcp", addr)
//	})                                                                   // gRPC
//	config.DialFunc = reg.DialContext                                    // pgx, in pgconn.Config
//	mysql.RegisterDialContext("tcp", func(ctx context.Context, addr string) (net.Conn, error) {
//		return reg.DialContext(ctx, "tcp", addr)
//	})                                                                   // go-sql-driver/mysql
//	redis.Options{Dialer: reg.DialContext}                               // go-redis
//
// Under TLS it is the connection below that is tracked, and its error comes up
// through crypto/tls. A pool drops a connection whose I/O fails and dials anew, so
// nothing else is to be done. Track is for connections that were made elsewhere.
//
// # What is never judged
//
// Closing a healthy connection is worse than leaving a dead one. Flows that do
// not leave the device, flows whose local address never was the device's
// (transparent proxies), and flows whose own route is untouched are kept
// whatever happens; see Judge.
package conn

import (
	"context"
	"fmt"
	"iter"
	"net/netip"

	"github.com/netmond/netmond/rtable"
)

// Proto is a transport protocol, by its IP protocol number.
type Proto uint16

const (
	ICMP   Proto = 1   // IPPROTO_ICMP; like all but TCP and MPTCP, of forwarded flows alone
	TCP    Proto = 6   // IPPROTO_TCP
	UDP    Proto = 17  // IPPROTO_UDP
	ICMPv6 Proto = 58  // IPPROTO_ICMPV6
	MPTCP  Proto = 262 // IPPROTO_MPTCP
)

func (p Proto) String() string {
	switch p {
	case ICMP:
		return "icmp"
	case ICMPv6:
		return "icmpv6"
	case TCP:
		return "tcp"
	case UDP:
		return "udp"
	case MPTCP:
		return "mptcp"
	}
	return fmt.Sprintf("proto %d", uint16(p))
}

// State is a TCP state, numbered as in the kernel (net/tcp_states.h).
type State uint8

const (
	Established State = 1
	SynSent     State = 2
	SynRecv     State = 3
	FinWait1    State = 4
	FinWait2    State = 5
	TimeWait    State = 6
	Closed      State = 7
	CloseWait   State = 8
	LastAck     State = 9
	Listen      State = 10
	Closing     State = 11
)

var stateNames = [...]string{
	Established: "ESTABLISHED", SynSent: "SYN_SENT", SynRecv: "SYN_RECV", FinWait1: "FIN_WAIT1", FinWait2: "FIN_WAIT2",
	TimeWait: "TIME_WAIT", Closed: "CLOSE", CloseWait: "CLOSE_WAIT", LastAck: "LAST_ACK", Listen: "LISTEN", Closing: "CLOSING",
}

func (s State) String() string {
	if int(s) < len(stateNames) && stateNames[s] != "" {
		return stateNames[s]
	}
	return fmt.Sprintf("state %d", uint8(s))
}

// judgeable says whether a connection in this state can hang: it has a peer, and
// somebody or something still waits for it.
func (s State) judgeable() bool {
	switch s {
	case Established, SynSent, FinWait1, FinWait2, CloseWait, LastAck, Closing:
		return true
	}
	return false
}

// Flow is one connection. The zero value of a field says that it is not set or
// not known.
type Flow struct {
	Proto  Proto
	State  State
	Local  netip.AddrPort // IPv4-mapped addresses are unmapped here
	Remote netip.AddrPort
	Mapped bool // an IPv6 socket with IPv4-mapped addresses

	Mark        uint32 // SO_MARK, or the connection's mark where that decides
	MarkKnown   bool   // Mark was read; without the privilege to, it is 0
	UID         uint32 // of the socket's owner
	Oif         uint32 // the link the socket is bound to (SO_BINDTODEVICE), or the scope of a link-local peer; 0 for none
	Transparent bool   // IP_TRANSPARENT: its local address need not be the device's

	Client  netip.AddrPort // of a forwarded flow: the host behind Local, which is then the translated address
	Dialled netip.AddrPort // of a forwarded flow that Client has opened: whom it dialled; differs from Remote where that is translated too

	Cookie uint64 // names the socket to the kernel; never reused
	Inode  uint32 // names the socket in /proc/PID/fd; 0 for an orphan
}

func (f Flow) String() string {
	return f.Proto.String() + " " + f.Local.String() + " " + f.Remote.String()
}

// Query is the lookup that decides where the flow's packets go.
func (f Flow) Query() rtable.Query {
	return rtable.Query{
		Dst: f.Remote.Addr(), Src: f.Local.Addr(),
		Oif: f.Oif, Mark: f.Mark, UID: f.UID,
		Proto: uint8(TCP), Sport: f.Local.Port(), Dport: f.Remote.Port(),
	}
}

// Source knows flows and can close them. For one goroutine.
type Source interface {
	// Flows yields the flows that the changes can concern, and perhaps others.
	// It ends with an error where not all could be read.
	Flows(context.Context, rtable.Changes) iter.Seq2[Flow, error]

	// Close closes a flow that Flows has yielded. A flow that is gone already is
	// no error.
	Close(context.Context, Flow, Cause) error
}

// Cause says why a flow is closed, for those who are told.
type Cause struct {
	Reason Reason
	Was    string // the route in use before, in iproute2 text; empty where there was none
	Event  string // the change that stranded it; empty where it was the lapse of time
}

func (c Cause) String() string {
	s := c.Reason.String()
	if c.Was != "" {
		s += ", was " + c.Was
	}
	if c.Event != "" {
		s += ", on " + c.Event
	}
	return s
}
