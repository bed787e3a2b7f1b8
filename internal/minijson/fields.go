package minijson

import (
	"reflect"
	"strings"
	"sync"
)

// field is a field of a struct that is a member of its object.
type field struct {
	name      string
	index     []int // through embedded structs
	tagged    bool
	omitEmpty bool
}

// known has the fields of the types met so far, by reflect.Type: a few dozen, as
// many as the program has.
var known sync.Map

// fieldsOf returns the fields of the struct t in their order. Of several with one
// name the least embedded one counts, then one with a tag; else none does.
func fieldsOf(t reflect.Type) []field {
	if fields, ok := known.Load(t); ok {
		return fields.([]field)
	}
	all := appendFields(nil, t, nil)
	var fields []field
	for i := range all {
		if f := &all[i]; !hidden(f, all) {
			fields = append(fields, *f)
		}
	}
	known.Store(t, fields)
	return fields
}

// hidden says whether another of the fields has f's name and goes before it.
func hidden(f *field, all []field) bool {
	for i := range all {
		g := &all[i]
		if g == f || g.name != f.name || len(g.index) > len(f.index) {
			continue
		}
		if len(g.index) < len(f.index) || g.tagged || !f.tagged {
			return true
		}
	}
	return false
}

func appendFields(list []field, t reflect.Type, path []int) []field {
	if len(path) > 8 { // a struct that embeds a pointer to itself
		return list
	}
	for i := range t.NumField() {
		sf := t.Field(i)
		tag := sf.Tag.Get("json")
		name, options, _ := strings.Cut(tag, ",")
		embedded := sf.Type
		if embedded.Kind() == reflect.Pointer {
			embedded = embedded.Elem()
		}
		inline := sf.Anonymous && embedded.Kind() == reflect.Struct
		if tag == "-" || !sf.IsExported() && !inline {
			continue
		}
		index := append(path[:len(path):len(path)], i)
		if inline && name == "" {
			list = appendFields(list, embedded, index)
			continue
		}
		f := field{name: name, index: index, tagged: name != "", omitEmpty: strings.Contains(options, "omitempty")}
		if !f.tagged {
			f.name = sf.Name
		}
		list = append(list, f)
	}
	return list
}

// in is the field of v; ok is false behind a nil pointer.
func (f *field) in(v reflect.Value) (_ reflect.Value, ok bool) {
	for i, x := range f.index {
		if i > 0 && v.Kind() == reflect.Pointer {
			if v.IsNil() {
				return v, false
			}
			v = v.Elem()
		}
		v = v.Field(x)
	}
	return v, true
}

// empty is what omitempty leaves out.
func empty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Array, reflect.Map, reflect.Slice, reflect.String:
		return v.Len() == 0
	case reflect.Struct:
		return false
	}
	return v.IsZero()
}
