package conn

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/netmond/netmond/internal/netlink"
	"github.com/netmond/netmond/rtable"
)

// The sock_diag codec (linux/inet_diag.h), without I/O. Integers are in the
// machine's byte order, ports and addresses in network order.

const (
	sizeofDiagReq = 56 // struct inet_diag_req_v2
	sizeofDiagMsg = 72 // struct inet_diag_msg
	sizeofSockID  = 48 // struct inet_diag_sockid

	tcpDiagGetSock = 18 // TCPDIAG_GETSOCK
	sockDestroy    = 21 // SOCK_DESTROY

	diagReqBytecode = 1 // INET_DIAG_REQ_BYTECODE

	diagMark    = 15 // INET_DIAG_MARK; only with CAP_NET_ADMIN
	diagSockopt = 22 // INET_DIAG_SOCKOPT: struct inet_diag_sockopt, since 5.10
	diagMax     = diagSockopt

	afINET  = 2
	afINET6 = 10
)

// diagStates are the states asked for, one bit each: those that can be judged.
const diagStates = 1<<Established | 1<<SynSent | 1<<FinWait1 | 1<<FinWait2 | 1<<CloseWait | 1<<LastAck | 1<<Closing

// sockoptTransparent is the bit of the second byte of struct inet_diag_sockopt,
// a run of bit fields, whose order follows the machine's.
func sockoptTransparent(b []byte) bool {
	// recverr, is_icsk, freebind, hdrincl, mc_loop, transparent, mc_all, nodefrag
	bit := byte(1 << 5)
	if bigEndian {
		bit = 1 << 2
	}
	return len(b) > 0 && b[0]&bit != 0
}

var bigEndian = binary.NativeEndian.Uint16([]byte{0, 1}) == 1

var diagPolicy = netlink.Policy{
	diagMark:    {Min: 4},
	diagSockopt: {Min: 1, Max: netlink.Any},
}

// parseDiag reads one answer to a dump.
func parseDiag(b []byte) (Flow, error) {
	if len(b) < sizeofDiagMsg {
		return Flow{}, fmt.Errorf("conn: sock_diag: %w", netlink.ErrShort)
	}
	var attrs [diagMax + 1][]byte
	if err := diagPolicy.Parse(b[sizeofDiagMsg:], attrs[:]); err != nil {
		return Flow{}, fmt.Errorf("conn: sock_diag: %w", err)
	}
	fam, id := b[0], b[4:]
	f := Flow{
		Proto:       TCP,
		State:       State(b[1]),
		Local:       addrPort(fam, id[4:20], id[0:2]),
		Remote:      addrPort(fam, id[20:36], id[2:4]),
		Oif:         netlink.Uint32(id[36:]),
		Cookie:      uint64(netlink.Uint32(id[40:])) | uint64(netlink.Uint32(id[44:]))<<32,
		UID:         netlink.Uint32(b[64:]),
		Inode:       netlink.Uint32(b[68:]),
		Mark:        netlink.Uint32(attrs[diagMark]),
		MarkKnown:   attrs[diagMark] != nil,
		Transparent: sockoptTransparent(attrs[diagSockopt]),
	}
	if !f.Local.IsValid() || !f.Remote.IsValid() {
		return Flow{}, fmt.Errorf("conn: sock_diag: %w: family %d", netlink.ErrShort, fam)
	}
	f.Mapped = f.Remote.Addr().Is4In6()
	f.Local = netip.AddrPortFrom(f.Local.Addr().Unmap(), f.Local.Port())
	f.Remote = netip.AddrPortFrom(f.Remote.Addr().Unmap(), f.Remote.Port())
	return f, nil
}

func addrPort(fam byte, addr, port []byte) netip.AddrPort {
	var a netip.Addr
	switch fam {
	case afINET:
		a = netip.AddrFrom4([4]byte(addr))
	case afINET6:
		a = netip.AddrFrom16([16]byte(addr))
	default:
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a, binary.BigEndian.Uint16(port))
}

// appendDiagReq appends struct inet_diag_req with an empty socket id. This oldest
// request (TCPDIAG_GETSOCK) is the only one that takes no family for any
// (inet_diag_dump_compat): the kernel keeps the sockets of both in one table, and
// walks it whole for each request.
func appendDiagReq(b []byte, states uint32) []byte {
	b = append(b, 0, 0, 0, 0)
	b = append(b, make([]byte, sizeofSockID)...)
	b = binary.NativeEndian.AppendUint32(b, states)
	return binary.NativeEndian.AppendUint32(b, 0)
}

// appendDestroy appends the request that names exactly the flow's socket: by its
// cookie, so that a socket that has taken its place is spared. The kernel heeds
// no states here (sock_diag_destroy).
func appendDestroy(b []byte, f Flow) []byte {
	fam := byte(afINET)
	if f.Mapped || f.Remote.Addr().Is6() {
		fam = afINET6
	}
	b = append(b, fam, byte(f.Proto), 0, 0)
	b = binary.NativeEndian.AppendUint32(b, 0)
	b = binary.BigEndian.AppendUint16(b, f.Local.Port())
	b = binary.BigEndian.AppendUint16(b, f.Remote.Port())
	b = appendSockAddr(b, fam, f.Local.Addr())
	b = appendSockAddr(b, fam, f.Remote.Addr())
	b = binary.NativeEndian.AppendUint32(b, f.Oif)
	b = binary.NativeEndian.AppendUint32(b, uint32(f.Cookie))
	return binary.NativeEndian.AppendUint32(b, uint32(f.Cookie>>32))
}

func appendSockAddr(b []byte, fam byte, a netip.Addr) []byte {
	if fam == afINET {
		b = append(b, a.AsSlice()...)
		return append(b, make([]byte, 12)...)
	}
	a16 := a.As16() // IPv4 becomes IPv4-mapped
	return append(b, a16[:]...)
}

// Filter operations (INET_DIAG_BC_*).
const (
	bcJump  = 1
	bcSCond = 7
	bcDCond = 8
)

const sizeofBcOp = 4 // struct inet_diag_bc_op

// appendFilter appends the kernel filter for the flows that changes can concern:
// "the peer is in one of these prefixes, or the local address is one of these".
// It appends nothing where that is no narrower than all.
//
// A condition that holds is followed by a jump to the end, which accepts; one
// that fails skips the jump. The last one, failing, goes past the end, which
// rejects (inet_diag_bc_run). A condition on an IPv4 address also holds for the
// mapped one in an IPv6 socket.
func appendFilter(b []byte, changes rtable.Changes) []byte {
	remotes, locals, ok := changes.Narrow()
	if !ok || len(remotes)+len(locals) == 0 {
		return b
	}
	type cond struct {
		op   byte
		pfx  netip.Prefix
		size int
	}
	var conds []cond
	total := 0
	add := func(op byte, p netip.Prefix) {
		size := sizeofBcOp + 8 + p.Addr().BitLen()/8
		conds = append(conds, cond{op, p, size})
		total += size + sizeofBcOp
	}
	for _, p := range remotes {
		add(bcDCond, p)
	}
	for _, a := range locals {
		add(bcSCond, netip.PrefixFrom(a, a.BitLen()))
	}
	total -= sizeofBcOp // the last has no jump
	return netlink.AppendAttr(b, diagReqBytecode, func() []byte {
		code := make([]byte, 0, total)
		for i, c := range conds {
			code = appendBcOp(code, c.op, byte(c.size), uint16(c.size+sizeofBcOp))
			fam := byte(afINET)
			if c.pfx.Addr().Is6() {
				fam = afINET6
			}
			code = append(code, fam, byte(c.pfx.Bits()), 0, 0)
			code = binary.NativeEndian.AppendUint32(code, ^uint32(0)) // any port
			code = append(code, c.pfx.Addr().AsSlice()...)
			if i < len(conds)-1 {
				code = appendBcOp(code, bcJump, sizeofBcOp, uint16(total-len(code)))
			}
		}
		return code
	}())
}

func appendBcOp(b []byte, op, yes byte, no uint16) []byte {
	return binary.NativeEndian.AppendUint16(append(b, op, yes), no)
}
