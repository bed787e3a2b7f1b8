package board

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// newClass makes a tree like /sys/class/leds with one LED, without the trigger timer's
// attributes where timer is false.
func newClass(t *testing.T, name string, timer bool) (class, dir string) {
	t.Helper()
	class = t.TempDir()
	dir = filepath.Join(class, name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"brightness": "0", "max_brightness": "255\n", "trigger": "[none] timer"}
	if timer {
		files["delay_on"], files["delay_off"] = "", ""
	}
	for name, text := range files {
		writeAttribute(t, dir, name, text)
	}
	return class, dir
}

func TestLED(t *testing.T) {
	class, dir := newClass(t, "green:wan", true)
	led, err := OpenLED(class, "green:wan")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		state State
		want  string
	}{
		{Online, "trigger=none brightness=255"},
		{Portal, "trigger=timer delay_on=500 delay_off=500"},
		{Offline, "trigger=none brightness=0"},
		{Online, "trigger=none brightness=255"},
	} {
		if err := led.Set(tt.state); err != nil {
			t.Fatal(err)
		}
		for _, attribute := range strings.Fields(tt.want) {
			name, want, _ := strings.Cut(attribute, "=")
			if got, err := os.ReadFile(filepath.Join(dir, name)); string(got) != want {
				t.Errorf("%v: %s = %q, %v, want %s", tt.state, name, got, err, want)
			}
		}
	}
}

func TestLEDWritesOnlyOnChange(t *testing.T) {
	class, dir := newClass(t, "led", true)
	led, err := OpenLED(class, "led")
	if err != nil {
		t.Fatal(err)
	}
	if err := led.Set(Online); err != nil {
		t.Fatal(err)
	}
	writeAttribute(t, dir, "brightness", "operator")
	if err := led.Set(Online); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(filepath.Join(dir, "brightness")); string(got) != "operator" {
		t.Errorf("brightness = %s, written again without a change", got)
	}
}

func TestLEDTriesAgainAfterAFailure(t *testing.T) {
	class, dir := newClass(t, "led", false)
	led, err := OpenLED(class, "led")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := led.Set(Portal); !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), "board: led led: ") {
			t.Errorf("Set(Portal) without delay_on = %v", err)
		}
	}
	writeAttribute(t, dir, "delay_on", "")
	writeAttribute(t, dir, "delay_off", "")
	if err := led.Set(Portal); err != nil {
		t.Errorf("Set(Portal) with delay_on = %v", err)
	}
}

func TestLEDWithoutTimerTrigger(t *testing.T) {
	class, dir := newClass(t, "led", false)
	led, err := OpenLED(class, "led")
	if err != nil {
		t.Fatal(err)
	}
	os.Remove(filepath.Join(dir, "trigger"))
	if err := led.Set(Portal); err == nil || !strings.Contains(err.Error(), "ledtrig-timer") {
		t.Errorf("Set(Portal) = %v, want a word on ledtrig-timer", err)
	}
}

func TestLEDBrightness(t *testing.T) {
	for text, want := range map[string]string{"1\n": "1", "255": "255", "0": "1", "": "1", "bright": "1", "-1": "1"} {
		class, dir := newClass(t, "led", true)
		writeAttribute(t, dir, "max_brightness", text)
		led, err := OpenLED(class, "led")
		if err != nil {
			t.Fatal(err)
		}
		if err := led.Set(Online); err != nil {
			t.Fatal(err)
		}
		if got, _ := os.ReadFile(filepath.Join(dir, "brightness")); string(got) != want {
			t.Errorf("max_brightness %q: brightness = %s, want %s", text, got, want)
		}
	}
}

func TestOpenLEDError(t *testing.T) {
	class, _ := newClass(t, "green:wan", true)
	for _, tt := range []struct{ class, name, want string }{
		{class, "red:wan", `board: led "red:wan": ` + class + ` has only green:wan: file does not exist`},
		{t.TempDir(), "red:wan", `has no LED: file does not exist`},
		{class, "", `board: led "": not a name`},
		{class, "..", `board: led "..": not a name`},
		{class, "../leds/green:wan", `not a name`},
	} {
		if led, err := OpenLED(tt.class, tt.name); led != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("OpenLED(%s) = %v, %v, want %s", tt.name, led, err, tt.want)
		}
	}
}

func TestNilLED(t *testing.T) {
	var led *LED
	if err := led.Set(Online); err != nil {
		t.Error(err)
	}
}

func TestLEDRefusesNoState(t *testing.T) {
	class, _ := newClass(t, "led", true)
	led, err := OpenLED(class, "led")
	if err != nil {
		t.Fatal(err)
	}
	if err := led.Set(Online + 1); err == nil || !strings.Contains(err.Error(), "no state State(4)") {
		t.Errorf("Set(State(4)) = %v", err)
	}
}

func writeAttribute(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
