package board

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A State is what the device's connectivity comes to, for one LED.
type State uint8

const (
	Offline State = iota + 1 // off
	Portal                   // blinking: a captive portal asks for a login
	Online                   // on
)

func (s State) String() string {
	switch s {
	case Offline:
		return "offline"
	case Portal:
		return "portal"
	case Online:
		return "online"
	}
	return "State(" + strconv.Itoa(int(s)) + ")"
}

// blink is the time on and the time off while Portal, in milliseconds: slow enough not
// to be taken for traffic, fast enough to be seen as blinking. The kernel does it.
const blink = 500

// An LED is one under /sys/class/leds, driven as the kernel's
// Documentation/ABI/testing/sysfs-class-led says. Nil is usable and shows nothing.
// For one goroutine.
type LED struct {
	dir   string
	shown State // what Set last wrote in full; 0 is unknown
}

// OpenLED returns the LED of that name in class, which is "/sys/class/leds" on a
// device. The error for a name that is not there says which are.
func OpenLED(class, name string) (*LED, error) {
	if name == "" || name == "." || name == ".." || strings.Contains(name, "/") {
		return nil, fmt.Errorf("board: led %q: not a name of an LED", name)
	}
	dir := filepath.Join(class, name)
	_, err := os.Stat(filepath.Join(dir, "brightness"))
	switch {
	case err == nil:
		return &LED{dir: dir}, nil
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("board: led %s: %w", name, err)
	}
	names, _ := namesIn(class)
	if len(names) == 0 {
		return nil, fmt.Errorf("board: led %q: %s has no LED: %w", name, class, fs.ErrNotExist)
	}
	return nil, fmt.Errorf("board: led %q: %s has only %s: %w", name, class, strings.Join(names, ", "), fs.ErrNotExist)
}

// Set shows a state. It writes only where the state is another than before, or
// where the write before failed.
func (l *LED) Set(s State) error {
	if l == nil || s == l.shown {
		return nil
	}
	l.shown = 0
	var err error
	switch s {
	case Offline:
		err = l.steady("0")
	case Online:
		err = l.steady(l.brightest())
	case Portal:
		err = l.blinking()
	default:
		return fmt.Errorf("board: led %s: no state %v", filepath.Base(l.dir), s)
	}
	if err != nil {
		return fmt.Errorf("board: led %s: %w", filepath.Base(l.dir), err)
	}
	l.shown = s
	return nil
}

// steady takes the LED from whatever drove it, then lights it or not. In this
// order: a trigger that goes turns the LED off (led_trigger_set).
func (l *LED) steady(brightness string) error {
	return errors.Join(l.write("trigger", "none"), l.write("brightness", brightness))
}

func (l *LED) blinking() error {
	if err := l.write("trigger", "timer"); err != nil {
		// EINVAL where the kernel has no such trigger.
		return fmt.Errorf("%w (blinking needs the kernel's ledtrig-timer)", err)
	}
	ms := strconv.Itoa(blink)
	return errors.Join(l.write("delay_on", ms), l.write("delay_off", ms))
}

// brightest is what max_brightness says; 1 where it says nothing, which is right for
// an LED that can only be on or off.
func (l *LED) brightest() string {
	b, err := os.ReadFile(filepath.Join(l.dir, "max_brightness"))
	if err != nil {
		return "1"
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 31)
	if err != nil || n == 0 {
		return "1"
	}
	return strconv.FormatUint(n, 10)
}

// write writes an attribute, which must be there: sysfs creates none.
func (l *LED) write(attribute, value string) error {
	f, err := os.OpenFile(filepath.Join(l.dir, attribute), os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}
