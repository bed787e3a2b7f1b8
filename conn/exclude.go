package conn

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/netmond/netmond/rtable"
)

// Exclusion is a kind of flow that the operator keeps out of all verdicts.
// Immutable; the zero value excludes nothing.
type Exclusion struct {
	text   string
	prefix netip.Prefix
	port   uint16
	uid    *uint32
	dev    string
}

// ParseExclusion reads a prefix or address, tcp:PORT, uid:N or dev:LINK.
func ParseExclusion(text string) (Exclusion, error) {
	x := Exclusion{text: text}
	kind, arg, _ := strings.Cut(text, ":")
	switch kind {
	case "tcp":
		n, err := strconv.ParseUint(arg, 10, 16)
		if err != nil || n == 0 {
			return x, fmt.Errorf("%q: a port is a number from 1 to 65535", text)
		}
		x.port = uint16(n)
		return x, nil
	case "uid":
		n, err := strconv.ParseUint(arg, 10, 32)
		if err != nil {
			return x, fmt.Errorf("%q: a uid is a number from 0 to 4294967295", text)
		}
		uid := uint32(n)
		x.uid = &uid
		return x, nil
	case "dev":
		if arg == "" || len(arg) > 15 {
			return x, fmt.Errorf("%q: a link's name has 1 to 15 characters", text)
		}
		x.dev = arg
		return x, nil
	}
	if a, err := netip.ParseAddr(text); err == nil {
		x.prefix = netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen())
		return x, nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return x, fmt.Errorf("%q is no exclusion: a prefix such as 192.0.2.0/24, tcp:PORT, uid:N, or dev:LINK", text)
	}
	x.prefix = p.Masked()
	return x, nil
}

func (x Exclusion) String() string { return x.text }

// Excludes says whether the flow is of the kind: the prefix holds the peer or the
// local address, the port is either side's, the uid its owner's, the link the one
// it left by or is bound to.
func (x Exclusion) Excludes(t *rtable.Table, f Flow, v Verdict) bool {
	switch {
	case x.prefix.IsValid():
		return x.prefix.Contains(f.Local.Addr()) || x.prefix.Contains(f.Remote.Addr())
	case x.port != 0:
		return x.port == f.Local.Port() || x.port == f.Remote.Port()
	case x.uid != nil:
		return *x.uid == f.UID
	case x.dev != "":
		return v.Link != 0 && t.LinkName(v.Link) == x.dev || f.Oif != 0 && t.LinkName(f.Oif) == x.dev
	}
	return false
}
