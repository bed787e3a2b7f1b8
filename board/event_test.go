package board

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestEventEnv(t *testing.T) {
	for _, tt := range []struct{ name, msg, want string }{
		{"cpd", `{"type":"cpd","result":"Captive","dev":"wan","url":"http://192.0.2.1/login?a=b&c=$(d)"}`,
			"DEV=wan RESULT=Captive TYPE=cpd URL=http://192.0.2.1/login?a=b&c=$(d)"},
		{"link", `{"type":"link","dev":"wan","up":true,"carrier":false,"metric":10,"x":-1.5e3}`,
			"CARRIER=false DEV=wan METRIC=10 TYPE=link UP=true X=-1.5e3"},
		{"not-scalar", `{"a":{},"b":[1],"c":null,"d":""}`, "D="},
		{"names", `{"portal-url":1,"9 x=\n":2,"é":3,"":4}`, "9_X__=2 PORTAL_URL=1 _=3"},
		{"name-too-long", `{"` + strings.Repeat("a", 33) + `":1}`, ""},
		{"reserved", `{"class":"x","seq":"y","lost":"z","Class":1}`, ""},
		{"same-name-twice", `{"a_b":1,"a-b":2,"A_B":3}`, "A_B=3"},
		{"control", `{"a":"x\n\u0000\u001b[2J\u0085y","b":"` + "\xff" + `"}`, "A=x???[2J?y B=\uFFFD"},
		{"value-too-long", `{"a":"` + strings.Repeat("x", maxValue) + `","b":1}`, "B=1"},
		{"no-object", `[1]`, ""},
		{"no-json", `{"a":`, ""},
		{"nothing", ``, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, v := range (Event{Class: "network", Seq: 12, Msg: json.RawMessage(tt.msg)}).Env() {
				v, ok := strings.CutPrefix(v, "NETMOND_")
				if !ok {
					t.Errorf("variable %q", v)
				}
				if v != "CLASS=network" && v != "SEQ=12" {
					got = append(got, v)
				}
			}
			if got := strings.Join(got, " "); got != tt.want {
				t.Errorf("Env()\n got %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestEventEnvIsBounded(t *testing.T) {
	var keys []string
	for i := range 1000 {
		keys = append(keys, fmt.Sprintf(`"k%d":%d`, i, i))
	}
	if got := len(Event{Msg: json.RawMessage("{" + strings.Join(keys, ",") + "}")}.Env()); got != maxVars {
		t.Errorf("%d variables, want %d", got, maxVars)
	}
}

// FuzzEventEnv checks that no message makes a variable that a process could not be
// given, or one outside NETMOND_.
func FuzzEventEnv(f *testing.F) {
	f.Add("network", []byte(`{"type":"cpd","result":"OK","dev":"wan"}`))
	f.Fuzz(func(t *testing.T, class string, msg []byte) {
		names := make(map[string]bool)
		for _, v := range (Event{Class: class, Msg: msg}).Env() {
			name, value, ok := strings.Cut(v, "=")
			if !ok || !strings.HasPrefix(name, "NETMOND_") || names[name] || strings.ContainsAny(value, "\x00\n\x1b") {
				t.Errorf("variable %q", v)
			}
			names[name] = true
			if strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" {
				t.Errorf("name %q", name)
			}
		}
		if !names["NETMOND_CLASS"] || !names["NETMOND_SEQ"] {
			t.Errorf("variables %v lack class or number", names)
		}
	})
}
