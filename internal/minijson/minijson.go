// Package minijson is the part of encoding/json that netmond uses: the same JSON
// from the same values and tags, and the same values from the same JSON, in a
// sixth of the code.
//
// encoding/json has to be fast for any type: it compiles an encoder and a decoder
// for each. On mips that is a twentieth of the whole binary. Here one walk by
// reflection does for all, and hardly slower; messages on the hot path write
// themselves (smd's AppendJSON) and never come here.
//
// What is left out: the tag options "string" and "omitzero", UnmarshalJSON and
// UnmarshalText, decoding into arrays, into bytes and into the elements that a
// slice has already, and nesting deeper than 1000. The tests and fuzz targets
// compare the rest with encoding/json.
package minijson

import (
	"encoding"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// maxDepth is how deep values may nest. netmond's own have five levels; without a
// limit a hostile line would take a stack frame for each of its bytes.
const maxDepth = 1000

var errDeep = errors.New("json: nested too deep")

// Marshal returns v as compact JSON. Like json.Marshal it escapes <, > and &.
func Marshal(v any) ([]byte, error) { return encoder{html: true}.value(nil, reflect.ValueOf(v), 0) }

// Append appends v as compact JSON. Unlike Marshal it leaves <, > and & readable.
func Append(b []byte, v any) ([]byte, error) { return encoder{}.value(b, reflect.ValueOf(v), 0) }

// encoder writes values. Immutable.
type encoder struct{ html bool }

// value appends v, which lies depth levels deep.
func (e encoder) value(b []byte, v reflect.Value, depth int) ([]byte, error) {
	if depth > maxDepth {
		return nil, errDeep
	}
	if !v.IsValid() {
		return append(b, "null"...), nil
	}
	if b, done, err := e.own(b, v); done {
		return b, err
	}
	switch v.Kind() {
	case reflect.Bool:
		return strconv.AppendBool(b, v.Bool()), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.AppendInt(b, v.Int(), 10), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return strconv.AppendUint(b, v.Uint(), 10), nil
	case reflect.Float32, reflect.Float64:
		return appendFloat(b, v.Float(), v.Type().Bits())
	case reflect.String:
		return e.string(b, v.String()), nil
	case reflect.Interface, reflect.Pointer:
		return e.value(b, v.Elem(), depth+1)
	case reflect.Struct:
		return e.structure(b, v, depth)
	case reflect.Map:
		return e.mapping(b, v, depth)
	case reflect.Slice:
		if v.IsNil() {
			return append(b, "null"...), nil
		}
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return append(base64.StdEncoding.AppendEncode(append(b, '"'), v.Bytes()), '"'), nil
		}
		fallthrough
	case reflect.Array:
		b = append(b, '[')
		for i := range v.Len() {
			if i > 0 {
				b = append(b, ',')
			}
			var err error
			if b, err = e.value(b, v.Index(i), depth+1); err != nil {
				return nil, err
			}
		}
		return append(b, ']'), nil
	}
	return nil, &json.UnsupportedTypeError{Type: v.Type()}
}

// own appends v where its type says how, by MarshalJSON or MarshalText.
func (e encoder) own(b []byte, v reflect.Value) (_ []byte, done bool, err error) {
	if v.Kind() == reflect.Interface || (v.Kind() == reflect.Pointer && v.IsNil()) || !v.CanInterface() {
		return b, false, nil
	}
	if v.Kind() != reflect.Pointer && v.CanAddr() && v.Type().PkgPath() != "" {
		v = v.Addr()
	}
	if v.NumMethod() == 0 {
		return b, false, nil
	}
	switch m := v.Interface().(type) {
	case json.Marshaler:
		text, err := m.MarshalJSON()
		if err == nil {
			b, err = compact(b, text, e.html)
		}
		if err != nil {
			err = fmt.Errorf("json: error calling MarshalJSON for type %v: %w", v.Type(), err)
		}
		return b, true, err
	case encoding.TextMarshaler:
		text, err := m.MarshalText()
		if err != nil {
			return nil, true, fmt.Errorf("json: error calling MarshalText for type %v: %w", v.Type(), err)
		}
		return e.string(b, string(text)), true, nil
	}
	return b, false, nil
}

func (e encoder) structure(b []byte, v reflect.Value, depth int) ([]byte, error) {
	b = append(b, '{')
	first := len(b)
	fields := fieldsOf(v.Type())
	for i := range fields {
		f := &fields[i]
		x, ok := f.in(v)
		if !ok || f.omitEmpty && empty(x) {
			continue
		}
		if len(b) > first {
			b = append(b, ',')
		}
		b = append(e.string(b, f.name), ':')
		var err error
		if b, err = e.value(b, x, depth+1); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

func (e encoder) mapping(b []byte, v reflect.Value, depth int) ([]byte, error) {
	if v.IsNil() {
		return append(b, "null"...), nil
	}
	type member struct {
		name  string
		value reflect.Value
	}
	members := make([]*member, 0, v.Len())
	for r := v.MapRange(); r.Next(); {
		name, err := keyText(r.Key())
		if err != nil {
			return nil, err
		}
		members = append(members, &member{name, r.Value()})
	}
	slices.SortFunc(members, func(a, b *member) int { return strings.Compare(a.name, b.name) })
	b = append(b, '{')
	for i, m := range members {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(e.string(b, m.name), ':')
		var err error
		if b, err = e.value(b, m.value, depth+1); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}
