package iproute

import (
	"strconv"
	"strings"

	"github.com/netmond/netmond/rtnl"
)

// Links gives names to ifindexes. The zero value knows lo, which is 1 as in
// every network namespace; other names are numbered from 2 in the order of their
// first use. The name ifN stands for ifindex N, whatever else that link is called.
// For one goroutine.
type Links struct {
	names   map[uint32]string // "" where only ifN was used
	indexes map[string]uint32
}

const loopback = 1

// Index is the ifindex of a name.
func (l *Links) Index(name string) uint32 {
	if name == "lo" {
		return loopback
	}
	if i := numbered(name); i != 0 {
		if _, ok := l.names[i]; !ok {
			l.Set(i, "")
		}
		return i
	}
	if i, ok := l.indexes[name]; ok {
		return i
	}
	i := uint32(loopback + 1 + len(l.indexes))
	for ; ; i++ {
		if _, used := l.names[i]; !used {
			break
		}
	}
	l.Set(i, name)
	return i
}

// Set gives a link a name, in place of the one it had.
func (l *Links) Set(ifindex uint32, name string) {
	if l.names == nil {
		l.names, l.indexes = make(map[uint32]string), make(map[string]uint32)
	}
	if old := l.names[ifindex]; old != "" {
		delete(l.indexes, old)
	}
	l.names[ifindex] = name
	if name != "" {
		l.indexes[name] = ifindex
	}
}

// Name is the name of a link, ifN where it has none: an rtnl.Namer.
func (l *Links) Name(ifindex uint32) string {
	if name := l.names[ifindex]; name != "" {
		return name
	}
	if ifindex == loopback {
		return "lo"
	}
	return rtnl.LinkNumber(ifindex)
}

// numbered is N for ifN, and 0 for other names.
func numbered(name string) uint32 {
	digits, ok := strings.CutPrefix(name, "if")
	if !ok {
		return 0
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	if err != nil || strconv.FormatUint(n, 10) != digits {
		return 0
	}
	return uint32(n)
}
