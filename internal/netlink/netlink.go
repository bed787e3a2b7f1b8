// Package netlink speaks the framing that every netlink family shares: headers,
// attributes, acknowledgements and dumps (RFC 3549 section 2, linux/netlink.h).
//
// The codec (Messages, Attrs, Policy, the Append functions, ParseError) is pure
// and portable: bytes in, values out, nothing read beyond a slice's end whatever
// the bytes say. Socket adds the system calls and is Linux only. The package
// knows no family's messages: rtnl and conn bring those.
//
// All integers are in the machine's byte order, as the kernel writes them,
// except where an attribute's own definition says network order.
package netlink

import "encoding/binary"

// Message types every family shares (linux/netlink.h).
const (
	TypeNoop    = 0x1
	TypeError   = 0x2
	TypeDone    = 0x3
	TypeOverrun = 0x4

	// TypeMin is the first type that belongs to a family.
	TypeMin = 0x10
)

// Header flags (linux/netlink.h).
const (
	FlagRequest         = 0x1
	FlagMulti           = 0x2
	FlagAck             = 0x4
	FlagDumpInterrupted = 0x10
	FlagDumpFiltered    = 0x20

	// Modifiers of a dump request.
	FlagDump = 0x300

	// Modifiers of a request that makes an object, and of the notification of it.
	FlagReplace = 0x100
	FlagExcl    = 0x200
	FlagCreate  = 0x400
	FlagAppend  = 0x800

	// Flags of an acknowledgement.
	flagCapped  = 0x100
	flagAckTLVs = 0x200
)

// native is the byte order of the machine, which is the kernel's.
var native = binary.NativeEndian

// align rounds n up to the 4 bytes on which messages and attributes start
// (NLMSG_ALIGNTO, NLA_ALIGNTO).
func align(n int) int { return (n + 3) &^ 3 }
