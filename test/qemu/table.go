package qemu

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"text/tabwriter"
)

// table is what was measured, by guest and by name. Safe for concurrent use; the
// zero value is an empty one.
type table struct {
	mu   sync.Mutex
	rows map[string]map[string]string
}

// columns are those of the table, with what they hold.
var columns = []string{"ready", "boot", "story", "mini", "kernel", "total", "cpu", "idle", "work", "mini-idle", "mini-work"}

func (t *table) note(guest, column, value string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.rows == nil {
		t.rows = make(map[string]map[string]string)
	}
	if t.rows[guest] == nil {
		t.rows[guest] = make(map[string]string)
	}
	t.rows[guest][column] = value
}

// print prints the table; nothing where it is empty.
func (t *table) print(w io.Writer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.rows) == 0 {
		return
	}
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\nSeconds until it is prepared, to the first process, for each program, in all, of the host's processor; resident KiB of the daemon:")
	fmt.Fprint(tab, "\t")
	for _, c := range columns {
		fmt.Fprint(tab, c, "\t")
	}
	fmt.Fprintln(tab)
	for _, g := range slices.Sorted(maps.Keys(t.rows)) {
		fmt.Fprint(tab, g, "\t")
		for _, c := range columns {
			fmt.Fprint(tab, cmp.Or(t.rows[g][c], "-"), "\t")
		}
		fmt.Fprintln(tab)
	}
	tab.Flush()
}
