package view

import (
	"fmt"
	"iter"
	"runtime"
	"strconv"

	"github.com/netmond/netmond/rtable"
	"github.com/netmond/netmond/rtnl"
)

// Routes yields the routes of a table by its number or name, of all tables for
// "all", of main for "".
func Routes(t *rtable.Table, table string) (iter.Seq[*rtnl.Route], error) {
	switch table {
	case "all":
		return t.Routes(), nil
	case "", "main":
		return t.TableRoutes(rtnl.TableMain), nil
	case "local":
		return t.TableRoutes(rtnl.TableLocal), nil
	case "default":
		return t.TableRoutes(rtnl.TableDefault), nil
	}
	n, err := strconv.ParseUint(table, 0, 32)
	if err != nil {
		return nil, fmt.Errorf("table %q: a number, main, local, default or all", table)
	}
	return t.TableRoutes(uint32(n)), nil
}

// Version is the answer to `netmond version -json`.
type Version struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
	TLS     bool   `json:"tls"`
}

// Build is what the linker knows of this program.
type Build struct {
	Version, Commit string
	TLS             bool
}

// NewVersion says what this program is.
func NewVersion(b Build) Version {
	return Version{Version: b.Version, Commit: b.Commit, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH, TLS: b.TLS}
}
