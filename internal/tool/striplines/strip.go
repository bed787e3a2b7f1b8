package main

import (
	"bytes"
	"maps"
	"regexp"
	"slices"
)

// strip packs the tables that stay at the end of pctab. What is dead, the names of
// files among it, is then one run of zeros between the names and those tables: it
// compresses to nothing, and no page of it is ever touched. The tables stand in the
// order of their bytes, since likes beside each other compress better.
func (t *pclntab) strip() {
	alive := make(map[string]uint32) // where each goes
	for _, f := range t.funcs {
		for _, ref := range f.live() {
			alive[t.content(t.uint32(ref))] = 0
		}
	}
	delete(alive, "")
	packed := make([]byte, 0, len(t.pctab))
	for _, table := range slices.Sorted(maps.Keys(alive)) {
		alive[table] = uint32(len(packed))
		packed = append(packed, table...)
	}
	start := len(t.pctab) - len(packed)
	for _, f := range t.funcs {
		for _, ref := range f.live() {
			if table := t.content(t.uint32(ref)); table != "" {
				t.put(ref, uint32(start)+alive[table])
			}
		}
		for _, ref := range append(f.lines(), f.at+funcUnit, f.at+funcStartLine) {
			t.put(ref, 0)
		}
	}
	t.shorten()
	clear(t.files)
	clear(t.pctab[:start])
	copy(t.pctab[start:], packed)
}

// arguments are a function's type arguments, and the length of an array.
var arguments = regexp.MustCompile(`\[.*\]`)

// shorten makes names such as the runtime prints them (funcNameForPrint).
func (t *pclntab) shorten() {
	for rest := t.names; len(rest) > 0; {
		name, next, _ := bytes.Cut(rest, []byte{0})
		if short := arguments.ReplaceAll(name, []byte("[...]")); len(short) < len(name) {
			clear(name[copy(name, short):])
		}
		rest = next
	}
}

// content is the table at an offset in pctab, empty for none.
func (t *pclntab) content(start uint32) string {
	if start == 0 {
		return ""
	}
	return string(t.pctab[start:t.tables[start]])
}
