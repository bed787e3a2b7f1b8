package minijson

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

type inner struct {
	A string `json:"a"`
	B int
}

type Other struct {
	A string `json:"a"`
	D uint16 `json:"d,omitempty"`
}

type shout string

func (s shout) MarshalText() ([]byte, error) { return []byte(strings.ToUpper(string(s))), nil }

type pointed struct{ n int }

func (p *pointed) MarshalJSON() ([]byte, error) {
	return []byte(` {"n": "<` + string(rune('a'+p.n)) + `>"} `), nil
}

// sample has a field of each kind that matters.
type sample struct {
	inner
	*Other
	S    string          `json:"s"`
	Low  string          // matched without regard to case
	I8   int8            `json:"i8"`
	U32  uint32          `json:"u32,omitempty"`
	F    float64         `json:"f"`
	F32  float32         `json:"f32"`
	T    bool            `json:"t,omitempty"`
	P    *int64          `json:"p,omitempty"`
	PP   **string        `json:"pp"`
	Raw  json.RawMessage `json:"raw"`
	Any  any             `json:"any"`
	List []string        `json:"list"`
	Deep []inner         `json:"deep,omitempty"`
	Map  map[string]int  `json:"map"`
	Raws map[string]json.RawMessage
	Skip string `json:"-"`
	//lint:ignore SA5008 a comma makes a name of the dash, which is what is tested
	Dash  string `json:"-,"`
	quiet string
}

// values are marshalled as encoding/json would.
var values = []any{
	nil, true, -7, uint8(200), "", `plain`, "\x00\b\f\n\r\t\x1f\x7f\"\\/<>&é\u2028\u2029\U0001f600\xff\xc3(",
	0.0, 1.5, -1e21, 1e20, 1e-7, 123456789.125, 1e-6, math.MaxFloat64, math.SmallestNonzeroFloat64, math.Copysign(0, -1),
	float32(0.1), float32(1e21), float32(1e-7), float32(3.4e38),
	[]string(nil), []string{}, []string{"a", "<b>"}, []byte("bytes"), []byte(nil), [2]bool{true}, []any{1, "x", nil, []int{2}},
	map[string]any{"b": 1, "a": []string{"z"}, "<": nil}, map[string]int(nil), map[int]string{10: "ten", -2: "two", 9: "nine"},
	map[netip.Addr]int{netip.MustParseAddr("192.0.2.1"): 1}, map[shout]int{"quiet": 1},
	json.RawMessage(` { "a" : [ 1 , "< \" >  \u2028" ] } `), json.RawMessage(nil), map[string]json.RawMessage{"x": json.RawMessage("[ ]")},
	netip.MustParsePrefix("2001:db8::/32"), netip.Addr{}, []netip.Addr{netip.MustParseAddr("192.0.2.1")},
	time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC), shout("loud"), []shout{"a"},
	pointed{1}, &pointed{1}, []pointed{{2}}, struct{ P pointed }{}, (*pointed)(nil), struct{ P *pointed }{},
	sample{}, sample{inner: inner{A: "hidden", B: 2}, Other: &Other{A: "both", D: 9}, U32: 1, T: true, Any: sample{S: "in"}, List: []string{},
		Deep: []inner{{A: "x"}}, Raw: json.RawMessage("7"), Dash: "d", Skip: "s", quiet: "q"},
	struct {
		inner `json:"named"`
		Time  time.Time
		E     struct{} `json:",omitempty"`
	}{},
	new(int), &[]string{"p"},
}

func TestMarshalAgreesWithEncodingJSON(t *testing.T) {
	for _, v := range values {
		want, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Marshal(v); err != nil || !bytes.Equal(got, want) {
			t.Errorf("Marshal(%#v) = %s, %v, want %s", v, got, err, want)
		}
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err := e.Encode(v); err != nil {
			t.Fatal(err)
		}
		want = bytes.TrimSuffix(b.Bytes(), []byte("\n"))
		if got, err := Append([]byte("+"), v); err != nil || string(got) != "+"+string(want) {
			t.Errorf("Append(%#v) = %s, %v, want %s", v, got, err, want)
		}
	}
}

func TestMarshalRefuses(t *testing.T) {
	type ring struct{ Next *ring }
	loop := new(ring)
	loop.Next = loop
	for _, c := range []struct {
		name string
		v    any
	}{
		{"function", func() {}},
		{"channel in a list", []any{make(chan int)}},
		{"not a number", math.NaN()},
		{"infinity in a map", map[string]float64{"x": math.Inf(-1)}},
		{"map of no text", map[bool]int{true: 1}},
		{"loop", loop},
		{"raw message that is no JSON", json.RawMessage(`{"a":`)},
		{"time that no text has", time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, err := Marshal(c.v); err == nil || !strings.HasPrefix(err.Error(), "json: ") {
				t.Errorf("Marshal = %s, %v, want an error", got, err)
			}
		})
	}
}

// texts are where the two decoders could differ; the fuzz target begins with them.
var texts = []string{
	``, ` `, `{`, `}`, `nul`, `nullx`, `null null`, `[1,]`, `{"a":1,}`, `{,}`, `{"a"}`, `{1:2}`, `01`, `-`, `1.`, `.5`, `1e`, `+1`, `0x1`,
	"\"\x01\"", `"\x"`, `"\u12"`, `"\u12g4"`, `"`, `"\`, `tru`, "[\x00]", "\xff", `[`, `[1 2]`, "\ufeff1", `NaN`,
	`null`, `true`, ` 1 `, `-0`, `1e3`, `1E+2`, `-1.5e-7`, `1e400`, `""`, `"é\u00e9\ud83d\ude00\ud800x\udc00\ud800\u0041\/\b\f\n\r\t\"\\"`, "\"\xff\xc3(\xed\xa0\x80\"",
	`[]`, `[ ]`, `{}`, `{ }`, `[[],{}]`, "\t{\"a\" : 1 ,\r\n\"b\":[true , null]}\n", `{"":0}`, `"<>&` + "\u2028\u2029" + `"`,
	`{"s":"x","S":"y","LOW":"l","i8":127,"u32":4294967295,"f":1e2,"f32":0.5,"t":true,"p":-9,"pp":"deep"}`,
	`{"i8":128}`, `{"i8":1.0}`, `{"i8":1e1}`, `{"u32":-1}`, `{"u32":4294967296}`, `{"f":1e400}`, `{"f32":1e39}`,
	`{"s":1,"i8":2}`, `{"s":null,"p":null,"pp":null,"list":null,"map":null,"any":null,"raw":null,"t":null,"i8":null}`,
	`{"list":["a",null,"b"],"map":{"x":1,"y":2,"x":3},"raw": {"k" : [ 1 ]} ,"any":{"n":[1,"2",null,{"m":true}]}}`,
	`{"list":[1]}`, `{"list":{}}`, `{"map":{"x":"y"}}`, `{"deep":[{"a":"1","b":2},{"A":"3"}]}`, `{"deep":[{"B":"x"}]}`,
	`{"B":5,"d":6,"a":"twice","Skip":"s","-":"dash","quiet":"q","c":1}`, `{"d":-1}`, `[{"s":"list"}]`, `{"Raws":{"k": [ ] }}`, `7`, `"text"`,
	strings.Repeat("[", 200) + strings.Repeat("]", 200),
}

func FuzzUnmarshal(f *testing.F) {
	for _, s := range texts {
		f.Add([]byte(s))
	}
	f.Fuzz(compareDecoders)
}

func compareDecoders(t *testing.T, text []byte) {
	if deep(text) {
		return
	}
	valid := json.Valid(text)
	if Valid(text) != valid {
		t.Fatalf("Valid(%q) = %v", text, !valid)
	}
	got, want := make([]sample, 2), make([]sample, 2)
	for i := range got { // into what is empty, and into what is not
		err, werr := Unmarshal(text, &got[i]), json.Unmarshal(text, &want[i])
		same(t, text, got[i], want[i], err, werr)
		full := sample{S: "was", Any: 1.0, Map: map[string]int{"was": 1}, T: true, I8: 1}
		full2 := full
		full2.Map = map[string]int{"was": 1}
		got[1], want[1] = full, full2
	}
	var a, b any
	same(t, text, a, b, Unmarshal(text, &a), json.Unmarshal(text, &b))
	same(t, text, a, b, nil, nil)
	if !valid {
		return
	}
	var c bytes.Buffer
	if err := json.Compact(&c, text); err != nil {
		t.Fatal(err)
	}
	if got, err := Compact(nil, text); err != nil || !bytes.Equal(got, c.Bytes()) {
		t.Errorf("Compact(%q) = %q, %v, want %q", text, got, err, c.Bytes())
	}
	w, err := json.Marshal(json.RawMessage(text))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Marshal(json.RawMessage(text)); err != nil || !bytes.Equal(got, w) {
		t.Errorf("Marshal(RawMessage(%q)) = %q, %v, want %q", text, got, err, w)
	}
	w, werr := json.Marshal(b)
	if got, err := Marshal(a); !bytes.Equal(got, w) || (err == nil) != (werr == nil) {
		t.Errorf("of %q Marshal = %q, %v, want %q, %v", text, got, err, w, werr)
	}
	n := 0
	for name, value := range Each(text) {
		var x, want any
		if err := json.Unmarshal(value, &x); err != nil {
			if n++; !json.Valid(value) { // a number that float64 does not hold is valid
				t.Errorf("of %q Each yields %q: %v", text, value, err)
			}
			continue
		}
		switch whole := b.(type) {
		case []any:
			want = whole[n]
		case map[string]any:
			if want = whole[name]; bytes.Count(text, []byte(":")) > len(whole) {
				want = x // a name that comes twice
			}
		}
		if !reflect.DeepEqual(x, want) {
			t.Errorf("of %q Each yields %q, %q, want %v", text, name, value, want)
		}
		n++
	}
	if list, ok := b.([]any); ok && n != len(list) {
		t.Errorf("Each(%q) yields %d, want %d", text, n, len(list))
	}
}

// same compares values and errors. Of errors only the type errors' content counts.
func same(t *testing.T, text []byte, got, want any, err, werr error) {
	t.Helper()
	if (err == nil) != (werr == nil) {
		t.Fatalf("Unmarshal(%q) = %v, want %v", text, err, werr)
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("of %q Unmarshal stores %+v, want %+v", text, got, want)
	}
	var g, w *json.UnmarshalTypeError
	if errors.As(werr, &w) && (!errors.As(err, &g) || g.Value != w.Value || g.Type != w.Type) {
		t.Errorf("Unmarshal(%q) = %v, want %v", text, err, werr)
	}
}

// deep says whether text may nest deeper than this package goes.
func deep(text []byte) bool {
	return bytes.Count(text, []byte("["))+bytes.Count(text, []byte("{")) >= maxDepth
}

func TestUnmarshalAgreesWithEncodingJSON(t *testing.T) {
	for _, text := range texts {
		compareDecoders(t, []byte(text))
	}
}

func FuzzMarshal(f *testing.F) {
	f.Add("a<\xff\u2028\x00", 1.5, int64(-1), true)
	f.Add("", -1e-7, int64(0), false)
	f.Fuzz(func(t *testing.T, s string, x float64, n int64, flag bool) {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return
		}
		v := map[string]any{s: sample{S: s, F: x, F32: float32(n), T: flag, P: &n, Map: map[string]int{s: int(n), "k": 1}, Any: []any{s, x}}}
		want, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Marshal(v); err != nil || !bytes.Equal(got, want) {
			t.Errorf("Marshal = %s, %v, want %s", got, err, want)
		}
	})
}

func TestDepthIsBounded(t *testing.T) {
	for _, open := range []string{"[", `{"a":`} {
		text := []byte(strings.Repeat(open, 1<<16))
		if Valid(text) {
			t.Errorf("Valid(%q...) = true", open)
		}
	}
	if text := strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth); !Valid([]byte(text)) || Valid([]byte("["+text+"]")) {
		t.Errorf("the limit is not at %d", maxDepth)
	}
}

func TestUnmarshalWantsAPointer(t *testing.T) {
	for _, into := range []any{nil, 1, (*int)(nil)} {
		if err := Unmarshal([]byte("1"), into); err == nil {
			t.Errorf("Unmarshal into %#v succeeds", into)
		}
	}
}

func BenchmarkMarshal(b *testing.B) {
	v := sample{S: "default via 192.0.2.1", List: []string{"a", "b"}, Map: map[string]int{"x": 1}}
	for _, c := range []struct {
		name    string
		marshal func(any) ([]byte, error)
	}{{"minijson", Marshal}, {"encoding-json", json.Marshal}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				c.marshal(v)
			}
		})
	}
}
