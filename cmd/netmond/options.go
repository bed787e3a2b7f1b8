package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/netmond/netmond/conn"
	"github.com/netmond/netmond/cpd"

	"github.com/netmond/netmond/internal/log"
	"github.com/netmond/netmond/internal/uci"
)

// options are the flags of run, each also an option of the same name in the
// configuration.
type options struct {
	socket   string
	reasons  checked
	gentle   bool
	rate     int
	dryRun   bool
	settle   time.Duration
	grace    time.Duration
	exclude  stringList
	track    checked
	probes   stringList
	capport  checked
	timeout  time.Duration
	interval time.Duration
	hooks    string
	led      string
	metrics  string
	level    log.Level
	format   checked
	config   string
}

// register declares the flags.
func (o *options) register(fs *flag.FlagSet) {
	*o = options{
		reasons: checked{"all", func(s string) error { _, err := conn.ParseReasons(s); return err }},
		track:   checked{"auto", oneOf("auto", "off")},
		format:  checked{"text", oneOf("text", "json")},
		exclude: stringList{check: func(s string) error { _, err := conn.ParseExclusion(s); return err }},
	}
	fs.StringVar(&o.socket, "socket", socketPath(), "`path` of the local API")
	fs.Var(&o.reasons, "close", "all, none, or a comma list of `reasons` to close flows for")
	fs.BoolVar(&o.gentle, "gentle", false, "arm timeouts on stranded flows instead of closing them")
	fs.IntVar(&o.rate, "close-rate", 0, "closes a second at most, the rest follow; 0 has no limit")
	fs.BoolVar(&o.dryRun, "dry-run", false, "decide and tell, close nothing; needs no privilege")
	fs.DurationVar(&o.settle, "settle", 150*time.Millisecond, "how long a change must stand before flows are judged; 0 acts on each batch")
	fs.DurationVar(&o.grace, "carrier-grace", 3*time.Second, "how long carrier may be lost before the link counts as down")
	fs.Var(&o.exclude, "exclude", "`what` to leave alone: a prefix, tcp:PORT, uid:N or dev:LINK; repeatable")
	fs.Var(&o.track, "conntrack", "auto or off: forwarded flows")
	o.registerProbes(fs)
	fs.DurationVar(&o.interval, "probe-interval", 5*time.Minute, "between checks while OK; back-off while not")
	fs.StringVar(&o.hooks, "hooks", "/etc/netmond/hooks.d", "`directory` of scripts to run on state changes")
	fs.StringVar(&o.led, "led", "", "`name` of an LED under /sys/class/leds that shows offline, portal, online")
	fs.StringVar(&o.metrics, "metrics", "", "`FILE.prom` to rewrite every 15 s, for a textfile collector")
	fs.Var(&o.level, "log-level", "debug, info, warn or error")
	fs.Var(&o.format, "log-format", "text or json")
	fs.StringVar(&o.config, "config", "", "`file` in UCI syntax (default /etc/config/netmond, else /etc/netmond.conf)")
}

// registerProbes declares the flags of a check, which the command check has too.
func (o *options) registerProbes(fs *flag.FlagSet) {
	o.capport.check = func(s string) error { _, err := cpd.CleanCapport(s); return err }
	o.probes.check = func(s string) error { _, err := cpd.ParseProbe(s); return err }
	fs.Var(&o.probes, "probe", "`URL[,status=204][,body=TEXT]` to check for portals with; repeatable, tried in order")
	fs.Var(&o.capport, "capport", "`URI` of the captive portal API (RFC 8910), where no lease offers it")
	fs.DurationVar(&o.timeout, "probe-timeout", 3*time.Second, "for one probe")
}

// options parses the command line and the configuration.
func (c *invocation) options() (*options, error) {
	fs := c.newFlags()
	o := new(options)
	o.register(fs)
	if _, err := c.parse(fs, 0); err != nil {
		return nil, err
	}
	if err := load(fs, o.config); err != nil {
		return nil, usageError{err}
	}
	if err := o.validate(); err != nil {
		return nil, usageError{err}
	}
	return o, nil
}

// fixedChanges names the options that differ in next and count only at a start.
func (o *options) fixedChanges(next *options) []string {
	var names []string
	for _, x := range []struct {
		name string
		same bool
	}{
		{"socket", o.socket == next.socket},
		{"gentle", o.gentle == next.gentle},
		{"conntrack", o.track.value == next.track.value},
		{"probe-interval", o.interval == next.interval},
		{"hooks", o.hooks == next.hooks},
		{"led", o.led == next.led},
		{"metrics", o.metrics == next.metrics},
		{"log-format", o.format.value == next.format.value},
	} {
		if !x.same {
			names = append(names, x.name)
		}
	}
	return names
}

func oneOf(allowed ...string) func(string) error {
	return func(s string) error {
		for _, a := range allowed {
			if s == a {
				return nil
			}
		}
		return fmt.Errorf("%q is not one of %s", s, strings.Join(allowed, ", "))
	}
}

// validate checks what no flag can check alone.
func (o *options) validate() error {
	for _, d := range []struct {
		name string
		v    time.Duration
		min  time.Duration
	}{
		{"settle", o.settle, 0}, {"carrier-grace", o.grace, 0},
		{"probe-timeout", o.timeout, time.Millisecond}, {"probe-interval", o.interval, time.Second},
	} {
		if d.v < d.min || d.v > 24*time.Hour {
			return fmt.Errorf("-%s %s: from %s to 24h", d.name, d.v, d.min)
		}
	}
	if o.rate < 0 {
		return fmt.Errorf("-close-rate %d: 0 or more", o.rate)
	}
	return nil
}

// configFiles are looked for where no -config is given; the first there is counts.
var configFiles = []string{"/etc/config/netmond", "/etc/netmond.conf"}

// load sets the flags that were not given from the configuration. A flag wins
// over the file.
func load(fs *flag.FlagSet, file string) error {
	given := make(map[string]bool)
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	text, name, err := readConfig(file)
	if err != nil || text == nil {
		return err
	}
	pkg, err := uci.Parse(name, text)
	if err != nil {
		return err
	}
	section := pkg.Section("main")
	for i := range pkg.Sections {
		if section == nil && pkg.Sections[i].Type == "netmond" {
			section = &pkg.Sections[i]
		}
	}
	for opt := range section.Options() {
		flagName := strings.ReplaceAll(opt.Name, "_", "-") // which OpenWrt takes in no name
		if flagName == "enabled" {
			continue // for the init script
		}
		f := fs.Lookup(flagName)
		if f == nil || flagName == "config" {
			return fmt.Errorf("%s:%d: %q is no option of netmond; netmond run -h lists them", name, opt.Line, opt.Name)
		}
		if given[flagName] {
			continue
		}
		for _, v := range opt.Values {
			if b, ok := f.Value.(interface{ IsBoolFlag() bool }); ok && b.IsBoolFlag() {
				on, ok := uci.Bool(v)
				if !ok {
					return fmt.Errorf("%s:%d: %s %q: 1 or 0", name, opt.Line, opt.Name, v)
				}
				v = fmt.Sprint(on)
			}
			if err := fs.Set(flagName, v); err != nil {
				return fmt.Errorf("%s:%d: %s: %w", name, opt.Line, opt.Name, wrong(f, v, err))
			}
		}
	}
	return nil
}

// wrong says what is wrong with a value that a flag does not take: of a time or a
// number package flag says nothing but "parse error".
func wrong(f *flag.Flag, value string, err error) error {
	g, ok := f.Value.(flag.Getter)
	if !ok {
		return err
	}
	if _, ok := g.Get().(time.Duration); ok {
		return fmt.Errorf("%q is no time such as 150ms, 3s or 5m", value)
	}
	return fmt.Errorf("%q is no whole number", value)
}

// readConfig reads the file named, or the first default file there is; nil where
// there is none.
func readConfig(file string) (text []byte, name string, err error) {
	files := configFiles
	if file != "" {
		files = []string{file}
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if errors.Is(err, os.ErrNotExist) && file == "" {
			continue
		}
		if err != nil {
			return nil, name, fmt.Errorf("-config: %w", err)
		}
		if text == nil {
			text = []byte{}
		}
		return text, name, nil
	}
	return nil, "", nil
}
