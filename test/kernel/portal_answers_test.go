//go:build linux

package kernel

import (
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestPortalAnswers asks the command about servers that answer in every way, the
// hostile ones included: each is classified, in bounded time.
func TestPortalAnswers(t *testing.T) {
	t.Parallel()
	kernel(t, func(t *testing.T) {
		i := newInternet(t)
		i.resolver(t, wan0Gateway, zone{probeName: host, "private.example.com": "10.0.0.1", "here.example.com": wan0Addr})
		lease(t, wan0, "DNS="+wan0Gateway)
		do(t, "route add default via "+wan0Gateway)

		page := `<html><head><meta http-equiv="refresh" content="0; url=/login?a=1&amp;b=2"></head></html>`
		answer := func(head, body string) string { return "HTTP/1.1 " + head + "\r\n\r\n" + body }
		const ok, captive, none, unknown = 0, 1, 2, 3
		name := []string{"OK", "Captive", "No internet", "Unknown"}
		for _, c := range []struct {
			what   string
			port   string
			text   string
			manner manner
			code   int
			status int
			url    string // PORTAL stands for the server's own
			expect string // appended to -probe
		}{
			{"204", "8001", answer("204 No Content", ""), hangUp, ok, 204, "", ""},
			{"the operator's status", "8002", answer("200 OK", ""), hangUp, ok, 200, "", ",status=200"},
			{"the operator's text", "8003", answer("200 OK\r\nContent-Length: 7", "success"), hangUp, ok, 200, "", ",body=success"},
			{"not the operator's text", "8004", answer("200 OK\r\nContent-Length: 7", "welcome"), hangUp, captive, 200, "PORTAL/", ",body=success"},
			{"301", "8005", answer("301 Moved\r\nLocation: https://portal.example.net/a", ""), hangUp, captive, 301, "https://portal.example.net/a", ""},
			{"307 to a relative place", "8006", answer("307 Moved\r\nLocation: /hello", ""), hangUp, captive, 307, "PORTAL/hello", ""},
			{"a place no browser goes to", "8007", answer("302 Found\r\nLocation: javascript:alert(1)", ""), hangUp, captive, 302, "", ""},
			{"a place with a terminal's codes", "8008", answer("302 Found\r\nLocation: http://p.example.net/\xff\xc2\x9b", ""), hangUp, captive, 302, "", ""},
			{"511", "8009", answer("511 Network Authentication Required\r\nContent-Length: 2", "hi"), hangUp, captive, 511, "PORTAL/", ""},
			{"a page that leads on", "8010", answer("200 OK\r\nContent-Type: text/html", page), hangUp, captive, 200, "PORTAL/login?a=1&b=2", ""},
			{"an empty page", "8011", answer("200 OK\r\nContent-Length: 0", ""), hangUp, none, 200, "", ""},
			{"404", "8012", answer("404 Not Found\r\nContent-Length: 0", ""), hangUp, none, 404, "", ""},
			{"503 with Retry-After", "8013", answer("503 Later\r\nRetry-After: 7\r\nContent-Length: 0", ""), hangUp, none, 503, "", ""},
			{"headers that never end", "8014", "HTTP/1.1 204 No Content\r\nA: b\r\n", hold, none, 0, "", ""},
			{"headers that drip", "8020", "HTTP/1.1 204 No Content\r\nA: b\r\n", drip, none, 0, "", ""},
			{"headers past 16 KiB", "8015", "HTTP/1.1 204 No Content\r\nA: " + strings.Repeat("b", 16<<10) + "\r\n\r\n", hangUp, none, 0, "", ""},
			{"headers without end", "8016", "HTTP/1.1 100 Continue\r\nA: b\r\n\r\n", repeat, none, 0, "", ""},
			{"a body without end", "8017", answer("200 OK", strings.Repeat("spam ", 1<<10)), repeat, captive, 200, "PORTAL/", ""},
			{"no HTTP", "8018", "220 mail.example.com ESMTP\r\n", hangUp, none, 0, "", ""},
			{"nothing", "8019", "", hold, none, 0, "", ""},
		} {
			t.Run(c.what, func(t *testing.T) {
				i.raw(t, host+":"+c.port, c.text, c.manner)
				server := "http://" + probeName + ":" + c.port
				begin := time.Now()
				got := check(t, c.code, "-probe", server+"/"+c.expect, "-probe-timeout", "1s")["wan0/4"]
				took := time.Since(begin)
				want := checkView{Dev: wan0, Family: 4, Result: name[c.code], Status: c.status, URL: strings.Replace(c.url, "PORTAL", server, 1)}
				if got.Dev != want.Dev || got.Family != want.Family || got.Result != want.Result || got.Status != want.Status || got.URL != want.URL {
					t.Errorf("check says %+v, want %+v", got, want)
				}
				if got.Error == "" && c.status == 0 || got.Error != "" && c.status != 0 {
					t.Errorf("the error is %q with status %d", got.Error, c.status)
				}
				if took > patience {
					t.Errorf("it took %v", took)
				}
			})
		}
		for what, c := range map[string]struct {
			url, about string
			code       int
		}{
			"refused":              {"http://" + probeName + ":8999/", "refused", none},
			"a name nobody knows":  {"http://nowhere.example.com/", "no such host", none},
			"another family":       {"http://[" + host6 + "]/", "not IPv4", unknown},
			"an address of nobody": {"http://192.0.2.77/", "", none},
		} {
			t.Run(what, func(t *testing.T) {
				got := check(t, c.code, "-probe", c.url, "-probe-timeout", "1s")["wan0/4"]
				if got.Result != name[c.code] || !strings.Contains(got.Error, c.about) || got.Status != 0 {
					t.Errorf("check says %+v", got)
				}
			})
		}
		t.Run("the second probe stands in for the first", func(t *testing.T) {
			i.raw(t, host+":8021", answer("204 No Content", ""), hangUp)
			got := check(t, ok, "-probe", "http://"+probeName+":8999/", "-probe", "http://"+probeName+":8021/")["wan0/4"]
			if got.Result != "OK" || got.Status != 204 {
				t.Errorf("check says %+v", got)
			}
		})
		t.Run("a probe has its time and no more", func(t *testing.T) {
			i.raw(t, host+":8022", "", hold)
			got := check(t, none, "-probe", "http://"+probeName+":8022/", "-probe-timeout", "300ms")["wan0/4"]
			if got.MS < 300 || got.MS >= 3000 { // the default
				t.Errorf("a probe of 300 ms took %d", got.MS)
			}
		})
		t.Run("for people", func(t *testing.T) {
			i.raw(t, host+":8023", answer("302 Found\r\nLocation: http://portal.example.net/", ""), hangUp)
			line := command(t, captive, "check", "-probe", "http://"+probeName+":8023/")
			if !strings.HasPrefix(line, "wan0 ") || !strings.Contains(line, "Captive") || !strings.Contains(line, "http://portal.example.net/") {
				t.Errorf("check prints %q", line)
			}
		})
		t.Run("no uplink", func(t *testing.T) {
			do(t, "route del default")
			if got := check(t, none); len(got) != 0 {
				t.Errorf("check says %+v", got)
			}
		})
	})
}

// TestPortalResolvers has names asked of whom the system's configuration names for
// an uplink, and of nobody else.
func TestPortalResolvers(t *testing.T) {
	t.Parallel()
	kernel(t, func(t *testing.T) {
		i := newInternet(t)
		i.web(t, host+":80", noContent)
		i.web(t, otherHost+":80", redirect("http://portal.example.net/"))
		const there = "198.51.100.53"
		i.resolver(t, wan0Gateway, zone{probeName: host})
		i.resolver(t, wan1Gateway, zone{probeName: otherHost})
		i.resolver(t, there, zone{probeName: host})
		i.resolverHere(t, "127.0.0.53", zone{probeName: host})
		do(t, "route add default via "+wan0Gateway+" metric 10", "route add default via "+wan1Gateway+" metric 20")
		index := func(dev string) string {
			link, err := net.InterfaceByName(dev)
			if err != nil {
				t.Fatal(err)
			}
			return strconv.Itoa(link.Index)
		}

		for _, c := range []struct {
			name         string
			resolv       string
			files        map[string]string
			asked, alone []string // "WHO RESOLVER", all of them; alone: results by uplink
			unbound      bool
		}{
			{
				name: "one for each uplink", resolv: "nameserver " + there,
				files: map[string]string{leases + wan0: "DNS=" + wan0Gateway, leases + wan1: "DNS=" + wan1Gateway},
				asked: []string{wan0Addr + " " + wan0Gateway, wan1Addr + " " + wan1Gateway},
				alone: []string{"OK", "Captive"},
			},
			{
				name: "of networkd and resolved", resolv: "nameserver 127.0.0.53",
				files: map[string]string{
					"/run/systemd/netif/links/" + index(wan0):   "DNS=" + wan0Gateway,
					"/run/systemd/resolve/netif/" + index(wan1): "SERVERS=" + wan1Gateway,
				},
				asked: []string{wan0Addr + " " + wan0Gateway, wan1Addr + " " + wan1Gateway},
				alone: []string{"OK", "Captive"},
			},
			{
				name: "resolv.conf, through each uplink", resolv: "nameserver 127.0.0.53\nnameserver " + there,
				asked: []string{wan0Addr + " " + there, wan1Addr + " " + there},
				alone: []string{"OK", "OK"},
			},
			{
				name: "one on this device alone", resolv: "nameserver 127.0.0.53",
				asked: []string{"127.0.0.1 127.0.0.53"},
				alone: []string{"OK", "OK"}, unbound: true,
			},
		} {
			t.Run(c.name, func(t *testing.T) {
				resolvConf(t, c.resolv)
				for file, line := range c.files {
					write(t, file, line)
				}
				i.forget()
				got := check(t, 0, "-probe", probeURL)
				for n, dev := range []string{wan0, wan1} {
					if v := got[dev+"/4"]; v.Result != c.alone[n] || v.Unbound != c.unbound {
						t.Errorf("check says %+v of %s, want %s", v, dev, c.alone[n])
					}
				}
				want := make(map[string]bool)
				for _, pair := range c.asked {
					want[pair] = false
				}
				for _, r := range i.all() {
					if strings.HasPrefix(r.what, "GET ") {
						continue
					}
					pair := r.from.String() + " " + r.at.String()
					if _, ok := want[pair]; !ok {
						t.Errorf("%v, who is not to be asked", r)
					}
					want[pair] = true
				}
				for pair, asked := range want {
					if !asked {
						t.Errorf("%s was not asked", pair)
					}
				}
			})
		}
	})
}

// TestPortalTimeout: what answers nothing holds a daemon up no longer than one
// probe may take, and its own first.
func TestPortalTimeout(t *testing.T) {
	t.Parallel()
	kernel(t, func(t *testing.T) {
		i := newInternet(t)
		i.web(t, host+":80", silence)
		do(t, "route add default via "+wan0Gateway)
		_, b := runDaemon(t, "-close", "none", "-probe", "http://"+host+"/", "-probe-timeout", "200ms")
		b.result(t, wan0, "ipv4", "No internet")
		first := i.await(t, "a probe", func(r request) bool { return strings.HasPrefix(r.what, "GET ") })
		if first.from.String() != wan0Addr {
			t.Errorf("%v, want it from %s", first, wan0Addr)
		}
		if v := check(t, 2)["wan0/4"]; v.MS < 200 || v.MS >= 3000 || v.Result != "No internet" {
			t.Errorf("check by the daemon says %+v, want No internet after 200 ms", v)
		}
	})
}
