// Package smd is netmond's message bus: small JSON messages in classes, after
// the system message distribution of libwebsockets, published inside the
// daemon and served to every process of the device over a Unix stream socket.
//
// # What a subscriber may rely on
//
// There is one timeline. Every message gets the next number the moment it is
// published, and all subscribers see the messages of their classes in the order
// of these numbers. Nobody sees a message twice, nor one out of place. The
// numbers a subscriber sees ascend but need not be consecutive: other classes
// use them too.
//
// Publishing never waits. A subscriber has a bounded queue of the newest
// messages; when it is full the oldest one makes room, and the subscriber finds
// a gap, a Message with Lost set, where the lost ones were. So a consumer that
// falls behind loses the past and not the present, always knows that it did,
// and costs the publisher and the other subscribers nothing. How far it is
// behind "now" is nobody else's business, and no two subscribers are at the
// same place.
//
// A snapshot comes before the events. A client of the socket is first given the
// daemon's state with a number N, then the messages after N. The subscription
// exists before the snapshot is taken, so nothing falls between the two; for
// the same reason the snapshot may already show what a message soon after N
// tells again. The publisher's part of this bargain: change the state that the
// snapshot shows first, publish the change second.
//
// A client that lost its connection says how far it got, as EPOCH:SEQ. The
// epoch names one life of a daemon. Within it, a ring of the newest messages of
// all classes replays what was missed; where the ring has moved on there is a
// gap, whose Lost then counts numbers of any class. In another epoch numbers
// mean nothing, and the client gets the snapshot.
//
// # What is not built
//
// A device where nobody listens should not pay for messages. Wanted says
// whether anyone subscribes to a class, and without it Publish builds nothing
// and numbers nothing. The ring counts as a listener only while it can be of
// use: as long as a client follows events over the socket, and until the first
// message that comes a minute after the last such client left. What happens
// later is a hole in the timeline, which takes a single number when the ring
// starts again, so that a client that returns from before finds its gap.
//
// # What it does not do
//
// It stores nothing, acknowledges nothing and promises nothing across a restart
// of the daemon. It never calls a subscriber: each takes its messages itself, in
// its own goroutine. The daemon's parts do not talk to each other through it.
package smd

import (
	"encoding/json"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// MaxPayload is the longest payload of a message in bytes of JSON, the limit of
// libwebsockets (LWS_SMD_MAX_PAYLOAD in lws-smd.h), whose consumers may read
// into a buffer of this size.
const MaxPayload = 384

// Class is a set of message classes, one bit each, with the bits of lws-smd.h.
// A message has exactly one; a subscription any number. The zero value is the
// empty set. Immutable.
type Class uint32

const (
	Interaction Class = 1 << 0     // a person did something: a button, a key
	System      Class = 1 << 1     // the daemon's own state
	Network     Class = 1 << 2     // routes, links, flows, captive portals
	Metrics     Class = 1 << 3     // figures, for who collects them
	User        Class = 0xff << 24 // user24 to user31, for the device's own use

	All = Interaction | System | Network | Metrics | User
)

// classNames has the name of each class at its bit; an empty one is no class.
var classNames = [32]string{
	0: "interaction", 1: "system", 2: "network", 3: "metrics",
	24: "user24", 25: "user25", 26: "user26", 27: "user27",
	28: "user28", 29: "user29", 30: "user30", 31: "user31",
}

// ParseClass returns the class, or the comma separated classes, that text
// names; "all" is All.
func ParseClass(text string) (Class, error) {
	if text == "all" {
		return All, nil
	}
	var set Class
	for _, name := range strings.Split(text, ",") {
		c := classNamed(name)
		if c == 0 {
			return 0, fmt.Errorf("smd: class %.32q: want interaction, system, network, metrics, user24 to user31, or all", name)
		}
		set |= c
	}
	return set, nil
}

func classNamed(name string) Class {
	for bit, n := range classNames {
		if n != "" && n == name {
			return 1 << bit
		}
	}
	return 0
}

// String returns the names in the order of their bits, separated by commas,
// such that ParseClass reads them back; "none" for the empty set.
func (c Class) String() string {
	if c.single() {
		return classNames[bits.TrailingZeros32(uint32(c))]
	}
	if c == 0 {
		return "none"
	}
	return strings.Join(c.names(), ",")
}

func (c Class) names() (names []string) {
	for bit, name := range classNames {
		switch {
		case c&(1<<bit) == 0:
		case name == "":
			names = append(names, "bit"+strconv.Itoa(bit))
		default:
			names = append(names, name)
		}
	}
	return names
}

// single reports whether c is exactly one known class.
func (c Class) single() bool {
	return bits.OnesCount32(uint32(c)) == 1 && c&All != 0
}

// Message is one message, or a gap where messages were lost to a subscriber
// that fell behind. The zero value is no message. Immutable; copies share the
// payload.
type Message struct {
	Seq     uint64          // place in the timeline, from 1; of a gap: that of the last lost message
	Time    int64           // when it was published, CLOCK_MONOTONIC in µs; 0 in a gap
	Class   Class           // exactly one; 0 in a gap
	Payload json.RawMessage // a JSON value of at most MaxPayload bytes; shared, not to be modified
	Lost    uint64          // 0, or this is a gap of so many messages
}

// AppendJSON appends the line that stands for m on the socket, without its end:
//
//	{"seq":12,"ts":123456789,"class":"network","msg":{...}}
//	{"seq":12,"lost":3}
func (m Message) AppendJSON(b []byte) []byte {
	b = append(b, `{"seq":`...)
	b = strconv.AppendUint(b, m.Seq, 10)
	if m.Lost > 0 {
		b = append(b, `,"lost":`...)
		b = strconv.AppendUint(b, m.Lost, 10)
		return append(b, '}')
	}
	b = append(b, `,"ts":`...)
	b = strconv.AppendInt(b, m.Time, 10)
	b = append(b, `,"class":"`...)
	b = append(b, m.Class.String()...)
	b = append(b, `","msg":`...)
	b = append(b, m.Payload...)
	return append(b, '}')
}
