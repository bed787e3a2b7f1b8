package main

import (
	"maps"
	"sync/atomic"
)

// adverts are the captive portal URIs that routers announce, by the ifindex of the
// link. One holds as long as its link: after a loss of carrier another network may
// be there. The zero value is empty. Safe for concurrent use.
type adverts struct {
	byLink atomic.Pointer[map[int]string]
}

// of is the URI announced on a link, or "".
func (a *adverts) of(ifindex int) string {
	if m := a.byLink.Load(); m != nil {
		return (*m)[ifindex]
	}
	return ""
}

// set takes in what was announced on a link, "" for nothing, and says whether that
// is news.
func (a *adverts) set(ifindex int, uri string) bool {
	for {
		old := a.byLink.Load()
		next := make(map[int]string)
		if old != nil {
			maps.Copy(next, *old)
		}
		if next[ifindex] == uri {
			return false
		}
		if next[ifindex] = uri; uri == "" {
			delete(next, ifindex)
		}
		if a.byLink.CompareAndSwap(old, &next) {
			return true
		}
	}
}
