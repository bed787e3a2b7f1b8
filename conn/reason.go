package conn

import (
	"fmt"
	"strings"
)

// Reason says why a flow is stranded. The zero value keeps it.
type Reason uint8

const (
	Keep        Reason = iota
	NoRoute            // the peer had a route and now has none, or one that refuses
	SourceGone         // the local address was the device's and no longer is
	LinkDown           // the link the flow leaves by is down, gone, or without carrier for longer than the grace
	GatewayGone        // the route in use went, and no other leaves by a link that owns the local address
	Rerouted           // a better route takes the flow out of a link that does not own its local address
	reasons
)

var reasonNames = [reasons]string{
	Keep: "keep", NoRoute: "no-route", SourceGone: "source-gone", LinkDown: "link-down",
	GatewayGone: "gateway-gone", Rerouted: "rerouted",
}

func (r Reason) String() string {
	if r < reasons {
		return reasonNames[r]
	}
	return fmt.Sprintf("reason %d", uint8(r))
}

// ReasonSet is a set of reasons, a bit for each. The zero value is empty.
type ReasonSet uint8

// AllReasons holds every reason to close.
const AllReasons ReasonSet = 1<<reasons - 1 - 1<<Keep

// Has says whether r is in the set.
func (s ReasonSet) Has(r Reason) bool { return s&(1<<r) != 0 }

// ParseReasons reads "all", "none", or a comma list of reasons.
func ParseReasons(text string) (ReasonSet, error) {
	switch text {
	case "all":
		return AllReasons, nil
	case "none":
		return 0, nil
	}
	var s ReasonSet
	for _, word := range strings.Split(text, ",") {
		r := NoRoute
		for ; r < reasons; r++ {
			if reasonNames[r] == strings.TrimSpace(word) {
				s |= 1 << r
				break
			}
		}
		if r == reasons {
			return 0, fmt.Errorf("%q is no reason: all, none, or a list of %s", word, strings.Join(reasonNames[NoRoute:], ", "))
		}
	}
	return s, nil
}

// String is the set as ParseReasons reads it.
func (s ReasonSet) String() string {
	switch s {
	case AllReasons:
		return "all"
	case 0:
		return "none"
	}
	var words []string
	for r := NoRoute; r < reasons; r++ {
		if s.Has(r) {
			words = append(words, r.String())
		}
	}
	return strings.Join(words, ",")
}
