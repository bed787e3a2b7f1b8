// Package browser tests the pages of luci-app-netmond in headless Chromium. LuCI's
// interfaces are stubs (testdata/luci.js) down to the border at which its RPC crosses
// to the device; there the test answers as rpcd would.
//
// Without Chromium the tests skip; with NETMOND_DEVICE=1 in the environment a skip is
// a failure.
package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// resources is where LuCI has its views.
const resources = "/luci-static/resources/"

// deadline is for a page to load, run and report. It takes some 2 s.
const deadline = 60 * time.Second

// call is one that came over the RPC border.
type call struct {
	Object, Method string
	Args           map[string]any
}

// device is the other side of the RPC border.
type device struct {
	mu      sync.Mutex
	answers map[string][]any // by OBJECT.METHOD, one after the other, the last for ever
	calls   []call
}

// page is what the browser loads: it runs the script with the modules of LuCI, and
// reports what that returns or throws.
const page = `<!DOCTYPE html><meta charset="utf-8"><title>netmond</title><body><div id="view"></div>
<script src="/luci.js"></script>
<script>
(async () => { %s })().then(
	(result) => ({ result: JSON.stringify(result === undefined ? null : result), pwned: String(window.pwned) }),
	(error) => ({ error: String(error) + ' ' + error.stack })
).then((report) => fetch('/report', { method: 'POST', body: JSON.stringify(report) }));
</script>`

// visit runs script, the body of an asynchronous function, in a page of LuCI before
// the device, and decodes into out what it returns.
func visit(t *testing.T, d *device, script string, out any) {
	t.Helper()
	chromium := browserPath(t)
	type report struct{ Result, Error, Pwned string }
	reports := make(chan report, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, page, script)
	})
	mux.HandleFunc("GET /luci.js", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, "testdata/luci.js") })
	mux.Handle("GET "+resources, http.StripPrefix(resources,
		http.FileServer(http.Dir("../../openwrt/luci-app-netmond/htdocs"+resources))))
	mux.HandleFunc("POST /ubus", d.ubus)
	mux.HandleFunc("POST /report", func(_ http.ResponseWriter, r *http.Request) {
		var got report
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			got.Error = err.Error()
		}
		select {
		case reports <- got:
		default:
		}
	})
	server := httptest.NewServer(mux)
	defer server.Close()

	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	cmd := exec.CommandContext(ctx, chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
		"--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--disable-dev-shm-usage", "--user-data-dir="+t.TempDir(), "--remote-debugging-port=0", server.URL+"/")
	stop := start(t, cmd)
	defer stop()
	select {
	case got := <-reports:
		if got.Error != "" {
			t.Fatalf("the page failed: %s", got.Error)
		}
		if got.Pwned != "undefined" {
			t.Errorf("a stranger's text was run: window.pwned = %s", got.Pwned)
		}
		if err := json.Unmarshal([]byte(got.Result), out); err != nil {
			t.Fatalf("report %q: %v", got.Result, err)
		}
	case <-ctx.Done():
		t.Fatalf("no report from the page within %v", deadline)
	}
}

// start starts the browser with its output in a file, and returns what ends it.
func start(t *testing.T, cmd *exec.Cmd) (stop func()) {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "chromium.log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	ownGroup(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return func() {
		killGroup(cmd)
		_ = cmd.Wait() // killed
		log.Close()
		if text, err := os.ReadFile(log.Name()); err == nil && t.Failed() {
			t.Logf("chromium: %s", text)
		}
	}
}

// ubus answers one JSON-RPC call as rpcd does: [0, DATA], or [STATUS].
func (d *device) ubus(w http.ResponseWriter, r *http.Request) {
	var request struct {
		ID     int
		Params [4]json.RawMessage
	}
	var c call
	err := json.NewDecoder(r.Body).Decode(&request)
	for i, into := range []any{nil, &c.Object, &c.Method, &c.Args} {
		if err == nil && into != nil {
			err = json.Unmarshal(request.Params[i], into)
		}
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls = append(d.calls, c)
	name := c.Object + "." + c.Method
	const notFound = 4 // UBUS_STATUS_NOT_FOUND
	result := []any{notFound}
	if list := d.answers[name]; len(list) > 0 {
		if list[0] != nil {
			result = []any{0, list[0]}
		}
		if len(list) > 1 {
			d.answers[name] = list[1:]
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"jsonrpc": "2.0", "id": request.ID, "result": result}) // the page misses it and fails
}

// called returns the calls of a method so far.
func (d *device) called(object, method string) []call {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []call
	for _, c := range d.calls {
		if c.Object == object && c.Method == method {
			out = append(out, c)
		}
	}
	return out
}

func browserPath(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	const why = "Chromium is missing: apt-get install chromium"
	if os.Getenv("NETMOND_DEVICE") == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
	return ""
}
