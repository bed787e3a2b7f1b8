package cpd

import (
	"encoding/binary"
	"testing"
)

// userOpt builds the payload of an RTM_NEWNDUSEROPT message for a captive portal option.
func userOpt(ifindex int, uri string) []byte {
	opt := raOption(uri)
	b := make([]byte, nduseroptLen)
	b[0] = afInet6
	binary.NativeEndian.PutUint16(b[2:], uint16(len(opt)))
	binary.NativeEndian.PutUint32(b[4:], uint32(ifindex))
	b[8] = icmpRouterAdvert
	return append(b, opt...)
}

// raOption builds a captive portal option as RFC 8910 section 2.3 draws it.
func raOption(uri string) []byte {
	n := (2 + len(uri) + 7) / 8
	opt := make([]byte, n*8)
	opt[0], opt[1] = optCaptivePortal, byte(n)
	copy(opt[2:], uri)
	return opt
}

func TestParseUserOpt(t *testing.T) {
	const uri = "https://portal.example.net/api"
	rdnss := []byte{25, 3, 0, 0, 0, 0, 0, 60, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}
	with := func(f func(b []byte) []byte) []byte { return f(userOpt(7, uri)) }
	for _, tc := range []struct {
		name    string
		payload []byte
		uri     string
	}{
		{"uri", userOpt(7, uri), uri},
		{"unpadded", userOpt(7, "https://a/1234567890ab"), "https://a/1234567890ab"},
		{"unrestricted", userOpt(7, Unrestricted), Unrestricted},
		{"plain-http", userOpt(7, "http://portal.example.net/"), ""},
		{"nul-inside", userOpt(7, "https://a/\x00b"), ""},
		{"empty", userOpt(7, ""), ""},
		{"nothing", nil, ""},
		{"short", userOpt(7, uri)[:nduseroptLen-1], ""},
		{"cut", userOpt(7, uri)[:nduseroptLen+9], ""},
		{"other-family", with(func(b []byte) []byte { b[0] = 2; return b }), ""},
		{"other-message", with(func(b []byte) []byte { b[8] = 137; return b }), ""},
		{"other-code", with(func(b []byte) []byte { b[9] = 1; return b }), ""},
		{"zero-length", with(func(b []byte) []byte { b[nduseroptLen+1] = 0; return b }), ""},
		{"too-long", with(func(b []byte) []byte { b[nduseroptLen+1] = 255; return b }), ""},
		{"options-shorter", with(func(b []byte) []byte { binary.NativeEndian.PutUint16(b[2:], 8); return b }), ""},
	} {
		ifindex, got, ok := ParseUserOpt(tc.payload)
		if got != tc.uri || ok != (tc.uri != "") || ok && ifindex != 7 {
			t.Errorf("%s: ParseUserOpt = %d, %q, %v, want 7, %q", tc.name, ifindex, got, ok, tc.uri)
		}
	}
	if got, ok := ParseRAOptions(append(rdnss, raOption(uri)...)); !ok || got != uri {
		t.Errorf("behind another option: %q, %v", got, ok)
	}
}
