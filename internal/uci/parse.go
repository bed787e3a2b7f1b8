package uci

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// MaxSize is the longest text that Parse takes, in bytes. A text of nothing but
// `c a` lines allocates 120 times its size: with a megabyte allowed, a wrong file
// in the right place would take all memory of a small router. A hundred
// exclusions are 3 KiB.
const MaxSize = 64 << 10

// An Error says where a text is not UCI.
type Error struct {
	File string // as given to Parse
	Line int    // from 1; 0 where no one line is at fault
	Err  error  // what is wrong
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("uci: %s: %v", e.File, e.Err)
	}
	return fmt.Sprintf("uci: %s:%d: %v", e.File, e.Line, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Parse reads the text of one file. The name is for messages and for Package.Name.
// The first error ends it, as libuci in its strict mode, which is the default; the
// error is an *Error. Two things are refused that libuci takes: a text above
// MaxSize, and a NUL byte, at which libuci loses the rest of the line.
func Parse(name string, text []byte) (*Package, error) {
	if len(text) > MaxSize {
		return nil, &Error{name, 0, fmt.Errorf("%d bytes, of at most %d", len(text), MaxSize)}
	}
	if i := bytes.IndexByte(text, 0); i >= 0 {
		return nil, &Error{name, 1 + bytes.Count(text[:i], []byte{'\n'}), errors.New("NUL byte")}
	}
	p := parser{
		scanner:  scanner{text: text},
		pkg:      &Package{Name: name},
		sections: make(map[string]int),
		options:  make(map[optionKey]int),
	}
	for p.fetch() {
		if err := p.commands(); err != nil {
			return nil, &Error{name, p.line, err}
		}
	}
	return p.pkg, nil
}

type parser struct {
	scanner
	pkg      *Package
	current  int               // index of the open section; meaningless while there is none
	sections map[string]int    // first section of each name
	options  map[optionKey]int // place of an option in its section
}

type optionKey struct {
	section int
	name    string
}

// commands runs the commands of one line; a quoted or continued word may
// make it several.
func (p *parser) commands() error {
	p.space()
	for {
		var err error
		switch word := p.keyword(); {
		case word == "" || word[0] == '#':
			p.drop()
			return nil
		case word == "package" || word == "p":
			err = p.packageCommand()
		case word == "config" || word == "c":
			err = p.configCommand()
		case word == "option" || word == "o":
			err = p.optionCommand(false)
		case word == "list" || word == "l":
			err = p.optionCommand(true)
		default:
			return fmt.Errorf("command %.32q is none of package, config, option, list",
				strings.TrimRight(word, "\r\n"))
		}
		if err != nil {
			return err
		}
	}
}

// packageCommand checks the line and ignores it: the file's name decides.
func (p *parser) packageCommand() error {
	name, err := p.argument()
	switch {
	case err != nil:
		return err
	case name == "":
		return errShort
	case !isName(strings.ReplaceAll(name, "-", "")):
		return fmt.Errorf("package name %.32q: allowed are letters, digits, _ and -", name)
	}
	return p.endOfCommand()
}

func (p *parser) configCommand() error {
	typ, err := p.argument()
	switch {
	case err != nil:
		return err
	case typ == "":
		return errShort
	case !isType(typ):
		return fmt.Errorf("section type %.32q: only printable ASCII is allowed", typ)
	}
	line := p.line
	name, err := p.argument()
	if err != nil {
		return err
	}
	if err := checkName("section", name); err != nil {
		return err
	}
	if err := p.endOfCommand(); err != nil {
		return err
	}
	anonymous := name == ""
	if anonymous {
		name = madeUpName(len(p.pkg.Sections)+1, typ)
	} else if i, ok := p.sections[name]; ok {
		if before := p.pkg.Sections[i]; before.Type != typ {
			return fmt.Errorf("section %s is of type %.32q since line %d, not %.32q", name, before.Type, before.Line, typ)
		}
		p.current = i
		return nil
	}
	p.current = len(p.pkg.Sections)
	if _, ok := p.sections[name]; !ok {
		p.sections[name] = p.current
	}
	p.pkg.Sections = append(p.pkg.Sections, Section{Type: typ, Name: name, Anonymous: anonymous, Line: line})
	return nil
}

func (p *parser) optionCommand(list bool) error {
	if len(p.pkg.Sections) == 0 {
		return errors.New("option before the first section; start one with: config TYPE 'NAME'")
	}
	name, err := p.argument()
	if err != nil {
		return err
	}
	if name == "" {
		return errShort
	}
	// libuci refuses a dash. Names of flags have some, and off OpenWrt nobody else
	// reads the file.
	if err := checkName("option", strings.ReplaceAll(name, "-", "_")); err != nil {
		return err
	}
	line := p.line
	value, err := p.argument()
	if err != nil {
		return err
	}
	if err := p.endOfCommand(); err != nil {
		return err
	}
	p.set(Option{Name: name, Values: []string{value}, List: list, Line: line})
	return nil
}

// set adds o to the open section. A plain option replaces what had its name, in
// its place, and does nothing where it is empty. A list adds to what had
// its name, a plain option too.
func (p *parser) set(o Option) {
	if !o.List && o.Values[0] == "" {
		return
	}
	s := &p.pkg.Sections[p.current]
	key := optionKey{p.current, o.Name}
	i, ok := p.options[key]
	switch {
	case !ok:
		p.options[key] = len(s.options)
		s.options = append(s.options, o)
	case o.List:
		s.options[i].Values = append(s.options[i].Values, o.Values[0])
		s.options[i].List = true
		s.options[i].Line = o.Line
	default:
		s.options[i] = o
	}
}

// endOfCommand takes what ends a command, and refuses another argument.
func (p *parser) endOfCommand() error {
	word, err := p.argument()
	if err != nil {
		return err
	}
	if word != "" {
		return fmt.Errorf("%.32q is one argument too many; quote a value that holds white space", word)
	}
	return nil
}

func checkName(what, name string) error {
	if !isName(name) {
		return fmt.Errorf("%s name %.32q: allowed are letters, digits and _", what, name)
	}
	return nil
}

// madeUpName is what libuci calls the nth section of a file, counted from 1, that
// has no name (uci_fixup_section): scripts refer to sections by it.
func madeUpName(n int, typ string) string {
	hash := uint32(5381)
	for i := range len(typ) {
		hash = hash*33 + uint32(typ[i])
	}
	return fmt.Sprintf("cfg%02x%04x", n, hash&0xffff)
}
