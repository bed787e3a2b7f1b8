package minijson

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"strings"
)

// Unmarshal stores the value of text in what into points to, as json.Unmarshal
// does. Of a value of the wrong kind the first is the error, a
// *json.UnmarshalTypeError, and the rest is stored all the same.
func Unmarshal(text []byte, into any) error {
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return errors.New("json: want a pointer")
	}
	if err := check(text); err != nil {
		return err
	}
	var d decoder
	d.value(bytes.TrimSpace(text), v.Elem())
	if d.err != nil {
		return d.err
	}
	return nil
}

// decoder stores values of valid text. For one goroutine.
type decoder struct {
	path []string // of fields, down to the current one
	err  *json.UnmarshalTypeError
}

var rawMessage = reflect.TypeFor[json.RawMessage]()

// value stores one value in v.
func (d *decoder) value(text []byte, v reflect.Value) {
	null := text[0] == 'n'
	for v.Kind() == reflect.Pointer && !null {
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		v = v.Elem()
	}
	switch {
	case v.Type() == rawMessage:
		v.SetBytes(bytes.Clone(text))
	case v.Kind() == reflect.Interface && v.NumMethod() == 0:
		if x := d.any(text); x != nil {
			v.Set(reflect.ValueOf(x))
			break
		}
		v.SetZero()
	case null:
		switch v.Kind() {
		case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Interface:
			v.SetZero()
		}
	case text[0] == '{':
		d.object(text, v)
	case text[0] == '[':
		d.array(text, v)
	case text[0] == '"':
		if v.Kind() != reflect.String {
			d.mismatch("string", v)
			break
		}
		v.SetString(unquote(text))
	case text[0] == 't', text[0] == 'f':
		if v.Kind() != reflect.Bool {
			d.mismatch("bool", v)
			break
		}
		v.SetBool(text[0] == 't')
	default:
		d.number(string(text), v)
	}
}

func (d *decoder) number(text string, v reflect.Value) {
	fits := false
	switch {
	case v.CanInt():
		n, err := strconv.ParseInt(text, 10, 64)
		if fits = err == nil && !v.OverflowInt(n); fits {
			v.SetInt(n)
		}
	case v.CanUint():
		n, err := strconv.ParseUint(text, 10, 64)
		if fits = err == nil && !v.OverflowUint(n); fits {
			v.SetUint(n)
		}
	case v.CanFloat():
		f, err := strconv.ParseFloat(text, v.Type().Bits())
		if fits = err == nil && !v.OverflowFloat(f); fits {
			v.SetFloat(f)
		}
	default:
		d.mismatch("number", v)
		return
	}
	if !fits {
		d.mismatch("number "+text, v)
	}
}

func (d *decoder) array(text []byte, v reflect.Value) {
	if v.Kind() != reflect.Slice {
		d.mismatch("array", v)
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	for _, element := range each(text) {
		x := reflect.New(v.Type().Elem()).Elem()
		d.value(element, x)
		v.Set(reflect.Append(v, x))
	}
}

func (d *decoder) object(text []byte, v reflect.Value) {
	switch {
	case v.Kind() == reflect.Struct:
		fields := fieldsOf(v.Type())
		for name, value := range each(text) {
			if f := find(fields, unquote(name)); f != nil {
				d.path = append(d.path, f.name)
				d.value(value, f.made(v))
				d.path = d.path[:len(d.path)-1]
			}
		}
	case v.Kind() == reflect.Map && v.Type().Key().Kind() == reflect.String:
		if v.IsNil() {
			v.Set(reflect.MakeMap(v.Type()))
		}
		for name, value := range each(text) {
			x := reflect.New(v.Type().Elem()).Elem()
			d.value(value, x)
			key := reflect.New(v.Type().Key()).Elem()
			key.SetString(unquote(name))
			v.SetMapIndex(key, x)
		}
	default:
		d.mismatch("object", v)
	}
}

// find returns the field of that name, or else of one that differs in case only.
func find(fields []field, name string) *field {
	for i := range fields {
		if fields[i].name == name {
			return &fields[i]
		}
	}
	for i := range fields {
		if strings.EqualFold(fields[i].name, name) {
			return &fields[i]
		}
	}
	return nil
}

// made is the field of v, with the embedded structs on the way.
func (f *field) made(v reflect.Value) reflect.Value {
	for i, x := range f.index {
		if i > 0 && v.Kind() == reflect.Pointer {
			if v.IsNil() {
				v.Set(reflect.New(v.Type().Elem()))
			}
			v = v.Elem()
		}
		v = v.Field(x)
	}
	return v
}

// any is a value without a type of its own: map[string]any, []any, string,
// float64, bool or nil.
func (d *decoder) any(text []byte) any {
	switch text[0] {
	case '{':
		m := make(map[string]any)
		for name, value := range each(text) {
			m[unquote(name)] = d.any(value)
		}
		return m
	case '[':
		list := []any{}
		for _, value := range each(text) {
			list = append(list, d.any(value))
		}
		return list
	case '"':
		return unquote(text)
	case 't', 'f':
		return text[0] == 't'
	case 'n':
		return nil
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		d.mismatch("number "+string(text), reflect.ValueOf(&f).Elem())
		return nil
	}
	return f
}

// mismatch keeps the first error.
func (d *decoder) mismatch(what string, v reflect.Value) {
	if d.err == nil {
		d.err = &json.UnmarshalTypeError{Value: what, Type: v.Type(), Field: strings.Join(d.path, ".")}
	}
}
