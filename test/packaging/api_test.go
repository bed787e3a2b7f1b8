package packaging

import (
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/netmond/netmond/board"
	"github.com/netmond/netmond/smd"

	"github.com/netmond/netmond/internal/view"
)

// TestAPIManualHasEveryField compares docs/api.md with what the daemon answers and says.
func TestAPIManualHasEveryField(t *testing.T) {
	text := read(t, "docs/api.md")
	for title, answers := range map[string][]any{
		"Messages":      {smd.Route{}, smd.Trigger{}, smd.Portal{}, smd.Link{}, smd.Flow{}, smd.Closing{}, smd.State{}},
		"Status":        {view.Status{}, view.Close{}, view.Uplink{}, view.Closed{}, board.Info{}},
		"Other answers": {view.Lookup{}, view.Route{}, view.NextHop{}, view.Flow{}, view.Why{}, view.Check{}, view.Version{}},
	} {
		section := regexp.MustCompile(`(?ms)^## ` + title + `$.*?(^## |\z)`).FindString(text)
		if section == "" {
			t.Errorf("docs/api.md has no section %s", title)
		}
		for _, a := range answers {
			for typ, i := reflect.TypeOf(a), 0; i < typ.NumField(); i++ {
				name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
				if name != "" && !strings.Contains(section, "`"+name+"`") {
					t.Errorf("docs/api.md: %s lacks `%s` of %s", title, name, typ)
				}
			}
		}
	}
}
