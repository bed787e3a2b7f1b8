package packaging

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/netmond/netmond/internal/daemon"
)

const (
	luciApp  = "openwrt/luci-app-netmond/"
	rpcdACL  = "openwrt/package/netmond/files/netmond.rpcd"
	luciACL  = luciApp + "root/usr/share/rpcd/acl.d/luci-app-netmond.json"
	luciMenu = luciApp + "root/usr/share/luci/menu.d/luci-app-netmond.json"
)

// decode reads a file of JSON.
func decode[T any](t *testing.T, path string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(read(t, path)), &v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return v
}

// TestJSON: every file that is JSON by its name or its first character parses.
func TestJSON(t *testing.T) {
	for _, path := range files(t, func(path string, b []byte) bool {
		return strings.HasSuffix(path, ".json") || len(b) > 0 && b[0] == '{'
	}, folders...) {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !json.Valid(b) {
			t.Errorf("%s is not JSON", path)
		}
	}
}

// TestJailHasTwoCapabilities in each of its five sets.
func TestJailHasTwoCapabilities(t *testing.T) {
	sets := decode[map[string][]string](t, "openwrt/package/netmond/files/netmond.capabilities")
	for _, name := range []string{"bounding", "effective", "ambient", "permitted", "inheritable"} {
		if !slices.Equal(sets[name], []string{"CAP_NET_ADMIN", "CAP_NET_RAW"}) {
			t.Errorf("%s = %v", name, sets[name])
		}
	}
	if len(sets) != 5 {
		t.Errorf("%d sets, want 5", len(sets))
	}
}

// TestACLsNameVerbs: what rpcd and LuCI may call exists, and what changes something is
// not for readers.
func TestACLsNameVerbs(t *testing.T) {
	verbs := daemon.New(daemon.Deps{}).Verbs()
	type access struct{ Ubus map[string][]string }
	for _, path := range []string{rpcdACL, luciACL} {
		for name, acl := range decode[map[string]struct{ Read, Write access }](t, path) {
			for _, verb := range append(acl.Read.Ubus["netmond"], acl.Write.Ubus["netmond"]...) {
				if _, ok := verbs[verb]; !ok {
					t.Errorf("%s: %s: netmond has no method %s", path, name, verb)
				}
			}
			if slices.Contains(acl.Read.Ubus["netmond"], "check") {
				t.Errorf("%s: %s: readers may start checks", path, name)
			}
			if !slices.Contains(acl.Read.Ubus["netmond"], "status") {
				t.Errorf("%s: %s: readers may not read the status", path, name)
			}
		}
	}
	acl := decode[struct {
		User          string
		Publish, Send []string
	}](t, "openwrt/package/netmond/files/netmond.acl")
	if acl.User != "netmond" || !slices.Equal(acl.Publish, []string{"netmond"}) || !slices.Equal(acl.Send, []string{"netmond.*"}) {
		t.Errorf("ubus ACL = %+v", acl)
	}
}

// TestMenuLeadsToViews that are there, for those who have the ACL that is there.
func TestMenuLeadsToViews(t *testing.T) {
	acls := decode[map[string]any](t, luciACL)
	menu := decode[map[string]struct {
		Action  struct{ Type, Path string }
		Depends struct{ ACL []string }
	}](t, luciMenu)
	if len(menu) != 2 {
		t.Errorf("%d entries, want 2", len(menu))
	}
	for path, entry := range menu {
		if entry.Action.Type != "view" {
			t.Errorf("%s: action %s", path, entry.Action.Type)
		}
		read(t, luciApp+"htdocs/luci-static/resources/view/"+entry.Action.Path+".js")
		for _, name := range entry.Depends.ACL {
			if acls[name] == nil {
				t.Errorf("%s: no ACL %s", path, name)
			}
		}
	}
}
