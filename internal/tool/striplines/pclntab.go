package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// The parts of a pclntab, in the order in which the linker writes them since Go
// 1.20 (cmd/link/internal/ld/pcln.go; it is read by runtime/symtab.go):
//
//	header   magic, quantum, size of a pointer, counts, where each part starts
//	names    of the functions, each ended by a zero
//	cutab    for each compilation unit, where its files' names are
//	filetab  those names
//	pctab    tables, each a value for every instruction of a function
//	functab  where each function and its _func is, then these
//
// What refers to a table has its offset in pctab; 0 is none, so no table is there.
// Functions with equal tables share one. The runtime finds the parts by addresses
// of its own (moduledata), so none may move or change its size.
type pclntab struct {
	order   binary.ByteOrder
	quantum uint64 // the step of a program counter, in bytes
	names   []byte
	files   []byte // cutab and filetab
	pctab   []byte
	functab []byte
	funcs   []function
	tables  map[uint32]uint32 // end of each table by its start, in pctab
}

// A function is a _func of functab (runtime/runtime2.go).
type function struct {
	at   uint32 // of the _func, in functab
	refs int    // to tables, after the fixed part
}

// Offsets in a _func, whose fixed part is followed by npcdata references to tables
// and nfuncdata references to other data, four bytes each.
const (
	funcEntry     = 0
	funcName      = 4
	funcSP        = 16 // table: depth of the stack
	funcFile      = 20 // table: index in cutab
	funcLine      = 24 // table: line
	funcNPCData   = 28
	funcUnit      = 32 // in cutab
	funcStartLine = 36
	funcNFuncData = 43 // a byte
	funcSize      = 44
)

// magic is of Go 1.20 and later.
const magic = 0xfffffff1

// parse checks all of a pclntab that strip relies on. The result refers to b.
func parse(b []byte, order binary.ByteOrder) (*pclntab, error) {
	if len(b) < 8 || order.Uint32(b) != magic {
		return nil, errors.New("pclntab: no magic number of Go 1.20 or later")
	}
	quantum, ptr := uint64(b[6]), int(b[7])
	if b[4] != 0 || b[5] != 0 || !slices.Contains([]uint64{1, 2, 4}, quantum) || ptr != 4 && ptr != 8 || len(b) < 8+8*ptr {
		return nil, fmt.Errorf("pclntab: header % x", b[:8])
	}
	word := func(i int) uint64 {
		if p := b[8+i*ptr:]; ptr == 8 {
			return order.Uint64(p)
		} else {
			return uint64(order.Uint32(p))
		}
	}
	nfunc, names, cutab, filetab, pctab, functab := word(0), word(3), word(4), word(5), word(6), word(7)
	if !slices.IsSorted([]uint64{uint64(8 + 8*ptr), names, cutab, filetab, pctab, functab, uint64(len(b))}) {
		return nil, fmt.Errorf("pclntab: parts at %d %d %d %d %d of %d", names, cutab, filetab, pctab, functab, len(b))
	}
	t := &pclntab{
		order:   order,
		quantum: quantum,
		names:   b[names:cutab],
		files:   b[cutab:pctab],
		pctab:   b[pctab:functab],
		functab: b[functab:],
		tables:  make(map[uint32]uint32),
	}
	if nfunc == 0 || nfunc > uint64(len(t.functab))/8 || 8*nfunc+4 > uint64(len(t.functab)) {
		return nil, fmt.Errorf("pclntab: %d functions in %d bytes", nfunc, len(t.functab))
	}
	next := 8*nfunc + 4
	for i := range nfunc {
		at := (next + uint64(ptr) - 1) &^ uint64(ptr-1)
		f, size, err := t.function(uint32(8*i), at)
		if err != nil {
			return nil, fmt.Errorf("pclntab: function %d: %w", i, err)
		}
		t.funcs = append(t.funcs, f)
		next = at + size
	}
	return t, t.covered()
}

// function checks the entry at an offset in functab and its _func, which has to be
// at another, and tells the size of it.
func (t *pclntab) function(entry uint32, at uint64) (f function, size uint64, err error) {
	start, end := t.uint32(entry), t.uint32(entry+8)
	if got := t.uint32(entry + 4); uint64(got) != at || end < start {
		return f, 0, fmt.Errorf("from %#x to %#x, at %d, want %d", start, end, got, at)
	}
	if at+funcSize > uint64(len(t.functab)) {
		return f, 0, fmt.Errorf("at %d of %d", at, len(t.functab))
	}
	f.at = uint32(at)
	npcdata, nfuncdata := uint64(t.uint32(f.at+funcNPCData)), uint64(t.functab[at+funcNFuncData])
	size = funcSize + 4*npcdata + 4*nfuncdata
	if at+size > uint64(len(t.functab)) {
		return f, 0, fmt.Errorf("%d tables, %d other data, in %d bytes", npcdata, nfuncdata, uint64(len(t.functab))-at)
	}
	f.refs = int(npcdata)
	if got := t.uint32(f.at + funcEntry); got != start {
		return f, 0, fmt.Errorf("entry %#x, want %#x", got, start)
	}
	if name := t.uint32(f.at + funcName); !t.isName(name) {
		return f, 0, fmt.Errorf("name at %d of %d", name, len(t.names))
	}
	for _, ref := range append(f.lines(), f.live()...) {
		if err := t.table(t.uint32(ref), uint64(end-start)); err != nil {
			return f, 0, err
		}
	}
	return f, size, nil
}

// lines are the places in functab that refer to tables for lines alone.
func (f function) lines() []uint32 {
	return []uint32{f.at + funcFile, f.at + funcLine}
}

// live are the places in functab that refer to tables which the program cannot do
// without.
func (f function) live() []uint32 {
	refs := []uint32{f.at + funcSP}
	for i := range f.refs {
		refs = append(refs, f.at+funcSize+4*uint32(i))
	}
	return refs
}

// table checks and files the table at an offset in pctab, for a function of a size
// in bytes. It is a run of pairs, the change of the value and that of the program
// counter, each a varint; it ends where the first of a pair, but of the first pair,
// is zero.
func (t *pclntab) table(start uint32, size uint64) error {
	if _, ok := t.tables[start]; ok || start == 0 {
		return nil
	}
	if uint64(start) >= uint64(len(t.pctab)) {
		return fmt.Errorf("table at %d of %d", start, len(t.pctab))
	}
	var pc uint64
	first := true
	for p := t.pctab[start:]; ; first = false {
		value, n := binary.Uvarint(p)
		if n == 1 && value == 0 && !first {
			t.tables[start] = uint32(len(t.pctab) - len(p) + 1)
			return nil
		}
		if n <= 0 {
			return fmt.Errorf("table at %d: no end", start)
		}
		delta, m := binary.Uvarint(p[n:])
		if pc += delta * t.quantum; m <= 0 || delta > size || pc > size {
			return fmt.Errorf("table at %d: goes to %d of %d bytes", start, pc, size)
		}
		p = p[n+m:]
	}
}

// covered checks that tables do not overlap, and that between them is nothing.
func (t *pclntab) covered() error {
	var end uint32
	for _, start := range t.starts() {
		if start < end {
			return fmt.Errorf("pclntab: table at %d, within another", start)
		}
		if !blank(t.pctab[end:start]) {
			return fmt.Errorf("pclntab: unknown data at %d to %d of pctab", end, start)
		}
		end = t.tables[start]
	}
	if !blank(t.pctab[end:]) {
		return fmt.Errorf("pclntab: unknown data from %d of pctab", end)
	}
	return nil
}

// starts are the offsets of the tables in pctab, in order.
func (t *pclntab) starts() []uint32 {
	starts := make([]uint32, 0, len(t.tables))
	for start := range t.tables {
		starts = append(starts, start)
	}
	slices.Sort(starts)
	return starts
}

func (t *pclntab) isName(at uint32) bool {
	return uint64(at) < uint64(len(t.names)) && (at == 0 || t.names[at-1] == 0) && bytes.IndexByte(t.names[at:], 0) >= 0
}

// uint32 reads at an offset in functab.
func (t *pclntab) uint32(at uint32) uint32 { return t.order.Uint32(t.functab[at:]) }

func (t *pclntab) put(at, v uint32) { t.order.PutUint32(t.functab[at:], v) }

func blank(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }
