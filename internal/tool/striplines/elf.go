package main

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
)

// find is the pclntab of an ELF file, as a part of it.
func find(program []byte) ([]byte, binary.ByteOrder, error) {
	f, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		return nil, nil, fmt.Errorf("not an ELF file: %w; want a program of Go for Linux", err)
	}
	defer f.Close()
	s := f.Section(".gopclntab")
	if s == nil {
		s = f.Section(".data.rel.ro.gopclntab") // with -buildmode=pie
	}
	if s == nil {
		return nil, nil, errors.New("no section .gopclntab: want a program of Go, before strip(1)")
	}
	size := uint64(len(program))
	if s.Type != elf.SHT_PROGBITS || s.Offset > size || s.FileSize > size-s.Offset {
		return nil, nil, fmt.Errorf("section .gopclntab at %d, %d bytes: not in the file; build it again", s.Offset, s.FileSize)
	}
	return program[s.Offset:][:s.FileSize:s.FileSize], f.ByteOrder, nil
}
