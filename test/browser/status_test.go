package browser

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/netmond/netmond/smd"

	"github.com/netmond/netmond/internal/view"
)

// hostile is text that runs if it ever gets into the page as HTML.
const hostile = `<img src=x onerror="window.pwned=1"><script>window.pwned=2</script>`

func status(portal string) view.Status {
	return view.Status{
		State: "OPERATIONAL", Version: "1.2.3", TLS: true,
		Close: view.Close{Mode: "all", Rung: "sock_destroy"},
		Uplinks: []view.Uplink{
			{Dev: "eth1", Gateway: "192.0.2.1", Metric: 10, Family: 4, Table: 254, Carrier: true, CPD: "Captive", URL: portal},
			{Dev: "wwan0", Family: 6, Metric: 1024, CPD: "OK", Partial: true},
			{Dev: "ppp0", Family: 4, CPD: "No internet", Reason: hostile},
		},
		Routes: 12, Links: 4,
		FlowsClosed: map[string]uint64{"no-route": 3, "link-down": 0},
		Recent: []view.Closed{{AgeMS: 61_000, Flow: smd.Flow{
			Act: "closed", Proto: "tcp", Local: "192.0.2.9:4000", Remote: "198.51.100.7:443",
			Reason: "no-route", Was: "default via 192.0.2.1 dev eth1",
		}}},
	}
}

// look is what a script sees of the page.
const look = `
const look = () => ({
	text: document.body.innerText,
	links: [...document.querySelectorAll('#view a')].map((a) => ({ href: a.getAttribute('href'), rel: a.rel, target: a.target })),
	foreign: document.querySelectorAll('#view img, #view script, #view iframe').length,
});
await document.fonts.ready;
`

type seen struct {
	Text  string
	Links []struct{ Href, Rel, Target string }
	// Foreign counts elements that none of the views makes.
	Foreign int
}

// TestStatusShowsUplinksAndCloses opens the status view and reads it.
func TestStatusShowsUplinksAndCloses(t *testing.T) {
	d := &device{answers: map[string][]any{"netmond.status": {status("http://portal.example.net/login?a=1&b=2")}}}
	var got seen
	visit(t, d, look+`await (await L.require('view.netmond.status')).done; return look();`, &got)
	for _, want := range []string{
		"eth1 (IPv4)", "192.0.2.1", "Captive portal", "http://portal.example.net/login?a=1&b=2",
		"wwan0 (IPv6)", "Internet, but HTTPS fails", "No Internet: " + hostile,
		"tcp 192.0.2.9:4000 → 198.51.100.7:443", "1 min ago", "No route leads to the peer any more",
		"default via 192.0.2.1 dev eth1", "by the kernel (SOCK_DESTROY)", "3 × No route",
	} {
		if !strings.Contains(got.Text, want) {
			t.Errorf("the page lacks %q; it reads:\n%s", want, got.Text)
		}
	}
	if len(got.Links) != 1 || got.Links[0].Href != "http://portal.example.net/login?a=1&b=2" ||
		got.Links[0].Rel != "noopener noreferrer" || got.Links[0].Target != "_blank" {
		t.Errorf("links = %+v, want the portal's, in a window that cannot reach back", got.Links)
	}
	if got.Foreign != 0 {
		t.Errorf("%d elements came from a stranger's text", got.Foreign)
	}
}

// TestPortalURLsOfOtherKindsAreText shows the portal a stranger chose.
func TestPortalURLsOfOtherKindsAreText(t *testing.T) {
	urls := []string{
		`javascript:window.pwned=1`,
		` javascript:window.pwned=1`,
		"java\nscript:window.pwned=1",
		`JavaScript://portal.example.net/%0awindow.pwned=1`,
		`data:text/html,<script>window.pwned=1</script>`,
		`file:///etc/passwd`,
		`//portal.example.net/`,
		`http://`,
		`http://bank.example.com@portal.example.net/`,
		`"><img src=x onerror="window.pwned=1">`,
		hostile,
	}
	raw, err := json.Marshal(urls)
	if err != nil {
		t.Fatal(err)
	}
	answers := make([]any, 0, len(urls))
	for _, u := range urls {
		answers = append(answers, status(u))
	}
	answers = append(answers, status("https://portal.example.net/"))
	d := &device{answers: map[string][]any{"netmond.status": answers}}
	var got []seen
	visit(t, d, look+`
const box = await L.require('view.status.include.90_netmond');
const all = [];
for (const url of `+string(raw)+`) {
	const status = await box.load();
	dom.content(document.getElementById('view'), box.render(status));
	const common = await L.require('netmond.common');
	document.getElementById('view').appendChild(common.uplinks(status.uplinks, false));
	for (const a of document.querySelectorAll('#view a')) a.click();
	await new Promise((done) => setTimeout(done, 0));
	all.push(look());
}
dom.content(document.getElementById('view'), box.render(await box.load()));
all.push(look());
return all;`, &got)
	if len(got) != len(urls)+1 {
		t.Fatalf("%d pages, want %d", len(got), len(urls)+1)
	}
	for i, page := range got[:len(urls)] {
		if len(page.Links) != 0 || page.Foreign != 0 {
			t.Errorf("%q: links %+v and %d elements, want none", urls[i], page.Links, page.Foreign)
		}
		if plain := strings.TrimSpace(urls[i]); !strings.Contains(plain, "\n") && !strings.Contains(page.Text, plain) {
			t.Errorf("%q is not on the page as text", urls[i])
		}
	}
	if last := got[len(urls)]; len(last.Links) != 1 || last.Links[0].Href != "https://portal.example.net/" {
		t.Errorf("links = %+v, want the https one", last.Links)
	}
}

// TestStatusIsLive polls as the status changes, asks for a check, and sees the daemon
// go.
func TestStatusIsLive(t *testing.T) {
	first, second := status("http://portal.example.net/"), status("")
	second.Uplinks[0].CPD, second.Close = "OK", view.Close{Mode: "all", Rung: "advisory", Why: "no " + hostile}
	second.Recent[0].Act, second.Recent[0].Reason = "would-close", "constructor"
	armed := second.Recent[0]
	armed.Act = "armed"
	second.Recent = append(second.Recent, armed)
	d := &device{answers: map[string][]any{
		"netmond.status": {first, second, nil},
		"netmond.check":  {map[string]any{"check": []any{}}},
	}}
	var got []seen
	visit(t, d, look+`
await (await L.require('view.netmond.status')).done;
const all = [look()];
await poll.step();
all.push(look());
document.querySelector('button').click();
for (const end = Date.now() + 10000; !document.body.innerText.includes('not running') && Date.now() < end; )
	await new Promise((done) => setTimeout(done, 20));
all.push(look());
if (poll.queue.length != 1 || !(poll.queue[0].seconds > 0)) throw new Error('polled ' + JSON.stringify(poll.queue));
return all;`, &got)
	for i, want := range []string{"http://portal.example.net/", "not at all: no " + hostile, "netmond is not running."} {
		if !strings.Contains(got[i].Text, want) {
			t.Errorf("step %d lacks %q; it reads:\n%s", i, want, got[i].Text)
		}
		if got[i].Foreign != 0 {
			t.Errorf("step %d: %d elements came from a stranger's text", i, got[i].Foreign)
		}
	}
	for _, want := range []string{"Not closed: constructor", "Ends soon, unless its path comes back: "} {
		if !strings.Contains(got[1].Text, want) {
			t.Errorf("step 1 lacks %q; it reads:\n%s", want, got[1].Text)
		}
	}
	if n := len(d.called("netmond", "check")); n != 1 {
		t.Errorf("%d checks asked for, want 1", n)
	}
}

// TestOverviewIsEmptyWithoutDaemon: LuCI hides a box of null.
func TestOverviewIsEmptyWithoutDaemon(t *testing.T) {
	d := &device{}
	var got struct{ Null bool }
	visit(t, d, `const box = await L.require('view.status.include.90_netmond');
return { Null: box.render(await box.load()) === null };`, &got)
	if !got.Null {
		t.Error("the box has content without a daemon, want null")
	}
}
