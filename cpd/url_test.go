package cpd

import (
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestCleanURL(t *testing.T) {
	for in, want := range map[string]string{
		"http://portal.example.net/":                "http://portal.example.net/",
		"HTTPS://portal.example.net/a?b=c&d=%20#e":  "https://portal.example.net/a?b=c&d=%20#e",
		"http://192.0.2.1:8080/":                    "http://192.0.2.1:8080/",
		"http://[2001:db8::1]/":                     "http://[2001:db8::1]/",
		"http://a/?q=<script>":                      "http://a/?q=%3Cscript%3E",
		`http://a/?q="'` + "`{|}":                   "http://a/?q=%22%27%60%7B%7C%7D",
		"http://a/'x'":                              "http://a/%27x%27",
		"http://a/$(reboot);x":                      "http://a/$(reboot);x", // harmless where quoted, and legal
		"http://a/" + strings.Repeat("a", urlMax-9): "http://a/" + strings.Repeat("a", urlMax-9),
	} {
		got, err := CleanURL(in)
		if err != nil || got != want {
			t.Errorf("CleanURL(%q) = %q, %v, want %q", in, got, err, want)
		}
		if again, err := CleanURL(got); err != nil || again != got {
			t.Errorf("CleanURL(%q) = %q, %v: a clean URL changed", got, again, err)
		}
	}
}

func TestCleanURLRefuses(t *testing.T) {
	for _, in := range []string{
		"", "/login", "portal.example.net", "//portal.example.net/",
		"javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "ftp://a/", "http:", "http:a", "http:///a",
		"http://user@a/", "http://user:pass@a/", "http://bank.example.com@a/",
		"http://a/\n", "http://a/\r\nX: y", "http://a/\x00", "http://a/\x1b[31m", "http://a/ b", "http://\u00e4/", "http://a/\xff",
		"http://a b/", `http://a"b/`, "http://a<b/", "http://a'b/", "http://$(id)/", "http://[::1", "http://a:port/",
		"http://a/" + strings.Repeat("a", urlMax-8),
		"http://a/?" + strings.Repeat("'", urlMax/2), // longer once escaped
		"http://a/%zz",
	} {
		if got, err := CleanURL(in); err == nil {
			t.Errorf("CleanURL(%q) = %q, want an error", in, got)
		} else if printable(strings.ReplaceAll(err.Error(), " ", "_")) != nil || len(err.Error()) > 200 {
			t.Errorf("CleanURL(%q): error %q quotes too much", in, err)
		}
	}
}

func TestPageURL(t *testing.T) {
	base, _ := url.Parse("http://probe.example.com/generate_204")
	for _, tc := range []struct{ name, page, want, why string }{
		{"meta", `<META HTTP-EQUIV="Refresh" CONTENT="0;URL=http://a/b">`, "http://a/b", ""},
		{"meta-quoted", `<meta content="5; url='http://a/b'" http-equiv=refresh>`, "http://a/b", ""},
		{"meta-bare", `<meta http-equiv=refresh content=0;url=/in />`, "http://probe.example.com/in", ""},
		{"meta-spaces", "<meta\n http-equiv = 'refresh'\n content = '0 ; URL = http://a/b '\n>", "http://a/b", ""},
		{"meta-entity", `<meta http-equiv="refresh" content="0; url=http://a/?x=1&amp;y=2">`, "http://a/?x=1&y=2", ""},
		{"meta-after-other", `<meta charset=utf-8><meta name="x" content="url=http://no/"><meta http-equiv="refresh" content="0;url=http://a/">`, "http://a/", ""},
		{"meta-reload", `<meta http-equiv="refresh" content="30">`, "", ""},
		{"meta-open", `<meta http-equiv="refresh" content="0;url=http://a/"`, "", ""},
		{"location", `<script>location="http://a/b"</script>`, "http://a/b", ""},
		{"href", `<script>window.location.href = 'http:\/\/a\/b';</script>`, "http://a/b", ""},
		{"replace", `<script>top.location.replace( "/in" )</script>`, "http://probe.example.com/in", ""},
		{"assign", `<script>document.location.assign('in')</script>`, "http://probe.example.com/in", ""},
		{"compared", `<script>if (location == "http://no/") x(); location.href="http://a/"</script>`, "http://a/", ""},
		{"computed", `<script>location = f("http://no/")</script>`, "", ""},
		{"wispr", `<!-- <WISPAccessGatewayParam><Redirect><LoginURL>https://a/login?x=1&amp;y=2</LoginURL></Redirect> -->`, "https://a/login?x=1&y=2", ""},
		{"meta-before-script", `<script>location="http://b/"</script><meta http-equiv="refresh" content="0;url=http://a/">`, "http://a/", ""},
		{"hostile-then-clean", `<script>location="javascript:x"; location="http://a/"</script>`, "http://a/", ""},
		{"hostile", `<meta http-equiv="refresh" content="0;url=javascript:alert(1)">`, "", "scheme"},
		{"invalid-utf8", "<script>location=\"http://a/\xff\xfe\"</script>", "", "not printable"},
		{"text", `Your location: "nowhere"`, "", ""},
		{"empty", "", "", ""},
	} {
		if got, why := pageURL(base, []byte(tc.page)); got != tc.want || !strings.Contains(why, tc.why) || (why == "") != (tc.why == "") {
			t.Errorf("%s: pageURL = %q, %q, want %q, %q", tc.name, got, why, tc.want, tc.why)
		}
	}
}

// TestPageURLIsLinear feeds pages sixteen times as long as any that is read. What
// is linear takes milliseconds a page, what is quadratic takes minutes.
func TestPageURLIsLinear(t *testing.T) {
	begin := time.Now()
	for _, unit := range []string{"<meta", "<meta ", `<meta http-equiv=refresh content="url`, "<loginurl>", `location="`, "location.href='", "location=", "<", `<meta a=">`, "<meta ='='>"} {
		page := []byte(strings.Repeat(unit, 16*bodyMax/len(unit)))
		if got, _ := pageURL(nil, page); got != "" {
			t.Errorf("%q repeated: pageURL = %q", unit, got)
		}
		if took := time.Since(begin); took > time.Minute {
			t.Fatalf("%q repeated over %d bytes: more than linear (%v so far)", unit, len(page), took)
		}
	}
}

func TestEntities(t *testing.T) {
	for s, want := range map[string]string{
		"":                             "",
		"a?x&y":                        "a?x&y",
		"a&#47;b&#x2f;c&#x2F;d?x&amp;": "a/b/c/d?x&",
		"&#38;&#x26;&amp;":             "&&&",
		"&amp;#47;&#38;amp;&&amp":      "&#47;&amp;&&amp",
	} {
		if got := entities(s); got != want {
			t.Errorf("entities(%q) = %q, want %q", s, got, want)
		}
	}
}
