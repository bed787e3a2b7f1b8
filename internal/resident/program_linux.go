package resident

import (
	"encoding/binary"
	"os"

	"golang.org/x/sys/unix"
)

// The kernel maps 64 KiB of a program around each page that is used, and unmaps none
// of them while there is memory. So all that a start, or a burst of work, has ever
// come near to counts as the daemon's, four fifths of the whole: where processes are
// weighed by what they hold, as when memory runs out, it is the daemon that has to go.
// Unmapped, the pages stay in the page cache, and what is in use comes back by a few
// dozen minor faults, without a read.

// segment is a part of the program in memory that nobody writes, in whole pages.
type segment struct{ start, size uintptr }

// unmap takes segments out of the process's memory until they are used again. What
// holds them there, such as mlockall(2), prevails.
func unmap(segments []segment) {
	for _, s := range segments {
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, s.start, s.size, unix.MADV_DONTNEED)
	}
}

// program is the segments of this program.
func program() []segment {
	f, err := os.Open("/proc/self/exe")
	if err != nil {
		return nil
	}
	defer f.Close()
	head := make([]byte, 1<<10) // holds the headers, as linkers write them
	n, _ := f.Read(head)
	return segments(head[:n], uint64(os.Getpagesize()))
}

// Of linux/elf.h.
const (
	class64  = 2 // ELFCLASS64, at EI_CLASS
	typeExec = 2 // ET_EXEC
	loaded   = 1 // PT_LOAD
	writable = 2 // PF_W

	sizeofHeader = 64 // of 32 bits it is less, but more follows
)

// segments reads the headers of an ELF file for this machine, and returns what is
// loaded and never written. Only a program that runs where it was linked to has any:
// of others the loader has written to pages that it then made read-only, and what
// they hold is nowhere else.
func segments(head []byte, page uint64) []segment {
	native := binary.NativeEndian
	if len(head) < sizeofHeader || string(head[:4]) != "\x7fELF" || native.Uint16(head[16:]) != typeExec {
		return nil
	}
	wide := head[4] == class64
	at, size, n := uint64(native.Uint32(head[28:])), native.Uint16(head[42:]), native.Uint16(head[44:])
	if wide {
		at, size, n = native.Uint64(head[32:]), native.Uint16(head[54:]), native.Uint16(head[56:])
	}
	var list []segment
	for range n {
		if at > uint64(len(head)) || uint64(len(head))-at < uint64(size) || size < 32 || wide && size < 56 {
			return nil
		}
		p := head[at:]
		at += uint64(size)
		flags, start, length := native.Uint32(p[24:]), uint64(native.Uint32(p[8:])), uint64(native.Uint32(p[20:]))
		if wide {
			flags, start, length = native.Uint32(p[4:]), native.Uint64(p[16:]), native.Uint64(p[40:])
		}
		first, end := (start+page-1)&^(page-1), (start+length)&^(page-1)
		if native.Uint32(p) == loaded && flags&writable == 0 && first < end {
			list = append(list, segment{uintptr(first), uintptr(end - first)})
		}
	}
	return list
}
