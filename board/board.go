// Package board is what netmond knows of the device it runs on and how it shows
// itself there: the operating system, the model and the init system (Detect),
// readiness and watchdog (Notifier), scripts run on events (Hooks), and an LED.
//
// Nothing else needs it: on a board that it does not know, with no init system to tell
// and no hooks, every part here does nothing. It takes events from a channel
// and imports no other package of netmond.
package board

import "strings"

// Info is what Detect found; what it did not find is empty. The strings are
// printable, trimmed and at most 128 bytes long. Immutable.
type Info struct {
	// System is the kind of system, where netmond knows it: "openwrt", "yocto",
	// "debian".
	System string `json:"system,omitempty"`

	// OS is the name that the system gives itself, "OpenWrt"; Version is its
	// release, "24.10.2".
	OS      string `json:"os,omitempty"`
	Version string `json:"version,omitempty"`

	// Model is the device's, from OpenWrt's board.json, the device tree or DMI.
	Model string `json:"model,omitempty"`

	// Init is "systemd", "procd", "openrc", "sysvinit" or "busybox".
	Init string `json:"init,omitempty"`

	// Roles are the devices of each network that the board was made with, from
	// OpenWrt's board.json: "wan" to "eth1", "lan" to "lan1", "lan2". What the
	// operator configured since may differ.
	Roles map[string][]string `json:"roles,omitempty"`
}

// String is one line for people: "OpenWrt 24.10.2 on GL.iNet GL-MT6000, procd".
func (i Info) String() string {
	var b strings.Builder
	if i.OS == "" {
		b.WriteString("unknown system")
	} else {
		b.WriteString(i.OS)
	}
	if i.Version != "" {
		b.WriteString(" " + i.Version)
	}
	if i.Model != "" {
		b.WriteString(" on " + i.Model)
	}
	if i.Init != "" {
		b.WriteString(", " + i.Init)
	}
	return b.String()
}
