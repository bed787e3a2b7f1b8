package browser

import (
	"encoding/json"
	"reflect"
	"testing"
)

// settings opens the form over a configuration.
func settings() *device {
	return &device{answers: map[string][]any{
		"uci.get": {map[string]any{"values": map[string]any{
			"main": map[string]any{
				".type": "netmond", "enabled": "1", "settle": "150ms", "exclude": []string{"tcp:22", "192.0.2.0/24"},
				"log_level": "debug",
			},
			"service": map[string]any{".type": "service"},
		}}},
		"uci.set":    {map[string]any{}},
		"uci.delete": {map[string]any{}},
		"file.list":  {map[string]any{"entries": []any{map[string]any{"name": "green:internet", "type": "directory"}}}},
	}}
}

const field = `
await (await L.require('view.netmond.settings')).done;
const field = (name) => document.querySelector('[data-name="' + name + '"]');
`

// TestSettingsAreLoadedAndSaved edits the form.
func TestSettingsAreLoadedAndSaved(t *testing.T) {
	d := settings()
	var got map[string]any
	visit(t, d, field+`
const loaded = { settle: field('settle').value, exclude: field('exclude').value, enabled: field('enabled').checked, level: field('log_level').value,
	leds: form.last.sections[0].options.find((o) => o.name == 'led').choices.map((c) => c[0]) };
field('settle').value = '2s';
field('exclude').value = 'dev:lan0\n2001:db8::/32';
field('log_level').value = 'info';
field('enabled').checked = false;
loaded.errors = await form.last.save();
return loaded;`, &got)
	want := map[string]any{
		"settle": "150ms", "exclude": "tcp:22\n192.0.2.0/24", "enabled": true, "level": "debug",
		"leds": []any{"green:internet"}, "errors": map[string]any{},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("form = %v, want %v", got, want)
	}
	set, gone := d.called("uci", "set"), d.called("uci", "delete")
	if len(set) != 1 || !reflect.DeepEqual(set[0].Args, map[string]any{
		"config": "netmond", "section": "main",
		"values": map[string]any{"settle": "2s", "exclude": []any{"dev:lan0", "2001:db8::/32"}, "enabled": "0"},
	}) {
		t.Errorf("uci set %v", set)
	}
	if len(gone) != 1 || !reflect.DeepEqual(gone[0].Args["options"], []any{"log_level"}) {
		t.Errorf("uci delete %v", gone)
	}
}

// TestSettingsRefuseWhatTheDaemonWould enters what no flag takes.
func TestSettingsRefuseWhatTheDaemonWould(t *testing.T) {
	d := settings()
	bad := map[string]string{
		"settle": "soon", "carrier_grace": "3", "exclude": "tcp:22\nport 22", "close": "all,none", "close_rate": "-1",
		"probe": "ftp://probe.example.net/", "capport": "http://portal.example.net/api", "probe_timeout": "1h 3m",
		"probe_interval": "5 m", "hooks": "hooks.d", "memlimit": "much",
	}
	raw, err := json.Marshal(bad)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]string
	visit(t, d, field+`for (const [ name, value ] of Object.entries(`+string(raw)+`)) field(name).value = value;
return form.last.save();`, &got)
	for name := range bad {
		if got[name] == "" {
			t.Errorf("%s: %q is taken, want an error", name, bad[name])
		}
	}
	if len(got) != len(bad) {
		t.Errorf("errors = %v, want %d of them", got, len(bad))
	}
	if n := len(d.called("uci", "set")); n != 0 {
		t.Errorf("%d sections were saved all the same", n)
	}
}
