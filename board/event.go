package board

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/netmond/netmond/internal/minijson"
)

// An Event is a message of the bus, for hooks.
type Event struct {
	Class string          // "network"
	Seq   uint64          // its number on the bus
	Msg   json.RawMessage // one JSON object; not changed after it was sent
}

const (
	maxVars  = 32      // variables of one event; messages of netmond have 8 at most
	maxName  = 32      // bytes of a variable's name after NETMOND_
	maxValue = 4 << 10 // bytes of a value; a portal's URL has at most 2 KiB
)

// Env is e as environment variables, sorted: NETMOND_CLASS, NETMOND_SEQ, and one for
// each key at the top of the message whose value is a string, a number or a
// boolean: {"type":"cpd","up":true} makes NETMOND_TYPE=cpd and NETMOND_UP=true. In a name,
// whatever is no letter or digit becomes an underscore; of two keys that come to the
// same name, the first in the order of bytes counts, and none takes CLASS, SEQ
// or LOST. In a value, control characters become question marks. Values longer
// than 4 KiB are left out; the JSON has them.
func (e Event) Env() []string {
	vars := map[string]string{"CLASS": e.Class, "SEQ": strconv.FormatUint(e.Seq, 10)}
	var object map[string]json.RawMessage
	if minijson.Unmarshal(e.Msg, &object) != nil {
		object = nil
	}
	for _, key := range slices.Sorted(maps.Keys(object)) {
		name := variable(key)
		value, ok := scalar(object[key])
		if _, taken := vars[name]; !taken && ok && name != "" && name != "LOST" && len(vars) < maxVars {
			vars[name] = value
		}
	}
	env := make([]string, 0, len(vars))
	for name, value := range vars {
		env = append(env, "NETMOND_"+name+"="+printable(value))
	}
	slices.Sort(env)
	return env
}

// variable makes a variable's name of a key, empty where it would be too long.
func variable(key string) string {
	if len(key) > maxName {
		return ""
	}
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z':
			return r - 'a' + 'A'
		case 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
			return r
		}
		return '_'
	}, key)
}

func scalar(value json.RawMessage) (string, bool) {
	if len(value) == 0 || len(value) > maxValue {
		return "", false
	}
	switch value[0] {
	case '{', '[', 'n':
		return "", false
	case '"':
		var s string
		err := minijson.Unmarshal(value, &s)
		return s, err == nil && len(s) <= maxValue
	}
	return string(value), true
}

// printable replaces what could act on a terminal or end a line.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}
