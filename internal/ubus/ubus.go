// Package ubus speaks to OpenWrt's message bus without its C library: it publishes an
// object, serves what is invoked on it, sends events, and invokes methods of others.
//
// The protocol is that of ubusd (ubus/ubusmsg.h, ubusd_proto.c) with the data
// formats of libubox (blob.h, blobmsg.h, blobmsg_json.c). Values are JSON on this side.
// There are no subscriptions, no listening to events and no file descriptors:
// netmond needs none, and the kernel closes a descriptor that nobody asked for.
package ubus

import (
	"context"
	"encoding/json"
	"strconv"
)

// DefaultPath is where ubusd listens on OpenWrt.
const DefaultPath = "/var/run/ubus/ubus.sock"

// A Type is that of a blobmsg field, and of an argument in a method's signature
// (blobmsg.h, enum blobmsg_type).
type Type uint8

const (
	null   Type = iota // BLOBMSG_TYPE_UNSPEC; JSON's null
	Array              // BLOBMSG_TYPE_ARRAY
	Table              // BLOBMSG_TYPE_TABLE
	String             // BLOBMSG_TYPE_STRING
	Int64              // BLOBMSG_TYPE_INT64
	Int32              // BLOBMSG_TYPE_INT32
	Int16              // BLOBMSG_TYPE_INT16
	Bool               // BLOBMSG_TYPE_BOOL, which is INT8
	Double             // BLOBMSG_TYPE_DOUBLE
)

// A Method is what others may invoke on the published object.
type Method struct {
	// Args is the signature, for people (`ubus -v list`) and for nobody else: ubusd
	// and Client let through whatever a caller sends.
	Args []Arg

	// Serve answers one invocation; args is a JSON object. The result is
	// marshalled and has to come to an object, or be nil for a bare status. An error that
	// is a Status is sent as it is, any other as StatusUnknownError. Serve runs on a
	// goroutine of its own, several at once, and has to end when ctx does.
	Serve func(ctx context.Context, args json.RawMessage) (any, error)
}

// An Arg is one argument of a signature.
type Arg struct {
	Name string
	Type Type
}

// A Status is how ubusd or a served method answers (ubusmsg.h, enum ubus_msg_status).
// As an error it is comparable: errors.Is(err, StatusNotFound).
type Status uint32

const (
	StatusOK Status = iota
	StatusInvalidCommand
	StatusInvalidArgument
	StatusMethodNotFound
	StatusNotFound
	StatusNoData
	StatusPermissionDenied
	StatusTimeout
	StatusNotSupported
	StatusUnknownError
	StatusConnectionFailed
	StatusNoMemory
	StatusParseError
	StatusSystemError
)

func (s Status) Error() string { return "ubus: " + s.String() }

func (s Status) String() string {
	names := [...]string{
		"ok", "invalid command", "invalid argument", "method not found", "not found", "no data",
		"permission denied", "timeout", "not supported", "unknown error", "connection failed",
		"out of memory", "parse error", "system error",
	}
	if s < Status(len(names)) {
		return names[s]
	}
	return "status " + strconv.FormatUint(uint64(s), 10)
}
