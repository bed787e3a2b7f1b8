// Package uci reads UCI, the text in which OpenWrt keeps its configuration, the
// way libuci does when it loads one file: https://openwrt.org/docs/guide-user/base-system/uci
// is the outline, libuci's file.c and list.c are the law where it says nothing.
//
//	config netmond 'main'
//		option settle '150ms'
//		list exclude 'tcp:22'
//		list exclude '192.0.2.0/24'
//
// It is read-only and pure: text in, value out. It opens no file, knows nothing
// of /tmp/.uci (only what is committed counts), and does not write UCI.
package uci

import "iter"

// A Package is one configuration file. The zero value has no sections.
// Immutable once parsed, so safe for concurrent use.
type Package struct {
	// Name is what Parse was given. A `package` line does not change it, as
	// it does not for libuci when one file is loaded.
	Name string

	// Sections in the order in which each was first opened.
	Sections []Section
}

// Section returns the first section of that name, or nil.
func (p *Package) Section(name string) *Section {
	for i := range p.Sections {
		if p.Sections[i].Name == name {
			return &p.Sections[i]
		}
	}
	return nil
}

// A Section holds options. Nil and the zero value have none.
type Section struct {
	// Type is the first word after `config`: printable ASCII, never empty.
	Type string

	// Name is the second, or, where there is none, the one that libuci makes
	// up and `uci show` prints: "cfg", the section's number and a hash of its
	// type, in hexadecimal.
	Name      string
	Anonymous bool

	// Line counts from 1, in the file, where the section was first opened.
	Line int

	options []Option
}

// Option returns the value of a plain option, which is never empty: libuci drops
// an option set to nothing. It reports false for an option that is not set and,
// as libuci does, for a list.
func (s *Section) Option(name string) (string, bool) {
	if o := s.find(name); o != nil && !o.List {
		return o.Values[0], true
	}
	return "", false
}

// List returns the elements of a list, which may be empty strings; a plain option
// is a list of one. Nil where name is not set. The slice is the section's own:
// do not change it.
func (s *Section) List(name string) []string {
	if o := s.find(name); o != nil {
		return o.Values
	}
	return nil
}

// Options yields every option and list, in the order in which each was first set.
func (s *Section) Options() iter.Seq[Option] {
	return func(yield func(Option) bool) {
		if s == nil {
			return
		}
		for _, o := range s.options {
			if !yield(o) {
				return
			}
		}
	}
}

func (s *Section) find(name string) *Option {
	if s == nil {
		return nil
	}
	for i := range s.options {
		if s.options[i].Name == name {
			return &s.options[i]
		}
	}
	return nil
}

// An Option is a name with its value or values.
type Option struct {
	Name   string
	Values []string // one for a plain option, one or more for a list; not to be changed
	List   bool

	// Line counts from 1, in the file, where the value that counts was set;
	// for a list, its last element.
	Line int
}

// Bool reads s as OpenWrt's shell functions read a boolean option (get_bool in
// /lib/functions.sh). It reports ok false for any other word, where they would
// take the option's default.
func Bool(s string) (value, ok bool) {
	switch s {
	case "1", "on", "true", "yes", "enabled":
		return true, true
	case "0", "off", "false", "no", "disabled":
		return false, true
	}
	return false, false
}
