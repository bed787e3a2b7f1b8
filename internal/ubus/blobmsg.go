package ubus

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/netmond/netmond/internal/minijson"
)

// Blobmsg (libubox, blobmsg.h and blobmsg_json.c)
//
// A field is an attribute whose id is its Type and whose payload begins with a
// name: its length in two bytes, the name, a NUL, padding to four. Elements of an
// array have an empty name, or, from other writers, none. Numbers are in network order;
// strings end in a NUL and therefore hold none.
//
// JSON's numbers become INT32 where they fit, else INT64, and DOUBLE where they are
// written with a fraction or an exponent or fit neither; a DOUBLE is written with one of the
// two, so that it stays one. What is not UTF-8 becomes U+FFFD; a DOUBLE that is no
// number becomes null.

const (
	// MaxMessage is the longest message, in bytes: UBUS_MAX_MSGLEN. ubusd closes
	// the connection of who sends more.
	MaxMessage = 1 << 20

	// maxFields is what a table may take of it, so that the rest of the message
	// fits, with names of maxName.
	maxFields = MaxMessage - 1024
	maxName   = 255

	// maxDepth is how deep tables and arrays may nest. netifd's deepest answer has 6;
	// without a limit a hostile message would have 100,000, each a stack frame.
	maxDepth = 32
)

var errTooLarge = errors.New("ubus: message above 1 MiB")

// Encode makes the fields of a table of value, which has to marshal to a JSON object.
// Nil makes none.
func Encode(value any) ([]byte, error) {
	if raw, ok := value.(json.RawMessage); value == nil || ok && raw == nil {
		return nil, nil
	}
	text, err := minijson.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("ubus: encode: %w", err)
	}
	if text[0] != '{' {
		return nil, fmt.Errorf("ubus: encode: %.32q is not an object", text)
	}
	return appendMembers(nil, text, 0)
}

// appendMembers appends the members or elements of text, a valid object or array.
func appendMembers(b, text []byte, depth int) ([]byte, error) {
	if depth == maxDepth {
		return nil, fmt.Errorf("ubus: encode: nested deeper than %d", maxDepth)
	}
	for name, value := range minijson.Each(text) {
		var err error
		if b, err = appendField(b, name, value, depth); err != nil {
			return nil, err
		}
		if len(b) > maxFields {
			return nil, errTooLarge
		}
	}
	return b, nil
}

// appendField appends one value, which is valid JSON.
func appendField(b []byte, name string, value []byte, depth int) ([]byte, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	start := len(b)
	open := func(t Type) { b = openField(b, t, name) }
	var err error
	switch value[0] {
	case 'n':
		open(null)
	case 't':
		open(Bool)
		b = append(b, 1)
	case 'f':
		open(Bool)
		b = append(b, 0)
	case '"':
		var s string
		if err = minijson.Unmarshal(value, &s); err == nil && strings.IndexByte(s, 0) >= 0 {
			return nil, fmt.Errorf("ubus: encode: %s: a string with a NUL", name)
		}
		open(String)
		b = append(append(b, s...), 0)
	case '{':
		open(Table)
		b, err = appendMembers(b, value, depth+1)
	case '[':
		open(Array)
		b, err = appendMembers(b, value, depth+1)
	default:
		if n, err := strconv.ParseInt(string(value), 10, 64); err == nil {
			if n == int64(int32(n)) {
				open(Int32)
				b = binary.BigEndian.AppendUint32(b, uint32(n))
			} else {
				open(Int64)
				b = binary.BigEndian.AppendUint64(b, uint64(n))
			}
			break
		}
		f, err := strconv.ParseFloat(string(value), 64)
		if err != nil {
			return nil, fmt.Errorf("ubus: encode: %s: %w", name, err)
		}
		open(Double)
		b = binary.BigEndian.AppendUint64(b, math.Float64bits(f))
	}
	if err != nil {
		return nil, err
	}
	return closeAttr(b, start), nil
}

// appendTable appends a table whose fields are encoded already.
func appendTable(b []byte, name string, fields []byte) ([]byte, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	start := len(b)
	return closeAttr(append(openField(b, Table, name), fields...), start), nil
}

// openField appends the header and name of a field; closeAttr ends it.
func openField(b []byte, t Type, name string) []byte {
	start := len(b)
	b = openAttr(b, uint8(t), true)
	b = binary.BigEndian.AppendUint16(b, uint16(len(name)))
	return appendPadding(append(append(b, name...), 0), start)
}

func checkName(name string) error {
	if len(name) > math.MaxUint16 || strings.IndexByte(name, 0) >= 0 {
		return fmt.Errorf("ubus: encode: %.32q cannot be a name", name)
	}
	return nil
}

// Decode makes a JSON object of the fields of a table. It refuses what libubox
// would: a field that is cut off, of an unknown type or a wrong size, or without a
// name. The JSON is at most six times as long as the fields, and two bytes.
func Decode(fields []byte) (json.RawMessage, error) {
	return appendJSON(nil, fields, true, 0)
}

func appendJSON(dst, fields []byte, named bool, depth int) ([]byte, error) {
	if depth == maxDepth {
		return nil, errMalformed
	}
	brackets := "[]"
	if named {
		brackets = "{}"
	}
	dst = append(dst, brackets[0])
	for first := true; len(fields) > 0; first = false {
		if !first {
			dst = append(dst, ',')
		}
		a, rest, err := cutAttr(fields)
		if err != nil {
			return nil, err
		}
		fields = rest
		name, value, err := a.field()
		if err != nil || named && !a.extended {
			return nil, errMalformed
		}
		if named {
			dst = append(appendJSONString(dst, name), ':')
		}
		if dst, err = appendJSONValue(dst, Type(a.id), value, depth); err != nil {
			return nil, err
		}
	}
	return append(dst, brackets[1]), nil
}

// fixedSize is the payload's length for the types that have one.
var fixedSize = [...]int{Int64: 8, Int32: 4, Int16: 2, Bool: 1, Double: 8}

func appendJSONValue(dst []byte, t Type, value []byte, depth int) ([]byte, error) {
	if int(t) >= len(fixedSize) || fixedSize[t] > 0 && len(value) != fixedSize[t] {
		return nil, errMalformed
	}
	switch t {
	case Array, Table:
		return appendJSON(dst, value, t == Table, depth+1)
	case String:
		if len(value) == 0 || value[len(value)-1] != 0 {
			return nil, errMalformed
		}
		return appendJSONString(dst, cString(value)), nil
	case Int64:
		return strconv.AppendInt(dst, int64(binary.BigEndian.Uint64(value)), 10), nil
	case Int32:
		return strconv.AppendInt(dst, int64(int32(binary.BigEndian.Uint32(value))), 10), nil
	case Int16:
		return strconv.AppendInt(dst, int64(int16(binary.BigEndian.Uint16(value))), 10), nil
	case Bool:
		return strconv.AppendBool(dst, value[0] != 0), nil
	case Double:
		f := math.Float64frombits(binary.BigEndian.Uint64(value))
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return append(dst, "null"...), nil
		}
		start := len(dst)
		dst = strconv.AppendFloat(dst, f, 'g', -1, 64)
		if !bytes.ContainsAny(dst[start:], ".e") {
			dst = append(dst, ".0"...)
		}
		return dst, nil
	}
	return append(dst, "null"...), nil
}

// field splits the payload of a blobmsg attribute.
func (a attr) field() (name string, value []byte, err error) {
	if !a.extended {
		return "", a.payload, nil
	}
	if len(a.payload) < 2 {
		return "", nil, errMalformed
	}
	n := int(binary.BigEndian.Uint16(a.payload))
	if header := pad(2 + n + 1); header <= len(a.payload) && a.payload[2+n] == 0 {
		return cString(a.payload[2 : 2+n+1]), a.payload[header:], nil
	}
	return "", nil, errMalformed
}

// cString is what C sees of b, which has a NUL.
func cString(b []byte) string { return string(b[:slices.Index(b, 0)]) }

func appendJSONString(dst []byte, s string) []byte {
	// Marshal would write the replacement in another way than U+FFFD itself.
	quoted, _ := minijson.Marshal(strings.ToValidUTF8(s, "\uFFFD"))
	return append(dst, quoted...)
}
