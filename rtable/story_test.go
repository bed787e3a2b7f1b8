package rtable_test

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/netmond/netmond/internal/iproute"
	"github.com/netmond/netmond/rtable"
	"github.com/netmond/netmond/rtnl"
)

// TestStories plays testdata/*.story, which tell what the kernel says and what
// must follow. A line is one of
//
//	== name              a new table
//	full                 what follows, up to the next word of this list, is a whole state
//	part routes inet [LINK], part routes inet6 [LINK], part nexthops
//	                     likewise a part that was read again
//	then                 ends a batch where the next begins at once
//	? DST [from A] [oif L] [iif L] [mark N] [uid N] [tos N] [ipproto N] [sport N] [dport N]
//	                     a lookup, and
//	= ANSWER             its answer: the rule's priority, the ways out or the error, see answer
//	| ROUTE              a line of the table; all of it must be listed
//	> CHANGE             a change of the batch before; all must be listed, in any order
//	touches A, leaves A  whether those changes touch an address
//
// and anything else an event, as package iproute reads it.
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.story")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i, part := range strings.Split("\n"+string(text), "\n== ") {
			name, body, _ := strings.Cut(part, "\n")
			if i == 0 {
				continue // what stands before the first is the file's essay
			}
			t.Run(strings.TrimSuffix(filepath.Base(file), ".story")+"/"+name, func(t *testing.T) {
				tell(t, body)
			})
		}
	}
}

// story is a table on its way through a text. For one goroutine.
type story struct {
	t       *testing.T
	table   *rtable.Table
	links   iproute.Links
	head    rtnl.Batch
	opened  bool // head says that an answer begins, even an empty one
	changes rtable.Changes
	rest    []string
}

func tell(t *testing.T, text string) {
	s := &story{t: t, rest: strings.Split(text, "\n")}
	for len(s.rest) > 0 {
		line := s.next()
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "":
		case "full":
			s.flush()
			s.head, s.opened = rtnl.Batch{Full: true}, true
		case "part":
			s.flush()
			s.head, s.opened = rtnl.Batch{Part: s.part(strings.Fields(rest))}, true
		case "then":
			s.flush()
		case "?":
			s.flush()
			want := strings.TrimPrefix(s.next(), "= ")
			if got := s.lookup(rest); got != want {
				t.Errorf("Lookup(%s) = %s, want %s", rest, got, want)
			}
		case "|":
			s.flush()
			if got, want := strings.TrimSpace(s.table.String()), strings.Join(s.all(line), "\n"); got != want {
				t.Errorf("table is\n%s\nwant\n%s", got, want)
			}
		case ">":
			s.flush()
			got, want := changeLines(s.changes, s.table), slices.DeleteFunc(s.all(line), func(l string) bool { return l == "nothing" })
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("changes are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		case "touches", "leaves":
			s.flush()
			if got := s.changes.Touches(netip.MustParseAddr(rest)); got != (word == "touches") {
				t.Errorf("Touches(%s) = %v", rest, got)
			}
		default:
			e, err := iproute.Parse(line, &s.links)
			if err != nil {
				t.Fatal(err)
			}
			s.head.Events = append(s.head.Events, e)
		}
	}
	s.flush()
}

func (s *story) next() string {
	line, _, _ := strings.Cut(s.rest[0], "#")
	s.rest = s.rest[1:]
	return strings.Join(strings.Fields(line), " ")
}

// all is the rest of the line and of those that follow and start alike. A lone |
// stands for an empty table.
func (s *story) all(line string) (list []string) {
	mark := line[:1]
	for {
		if rest := strings.TrimSpace(line[1:]); rest != "" {
			list = append(list, rest)
		}
		if len(s.rest) == 0 || !strings.HasPrefix(strings.TrimSpace(s.rest[0]), mark) {
			return list
		}
		line = s.next()
	}
}

// flush applies the events read so far as one batch.
func (s *story) flush() {
	if len(s.head.Events) == 0 && !s.opened {
		return
	}
	before := s.table.String()
	old := s.table
	s.table, s.changes = old.Apply(s.head)
	if old.String() != before {
		s.t.Errorf("Apply(%v) changed the table it was called on", s.head)
	}
	s.head, s.opened = rtnl.Batch{}, false
}

func (s *story) part(words []string) *rtnl.Part {
	p := &rtnl.Part{Kind: rtnl.NextHopObjects}
	if words[0] == "routes" {
		p.Kind, p.Family = rtnl.Routes, rtnl.IPv4
		if words[1] == "inet6" {
			p.Family = rtnl.IPv6
		}
		if len(words) > 2 {
			p.Oif = s.links.Index(words[2])
		}
	}
	return p
}

func (s *story) lookup(text string) string {
	words := strings.Fields(text)
	q := rtable.Query{Dst: netip.MustParseAddr(words[0])}
	for i := 1; i+1 < len(words); i += 2 {
		value := words[i+1]
		n, err := strconv.ParseUint(value, 0, 32)
		switch words[i] {
		case "from":
			q.Src, err = netip.MustParseAddr(value), nil
		case "oif":
			q.Oif, err = s.links.Index(value), nil
		case "iif":
			q.Iif, err = s.links.Index(value), nil
		case "mark":
			q.Mark = uint32(n)
		case "uid":
			q.UID = uint32(n)
		case "tos":
			q.TOS = uint8(n)
		case "ipproto":
			q.Proto = uint8(n)
		case "sport":
			q.Sport = uint16(n)
		case "dport":
			q.Dport = uint16(n)
		default:
			err = fmt.Errorf("no such selector")
		}
		if err != nil {
			s.t.Fatalf("query %q: %s: %v", text, words[i], err)
		}
	}
	a, ok := s.table.Lookup(q)
	if ok != (a.Errno == 0) {
		s.t.Errorf("Lookup(%s) = %v with errno %d", text, ok, a.Errno)
	}
	return answer(a, s.table.LinkName)
}

// errnos are the names of the errors of a Lookup; strerror has no short ones.
var errnos = map[syscall.Errno]string{
	0: "", syscall.EACCES: "EACCES", syscall.ENODEV: "ENODEV", syscall.EINVAL: "EINVAL",
	syscall.ENETUNREACH: "ENETUNREACH", syscall.EHOSTUNREACH: "EHOSTUNREACH",
}

// answer prints an answer: the rule's priority, if there was one; the error, and
// the route that refused, if one did; or the ways out, sorted, joined by +, after
// the type of a route that is not unicast.
func answer(a rtable.Answer, name rtnl.Namer) string {
	var out []string
	if a.Rule != nil {
		out = append(out, fmt.Sprintf("%d:", a.Rule.Priority))
	}
	if a.Errno != 0 {
		out = append(out, errnos[a.Errno])
		if a.Route.Type != 0 {
			r := a.Route
			out = append(out, string(r.Append(nil, name)))
		}
		return strings.Join(out, " ")
	}
	if a.Route.Type != rtnl.Unicast {
		out = append(out, a.Route.Type.String())
	}
	var hops []string
	for _, h := range a.Hops {
		var hop []string
		if h.Gateway.IsValid() {
			hop = append(hop, "via", h.Gateway.String())
		}
		if h.Oif != 0 {
			hop = append(hop, "dev", name(h.Oif))
		}
		hops = append(hops, strings.Join(hop, " "))
	}
	slices.Sort(hops)
	return strings.Join(append(out, strings.Join(hops, " + ")), " ")
}

// changeLines are changes as sorted lines: "new", "implied" or "del", what, and
// "was" what it replaces.
func changeLines(c rtable.Changes, t *rtable.Table) (lines []string) {
	for x := range c.All() {
		line := x.Op.String()
		if x.Implied {
			line += " implied"
		}
		line += " " + what(x.Message, t.LinkName)
		if x.Was != nil {
			line += " was " + what(x.Was, t.LinkName)
		}
		lines = append(lines, line)
	}
	if c.First() {
		lines = append(lines, "first")
	}
	slices.Sort(lines)
	return lines
}

// what prints the object of a change.
func what(m rtnl.Message, name rtnl.Namer) string {
	if r, ok := m.(*rtnl.Route); ok {
		return string(r.Append(nil, name))
	}
	var links iproute.Links
	for i := range uint32(16) {
		if n := name(i + 1); n != rtnl.LinkNumber(i+1) {
			links.Set(i+1, n)
		}
	}
	return iproute.Format(rtnl.Event{Op: rtnl.New, Message: m}, &links)
}

func addrs(list string) (out []netip.Addr) {
	for _, s := range strings.Fields(list) {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}

func prefixes(list string) (out []netip.Prefix) {
	for _, s := range strings.Fields(list) {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}
