//go:build linux

package kernel

import (
	"os"
	"strings"
	"testing"
)

// TestExitCodes calls every command rightly and wrongly.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	kernel(t, func(t *testing.T) {
		s := newStage(t, "-probe", "http://"+host+":8204/")
		s.internet.serve(t, ":8204", "HTTP/1.1 204 No Content\r\n\r\n")
		s.internet.serve(t, ":8302", "HTTP/1.1 302 Found\r\nLocation: http://portal.example.net/\r\nContent-Length: 0\r\n\r\n")
		s.internet.serve(t, ":8500", "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")
		long := "-socket=/run/" + strings.Repeat("x", 120)

		expect := func(code int, about string, args ...string) {
			t.Helper()
			out, errs, got := commandCode(t, args...)
			if got != code || !strings.Contains(errs, about) {
				t.Errorf("netmond %s: exit %d, want %d and a word of %q\n%s%s", strings.Join(args, " "), got, code, about, out, errs)
			}
			if code != 0 && errs == "" && args[0] != "check" { // whose code is its answer
				t.Errorf("netmond %s: exit %d without a word", strings.Join(args, " "), got)
			}
		}
		probe := func(p string) string { return "-probe=http://" + host + ":" + p + "/" }

		expect(2, "", "check", "-json")
		do(t, "route add default via "+wan0Gateway)
		s.informed(t)
		expect(0, "", "check", "-json")
		expect(0, "", "check", "-dev", wan0)
		expect(0, "", "check", probe("8204"))
		expect(1, "", "check", probe("8302"))
		expect(2, "", "check", probe("8500"))
		expect(2, "", "check", probe("8999"), "-probe-timeout=1s")
		expect(0, "", "check", elsewhere, probe("8204"), "-json")
		expect(64, "wan9", "check", "-dev", "wan9")
		expect(64, "wan9", "check", "-dev", "wan9", elsewhere)
		expect(64, "probe", "check", "-probe", "ftp://"+host)
		expect(64, "probe-timeout", "check", "-probe-timeout", "soon")
		expect(64, "nonsense", "check", "-nonsense")
		expect(64, "extra", "check", "extra")
		expect(70, "", "check", long)
		expect(70, "wan1", "check", "-dev", wan1)
		expect(70, "wan1", "check", "-dev", wan1, elsewhere)
		do(t, "route del default", "-6 route add default via "+wan0Gateway6)
		expect(3, "", "check", probe("8204")) // an IPv4 address cannot be asked over IPv6
		expect(0, "", "check", "-probe=http://["+host6+"]:8204/")

		for _, c := range []string{"run", "status", "events", "routes", "lookup", "flows", "why", "check", "send", "metrics", "version"} {
			if out, errs, code := commandCode(t, c, "-h"); code != 0 || errs != "" || !strings.Contains(out, "Usage: netmond "+c) {
				t.Errorf("netmond %s -h: exit %d, prints\n%s%s", c, code, out, errs)
			}
			usage := 2
			if c == "check" {
				usage = 64
			}
			expect(usage, "nonsense", c, "-nonsense")
		}
		expect(0, "", "-h")
		expect(2, "Usage")
		expect(2, "frobnicate", "frobnicate")
		expect(2, "operand", "lookup")
		expect(2, "operand", "lookup", host, host)
		expect(2, "host.example.com", "lookup", "host.example.com")
		expect(2, "wan9", "lookup", host, "-oif", "wan9")
		expect(2, "mark", "lookup", host, "-mark", "red")
		expect(2, "operand", "why", "192.0.2.2:1")
		expect(2, "192.0.2.2", "why", "192.0.2.2", "198.51.100.7:443")
		expect(2, "purple", "routes", "-table", "purple")
		expect(2, "purple", "events", "-class", "purple")
		expect(2, "purple", "send", "purple", "{}")
		expect(2, "JSON", "send", "network", "{")
		expect(2, "operand", "status", "extra")
		for _, bad := range []string{
			"-settle=-1s", "-settle=later", "-carrier-grace=-1s", "-close=some", "-close-rate=-1", "-exclude=tcp:0", "-exclude=uid:x",
			"-exclude=dev:", "-exclude=192.0.2.0/99", "-conntrack=on", "-probe=ftp://x", "-probe-timeout=0", "-probe-interval=0",
			"-log-level=loud", "-log-format=xml", "-config=/nowhere",
		} {
			flag, value, _ := strings.Cut(bad, "=")
			expect(2, strings.TrimPrefix(flag, "-"), "run", bad)
			expect(2, strings.TrimPrefix(value, "-"), "run", bad)
		}

		for _, c := range [][]string{{"send", "network", "{}"}, {"metrics"}, {"events"}} {
			expect(0, "", append(c, "-h")...)
			expect(1, "daemon", append(c, elsewhere)...)
		}
		expect(1, "invalid argument", "status", long)

		events := netmond(t, "", "events")
		events.line(t)
		if err := events.stop(); err != nil {
			t.Errorf("events ends with %v at SIGTERM", err)
		}
		if err := os.WriteFile("/run/config", []byte("config netmond 'main'\n\toption settle 'later'\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		expect(2, "settle", "run", "-config=/run/config")
	})
}
