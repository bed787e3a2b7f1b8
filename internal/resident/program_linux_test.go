package resident

import (
	"debug/elf"
	"encoding/binary"
	"os"
	"slices"
	"testing"
)

// The segments are those that debug/elf finds to be read-only, in whole pages.
func TestSegments(t *testing.T) {
	f, err := elf.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	page := uint64(os.Getpagesize())
	var want []segment
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD && p.Flags&elf.PF_W == 0 {
			first, end := (p.Vaddr+page-1)/page*page, (p.Vaddr+p.Memsz)/page*page
			want = append(want, segment{uintptr(first), uintptr(end - first)})
		}
	}
	if f.Type != elf.ET_EXEC {
		want = nil
	}
	if got := program(); !slices.Equal(got, want) {
		t.Errorf("segments %x, want %x", got, want)
	}
}

// head32 is the headers of a program of 32 bits: text, and data that is written.
func head32(kind uint16) []byte {
	b := append([]byte("\x7fELF\x01"), make([]byte, 52-5)...)
	native := binary.NativeEndian
	native.PutUint16(b[16:], kind)
	native.PutUint32(b[28:], 52)
	native.PutUint16(b[42:], 32)
	native.PutUint16(b[44:], 2)
	for _, p := range [][8]uint32{{1, 0, 0x10000, 0, 0, 0x5678, 5, 0}, {1, 0, 0x20000, 0, 0, 0x5678, 6, 0}} {
		for _, word := range p {
			b = native.AppendUint32(b, word)
		}
	}
	return b
}

func TestSegmentsOfOtherPrograms(t *testing.T) {
	short := head32(2)
	for _, c := range []struct {
		name string
		head []byte
		want []segment
	}{
		{"32 bits", head32(2), []segment{{0x10000, 0x5000}}},
		{"loaded anywhere", head32(3), nil},
		{"cut", short[:len(short)-1], nil},
		{"empty", nil, nil},
	} {
		if got := segments(c.head, 0x1000); !slices.Equal(got, c.want) {
			t.Errorf("%s: segments %x, want %x", c.name, got, c.want)
		}
	}
}

// A program goes on with its pages unmapped.
func TestUnmap(t *testing.T) {
	for range 3 {
		unmap(program())
		TestSegments(t)
	}
}
