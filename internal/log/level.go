package log

import (
	"fmt"
	"strings"
	"sync/atomic"
)

// The levels, with slog's numbers.
const (
	debug   = -4
	info    = 0
	warn    = 4
	failure = 8
)

var levelNames = map[int32]string{debug: "DEBUG", info: "INFO", warn: "WARN", failure: "ERROR"}

// Level is the least level that is logged, and a flag.Value. The zero value is
// info. Safe for concurrent use.
type Level struct{ v atomic.Int32 }

// Set takes a level by name, in capitals or not.
func (l *Level) Set(name string) error {
	for level, s := range levelNames {
		if strings.EqualFold(s, name) {
			l.v.Store(level)
			return nil
		}
	}
	return fmt.Errorf("%q is not one of debug, info, warn, error", name)
}

// Adopt takes the level of another.
func (l *Level) Adopt(other *Level) { l.v.Store(other.v.Load()) }

func (l *Level) String() string { return strings.ToLower(levelNames[l.v.Load()]) }
