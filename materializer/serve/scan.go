package serve

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// maxDepth bounds how deep a request may nest.
const maxDepth = 32

// scanner walks one JSON text (RFC 8259) without building it. It accepts what
// encoding/json accepts, except for text that is not UTF-8 and nesting beyond
// maxDepth.
type scanner struct {
	b     []byte
	at    int
	depth int
}

func (s *scanner) fail(want string) error {
	if s.at >= len(s.b) {
		return fmt.Errorf("JSON ends at byte %d, want %s", s.at, want)
	}
	return fmt.Errorf("JSON at byte %d: found %q, want %s", s.at, s.b[s.at], want)
}

func (s *scanner) space() {
	for s.at < len(s.b) {
		switch s.b[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

// peek is the next byte after space, or 0 at the end.
func (s *scanner) peek() byte {
	s.space()
	if s.at < len(s.b) {
		return s.b[s.at]
	}
	return 0
}

// end reports an error if anything but space is left.
func (s *scanner) end() error {
	if s.peek() != 0 || s.at < len(s.b) {
		return s.fail("nothing more")
	}
	return nil
}

// object calls each with every member's name and raw value.
func (s *scanner) object(each func(name, raw []byte) error) error {
	if s.peek() != '{' {
		return s.fail("an object")
	}
	if s.depth++; s.depth > maxDepth {
		return errors.New("JSON nests too deep")
	}
	s.at++
	for first := true; ; first = false {
		c := s.peek()
		if first && c == '}' {
			break
		}
		if c != '"' {
			return s.fail("a name in quotes")
		}
		quoted, err := s.value()
		if err != nil {
			return err
		}
		if s.peek() != ':' {
			return s.fail("a colon")
		}
		s.at++
		raw, err := s.value()
		if err != nil {
			return err
		}
		name, err := unquoted(quoted)
		if err != nil {
			return err
		}
		if err := each(name, raw); err != nil {
			return err
		}
		if c = s.peek(); c == '}' {
			break
		}
		if c != ',' {
			return s.fail("a comma or }")
		}
		s.at++
	}
	s.at++
	s.depth--
	return nil
}

// array calls each with every item's raw value.
func (s *scanner) array(each func(raw []byte) error) error {
	if s.peek() != '[' {
		return s.fail("an array")
	}
	if s.depth++; s.depth > maxDepth {
		return errors.New("JSON nests too deep")
	}
	s.at++
	for first := true; ; first = false {
		c := s.peek()
		if first && c == ']' {
			break
		}
		raw, err := s.value()
		if err != nil {
			return err
		}
		if err := each(raw); err != nil {
			return err
		}
		if c = s.peek(); c == ']' {
			break
		}
		if c != ',' {
			return s.fail("a comma or ]")
		}
		s.at++
	}
	s.at++
	s.depth--
	return nil
}

// value walks one value and returns its text.
func (s *scanner) value() ([]byte, error) {
	var err error
	c := s.peek()
	from := s.at
	switch {
	case c == '{':
		err = s.object(func(_, _ []byte) error { return nil })
	case c == '[':
		err = s.array(func([]byte) error { return nil })
	case c == '"':
		err = s.text()
	case c == '-' || c >= '0' && c <= '9':
		err = s.number()
	case c == 't':
		err = s.word("true")
	case c == 'f':
		err = s.word("false")
	case c == 'n':
		err = s.word("null")
	default:
		err = s.fail("a value")
	}
	return s.b[from:s.at], err
}

func (s *scanner) word(w string) error {
	if !bytes.HasPrefix(s.b[s.at:], []byte(w)) {
		return s.fail(w)
	}
	s.at += len(w)
	return nil
}

func (s *scanner) digits() bool {
	from := s.at
	for s.at < len(s.b) && s.b[s.at] >= '0' && s.b[s.at] <= '9' {
		s.at++
	}
	return s.at > from
}

func (s *scanner) is(c byte) bool {
	if s.at < len(s.b) && s.b[s.at] == c {
		s.at++
		return true
	}
	return false
}

func (s *scanner) number() error {
	s.is('-')
	if !s.is('0') && !s.digits() {
		return s.fail("a digit")
	}
	if s.is('.') && !s.digits() {
		return s.fail("a digit")
	}
	if s.is('e') || s.is('E') {
		_ = s.is('+') || s.is('-')
		if !s.digits() {
			return s.fail("a digit")
		}
	}
	return nil
}

func (s *scanner) text() error {
	from := s.at
	s.at++
	plain := true
	for s.at < len(s.b) {
		switch c := s.b[s.at]; {
		case c == '"':
			s.at++
			if !plain && !utf8.Valid(s.b[from:s.at]) {
				return fmt.Errorf("JSON at byte %d: text is not UTF-8", from)
			}
			return nil
		case c == '\\':
			if err := s.escape(); err != nil {
				return err
			}
		case c < 0x20:
			return s.fail("an escape for a control character")
		default:
			plain = plain && c < utf8.RuneSelf
			s.at++
		}
	}
	return s.fail("a closing quote")
}

func (s *scanner) escape() error {
	s.at++
	if s.at >= len(s.b) {
		return s.fail("an escape")
	}
	switch s.b[s.at] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.at++
		return nil
	case 'u':
		s.at++
		for range 4 {
			if s.at >= len(s.b) || !isHex(s.b[s.at]) {
				return s.fail("four hex digits")
			}
			s.at++
		}
		return nil
	}
	return s.fail("an escape")
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// isText reports whether raw is a JSON string.
func isText(raw []byte) bool { return len(raw) > 1 && raw[0] == '"' }

// unquoted is the content of a JSON string that the scanner has walked. It
// shares raw where nothing is escaped.
func unquoted(raw []byte) ([]byte, error) {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1], nil
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return nil, fmt.Errorf("text %s: %w", raw, err)
	}
	return []byte(text), nil
}
