package ubus

import (
	"encoding/binary"
	"io"
)

// Messages (ubus/ubusmsg.h)
//
// A message is a header of eight bytes (version 0, type, sequence number, peer, in
// network order) and one attribute that holds the message's attributes. A client's
// request carries a number of its choice, and each answer to it repeats number and peer;
// answers are any count of DATA, then one STATUS. What another client sends us has
// its object's id as peer, so a reply counts only if number and peer both match:
// anyone who owns an object can send us DATA with any number.

type messageType uint8

const (
	msgHello     messageType = 0
	msgStatus    messageType = 1
	msgData      messageType = 2
	msgLookup    messageType = 4
	msgInvoke    messageType = 5
	msgAddObject messageType = 6
)

// Attributes of a message (enum ubus_msg_attr).
const (
	attrStatus    = 1
	attrObjPath   = 2
	attrObjID     = 3
	attrMethod    = 4
	attrSignature = 6
	attrData      = 7
	attrNoReply   = 10
)

// eventObject is the object of ubusd itself that takes events
// (UBUS_SYSTEM_OBJECT_EVENT).
const eventObject = 1

const messageHeader = 8

// A message is one that was received. Attributes that are absent, or of a wrong size,
// are not in has, as ubus_parse_msg has it.
type message struct {
	typ  messageType
	seq  uint16
	peer uint32

	has     uint16 // bit set, 1<<attrX
	status  Status
	objID   uint32
	method  string
	noReply bool
	data    []byte
}

func (m *message) hasAttrs(ids ...uint) bool {
	for _, id := range ids {
		if m.has&(1<<id) == 0 {
			return false
		}
	}
	return true
}

// readMessage reads one message. An error ends the stream: after bytes that are no
// message, there is no telling where the next one starts.
func readMessage(r io.Reader) (*message, error) {
	var head [messageHeader + attrHeader]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint32(head[messageHeader:]) & attrLength)
	if head[0] != 0 || n < attrHeader || n > MaxMessage {
		return nil, errMalformed
	}
	// Grown as bytes arrive: a length alone takes no memory.
	body, err := io.ReadAll(io.LimitReader(r, int64(n-attrHeader)))
	if err != nil {
		return nil, err
	}
	if len(body) < n-attrHeader {
		return nil, io.ErrUnexpectedEOF
	}
	m := &message{
		typ:  messageType(head[1]),
		seq:  binary.BigEndian.Uint16(head[2:]),
		peer: binary.BigEndian.Uint32(head[4:]),
	}
	m.parse(body)
	return m, nil
}

// parse files the attributes it knows; what is behind a malformed one is lost.
func (m *message) parse(b []byte) {
	for len(b) > 0 {
		a, rest, err := cutAttr(b)
		if err != nil {
			return
		}
		b = rest
		switch {
		case a.id == attrStatus && len(a.payload) == 4:
			m.status = Status(binary.BigEndian.Uint32(a.payload))
		case a.id == attrObjID && len(a.payload) == 4:
			m.objID = binary.BigEndian.Uint32(a.payload)
		case a.id == attrMethod && len(a.payload) > 0 && a.payload[len(a.payload)-1] == 0:
			m.method = cString(a.payload)
		case a.id == attrNoReply && len(a.payload) == 1:
			m.noReply = a.payload[0] != 0
		case a.id == attrData:
			m.data = a.payload
		default:
			continue
		}
		m.has |= 1 << a.id
	}
}

// newMessage makes a message of the attributes that fill appends. It stays within
// MaxMessage, because fields stay within maxFields and names within maxName.
func newMessage(t messageType, seq uint16, peer uint32, fill func([]byte) []byte) []byte {
	b := []byte{0, uint8(t)}
	b = binary.BigEndian.AppendUint16(b, seq)
	b = binary.BigEndian.AppendUint32(b, peer)
	return closeAttr(fill(openAttr(b, 0, false)), messageHeader)
}
