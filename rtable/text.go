package rtable

import "strings"

// String is the table as `ip route show table all` prints it, one route a line,
// sorted; for tests and bug reports.
func (t *Table) String() string {
	var b strings.Builder
	for r := range t.Routes() {
		b.Write(r.Append(nil, t.LinkName))
		b.WriteByte('\n')
	}
	return b.String()
}
