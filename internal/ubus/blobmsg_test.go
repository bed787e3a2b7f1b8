package ubus

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
)

// fields writes a table's fields in hexadecimal, blanks for reading.
func fields(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBlobmsg(t *testing.T) {
	for _, tt := range []struct{ name, json, blob string }{
		{"empty", `{}`, ``},
		{"int32", `{"a":5}`, `8500000c 00016100 00000005`},
		{"int32-lowest", `{"a":-2147483648}`, `8500000c 00016100 80000000`},
		{"int64", `{"a":2147483648}`, `84000010 00016100 00000000 80000000`},
		{"int64-lowest", `{"a":-9223372036854775808}`, `84000010 00016100 80000000 00000000`},
		{"double", `{"a":1.5}`, `88000010 00016100 3ff80000 00000000`},
		{"double-stays-double", `{"a":2.0}`, `88000010 00016100 40000000 00000000`},
		{"double-beyond-int64", `{"a":1e+19}`, `88000010 00016100 43e158e4 60913d00`},
		{"string", `{"a":"xyz"}`, `8300000c 00016100 78797a00`},
		{"string-padded", `{"a":"x"}`, `8300000a 00016100 78000000`},
		{"string-empty", `{"a":""}`, `83000009 00016100 00000000`},
		{"true", `{"a":true}`, `87000009 00016100 01000000`},
		{"false", `{"a":false}`, `87000009 00016100 00000000`},
		{"null", `{"a":null}`, `80000008 00016100`},
		{"names-of-all-lengths", `{"":1,"ab":2,"abcd":3}`,
			`8500000c 00000000 00000001  85000010 00026162 00000000 00000002  85000010 00046162 63640000 00000003`},
		{"table", `{"a":{"b":{}}}`, `82000010 00016100  82000008 00016200`},
		{"array", `{"a":[1,[],"x"]}`, `81000028 00016100  8500000c 00000000 00000001  81000008 00000000  8300000a 00000000 78000000`},
		{"order-and-repetition", `{"b":1,"a":2,"b":3}`, `8500000c 00016200 00000001  8500000c 00016100 00000002  8500000c 00016200 00000003`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := fields(t, tt.blob)
			got, err := Encode(json.RawMessage(tt.json))
			if err != nil || hex.EncodeToString(got) != hex.EncodeToString(want) {
				t.Errorf("Encode(%s)\n got %x, %v\nwant %x", tt.json, got, err, want)
			}
			back, err := Decode(want)
			if err != nil || string(back) != tt.json {
				t.Errorf("Decode(%x) = %s, %v, want %s", want, back, err, tt.json)
			}
		})
	}
}

// TestDecodeOnly has blobs that Encode would not make.
func TestDecodeOnly(t *testing.T) {
	for _, tt := range []struct{ name, blob, want string }{
		{"int16", `8600000a 00016100 ffff0000`, `{"a":-1}`},
		{"array-elements-without-name", `81000010 00016100  05000008 00000001`, `{"a":[1]}`},
		{"bool-of-another-number", `87000009 00016100 02000000`, `{"a":true}`},
		{"null-with-a-value", `80000009 00016100 02000000`, `{"a":null}`},
		{"not-a-number", `88000010 00016100 7ff80000 00000001`, `{"a":null}`},
		{"infinite", `88000010 00016100 fff00000 00000000`, `{"a":null}`},
		{"string-ends-at-the-first-nul", `8300000c 00016100 78007a00`, `{"a":"x"}`},
		{"not-utf-8", `8300000a 00016100 ff000000`, "{\"a\":\"\uFFFD\"}"},
		{"quotes", `83000010 00022261 00000000 225c0a00`, `{"\"a":"\"\\\n"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Decode(fields(t, tt.blob))
			if err != nil || string(got) != tt.want {
				t.Errorf("Decode(%s) = %s, %v, want %s", tt.blob, got, err, tt.want)
			}
		})
	}
}

func TestDecodeMalformed(t *testing.T) {
	for name, blob := range map[string]string{
		"header-cut-off":           `850000`,
		"shorter-than-its-header":  `85000003`,
		"longer-than-the-table":    `85000010 00016100 00000005`,
		"padding-cut-off":          `8300000a 00016100 7800`,
		"second-field-cut-off":     `8500000c 00016100 00000005 85`,
		"no-room-for-the-name":     `85000005 00000000`,
		"name-beyond-the-field":    `8500000c 00ff6100 00000005`,
		"name-without-nul":         `8500000c 00016161 00000005`,
		"no-name-in-a-table":       `05000008 00000005`,
		"unknown-type":             `89000008 00016100`,
		"highest-type":             `ff000008 00016100`,
		"int32-of-two-bytes":       `8500000a 00016100 00050000`,
		"int32-of-eight":           `85000010 00016100 00000005 00000000`,
		"int64-of-four":            `8400000c 00016100 00000005`,
		"bool-of-none":             `87000008 00016100`,
		"double-of-four":           `8800000c 00016100 00000005`,
		"string-of-nothing":        `83000008 00016100`,
		"string-without-nul":       `8300000c 00016100 78797a7a`,
		"inner-field-cut-off":      `82000010 00016100 85000010 00016200`,
		"inner-longer-than-outer":  `8200000c 00016100 8500000c 00016200 00000000`,
		"array-of-named-malformed": `8100000c 00016100 85000008`,
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := Decode(fields(t, blob)); !errors.Is(err, errMalformed) || got != nil {
				t.Errorf("Decode(%s) = %s, %v, want %v", blob, got, err, errMalformed)
			}
		})
	}
}

func TestEncodeError(t *testing.T) {
	for _, tt := range []struct {
		name  string
		value any
		want  string
	}{
		{"array", []int{1}, `ubus: encode: "[1]" is not an object`},
		{"string", "x", `ubus: encode: "\"x\"" is not an object`},
		{"null", json.RawMessage("null"), `ubus: encode: "null" is not an object`},
		{"not-json", json.RawMessage(`{"a":`), `ubus: encode: json: `},
		{"not-for-json", func() {}, `ubus: encode: json: `},
		{"nul-in-a-string", map[string]string{"a": "x\x00y"}, `ubus: encode: a: a string with a NUL`},
		{"nul-in-a-name", map[string]int{"a\x00b": 1}, `ubus: encode: "a\x00b" cannot be a name`},
		{"name-too-long", map[string]int{strings.Repeat("x", math.MaxUint16+1): 1}, `ubus: encode: "xxxx`},
		{"number-too-large", json.RawMessage(`{"a":1e400}`), `ubus: encode: a: `},
		{"too-deep", json.RawMessage(nested(maxDepth)), `ubus: encode: nested deeper than 32`},
		{"too-large", map[string]string{"a": strings.Repeat("x", maxFields)}, `ubus: message above 1 MiB`},
		{"too-large-by-growth", map[string]any{"a": make([]int, maxFields/12)}, `ubus: message above 1 MiB`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := Encode(tt.value); err == nil || !strings.HasPrefix(err.Error(), tt.want) || got != nil {
				t.Errorf("Encode = %d bytes, %v, want %s...", len(got), err, tt.want)
			}
		})
	}
}

func TestDepth(t *testing.T) {
	text := nested(maxDepth - 1)
	blob, err := Encode(json.RawMessage(text))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Decode(blob); err != nil || string(got) != text {
		t.Errorf("Decode of %d levels = %s, %v", maxDepth, got, err)
	}
	blob, err = appendTable(nil, "a", blob)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Decode(blob); !errors.Is(err, errMalformed) {
		t.Errorf("Decode of %d levels = %s, %v", maxDepth+1, got, err)
	}
}

// nested is an object with n objects in it.
func nested(n int) string { return strings.Repeat(`{"a":`, n) + "{}" + strings.Repeat("}", n) }

// FuzzBlob checks Decode: JSON or an error, not much more than came in, and the same
// again after Encode.
func FuzzBlob(f *testing.F) {
	for _, text := range []string{`{}`, `{"a":[1,{"b":null}],"c":"x","d":1.5,"e":true,"f":5000000000}`} {
		blob, err := Encode(json.RawMessage(text))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(blob)
	}
	f.Fuzz(func(t *testing.T, blob []byte) {
		text, err := Decode(blob)
		if err != nil {
			if text != nil || !errors.Is(err, errMalformed) {
				t.Fatalf("Decode = %s, %v", text, err)
			}
			return
		}
		if !json.Valid(text) || text[0] != '{' || len(text) > 6*len(blob)+2 {
			t.Fatalf("%d bytes decode to %d: %q", len(blob), len(text), text)
		}
		again, err := Encode(json.RawMessage(text))
		if err != nil {
			// U+FFFD is longer than the byte that it stands for.
			if errors.Is(err, errTooLarge) || strings.Contains(err.Error(), "cannot be a name") {
				return
			}
			t.Fatalf("Encode(%s): %v", text, err)
		}
		if back, err := Decode(again); err != nil || string(back) != string(text) {
			t.Errorf("%s\nencoded and decoded is %s, %v", text, back, err)
		}
	})
}

// FuzzEncode checks that what Encode makes, Decode takes, and that it is stable.
func FuzzEncode(f *testing.F) {
	f.Add([]byte(`{"a":[1,-0,2.50,1e3,"\u00e9",{"b":{}}],"":null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		blob, err := Encode(json.RawMessage(text))
		if err != nil {
			return
		}
		if len(blob)%4 != 0 || len(blob) > maxFields {
			t.Errorf("%d bytes", len(blob))
		}
		first, err := Decode(blob)
		if err != nil {
			t.Fatalf("Decode of what Encode made of %q: %v", text, err)
		}
		blob, err = Encode(first)
		if err != nil {
			t.Fatal(err)
		}
		if second, err := Decode(blob); err != nil || string(first) != string(second) {
			t.Errorf("%s became %s, %v", first, second, err)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	blob, err := Encode(map[string]any{"routes": make([]struct {
		Target  string `json:"target"`
		Mask    int    `json:"mask"`
		Nexthop string `json:"nexthop"`
	}, 100)})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(blob)))
	b.ReportAllocs()
	for range b.N {
		if _, err := Decode(blob); err != nil {
			b.Fatal(err)
		}
	}
}

func TestAttrPadding(t *testing.T) {
	for n := range 9 {
		b := appendNestedAttr(nil, 7, make([]byte, n))
		if len(b) != pad(4+n) || int(binary.BigEndian.Uint32(b)&attrLength) != 4+n {
			t.Errorf("payload of %d: %x", n, b)
		}
		a, rest, err := cutAttr(b)
		if err != nil || a.id != 7 || a.extended || len(a.payload) != n || len(rest) != 0 {
			t.Errorf("payload of %d: cut %+v, %x, %v", n, a, rest, err)
		}
	}
}
