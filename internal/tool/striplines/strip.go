package main

import "slices"

// strip packs the tables that stay at the end of pctab, in their order. What is
// dead, the names of files among it, is then one run of zeros between the names and
// those tables: it compresses to nothing, and no page of it is ever touched.
func (t *pclntab) strip() {
	alive := make(map[uint32]bool)
	for _, f := range t.funcs {
		for _, at := range f.live() {
			alive[t.uint32(at)] = true
		}
	}
	packed := make([]byte, len(t.pctab))
	moved := make(map[uint32]uint32)
	to := len(packed)
	for _, start := range slices.Backward(t.starts()) {
		if alive[start] {
			table := t.pctab[start:t.tables[start]]
			to -= len(table)
			copy(packed[to:], table)
			moved[start] = uint32(to)
		}
	}
	for _, f := range t.funcs {
		for _, at := range f.live() {
			t.put(at, moved[t.uint32(at)])
		}
		for _, at := range append(f.lines(), f.at+funcUnit, f.at+funcStartLine) {
			t.put(at, 0)
		}
	}
	copy(t.pctab, packed)
	clear(t.files)
}
