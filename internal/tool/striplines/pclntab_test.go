package main

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
)

// A small pclntab of two functions, a of 8 bytes and b of 4, with a table that both
// share. Words are of 4 bytes.
func sample(order binary.ByteOrder) []byte {
	const names, cutab, filetab, pctab, functab = 40, 44, 52, 56, 76
	const a, b = functab + 20, functab + 72
	text := bytes.Join([][]byte{
		words(order, magic), {0, 0, 4, 4}, words(order, 2, 1, 0, names, cutab, filetab, pctab, functab),
		[]byte("a\x00b\x00"),
		words(order, 0, 0),
		[]byte("f.s\x00"),
		{
			0,
			2, 1, 4, 1, 0, // 1: a's depth
			2, 2, 0, // 6: a's file
			6, 1, 2, 1, 0, // 9: a's lines
			2, 1, 0, // 14: both's pcdata, and b's file and lines
			0, 0, 0,
		},
		words(order, 0, a-functab, 8, b-functab, 12),
		words(order, 0, 0, 0, 0, 1, 6, 9, 1, 0, 10, 0, 14, ^uint32(0)),
		words(order, 8, 2, 0, 0, 0, 14, 14, 2, 0, 20, 0, 0, 14),
	}, nil)
	text[a+funcNFuncData] = 1
	return text
}

func words(order binary.ByteOrder, words ...uint32) []byte {
	b, _ := binary.Append(nil, order, words)
	return b
}

func TestStripSample(t *testing.T) {
	for _, order := range []binary.ByteOrder{binary.BigEndian, binary.LittleEndian} {
		b := sample(order)
		p, err := parse(b, order)
		if err != nil {
			t.Fatal(err)
		}
		p.strip()
		want := append(make([]byte, 12), 2, 1, 0, 2, 1, 4, 1, 0)
		if !bytes.Equal(p.pctab, want) || !blank(p.files) {
			t.Errorf("pctab = %v, files %v, want %v, all zero", p.pctab, p.files, want)
		}
		var refs []uint32
		for _, f := range p.funcs {
			for _, ref := range append(f.live(), f.lines()...) {
				refs = append(refs, p.uint32(ref))
			}
		}
		if got, want := refs, []uint32{15, 12, 0, 0, 0, 0, 12, 0, 0}; !slices.Equal(got, want) {
			t.Errorf("tables at %v, want %v", got, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		at   int // of the byte to change
		to   byte
		want string
	}{
		"quantum":              {6, 3, "header"},
		"pointer":              {7, 2, "header"},
		"count":                {11, 200, "200 functions"},
		"order-of-parts":       {35, 100, "parts"},
		"name-amid-another":    {76 + 20 + 7, 1, "name at 1"},
		"entry":                {76 + 20 + 3, 4, "entry 0x4, want 0x0"},
		"place":                {76 + 7, 24, "at 24, want 20"},
		"end-before-start":     {76 + 19, 4, "from 0x8 to 0x4"},
		"npcdata":              {76 + 20 + 31, 200, "200 tables"},
		"nfuncdata":            {76 + 72 + 43, 9, "9 other data"},
		"table-out-of-pctab":   {76 + 20 + 19, 20, "table at 20"},
		"table-in-a-table":     {76 + 72 + 23, 11, "within another"},
		"table-past-its-end":   {56 + 7, 3, "goes to 12 of 8"},
		"table-without-end":    {76 + 20 + 19, 19, "table at 19"},
		"bytes-of-no-table":    {56 + 18, 1, "unknown data"},
		"table-used-by-nobody": {76 + 20 + 27, 0, "unknown data at 9"},
	} {
		b := sample(binary.BigEndian)
		b[test.at] = test.to
		if _, err := parse(b, binary.BigEndian); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error = %v, want %q", name, err, test.want)
		}
	}
	b := sample(binary.BigEndian)
	for n := range b {
		if _, err := parse(b[:n], binary.BigEndian); err == nil {
			t.Errorf("%d of %d bytes: no error", n, len(b))
		}
	}
}

// FuzzParse: what parse takes, strip can do, once.
func FuzzParse(f *testing.F) {
	f.Add(sample(binary.BigEndian), true)
	f.Add(sample(binary.LittleEndian), false)
	f.Fuzz(func(t *testing.T, b []byte, big bool) {
		order := binary.ByteOrder(binary.LittleEndian)
		if big {
			order = binary.BigEndian
		}
		p, err := parse(b, order)
		if err != nil {
			return
		}
		p.strip()
		once := bytes.Clone(b)
		if p, err = parse(b, order); err != nil {
			t.Fatalf("what strip makes: %v", err)
		}
		if p.strip(); !bytes.Equal(b, once) {
			t.Fatal("a second strip changes it")
		}
	})
}
