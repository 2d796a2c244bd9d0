package definition

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// shape is a mapping with fixed keys.
type shape struct {
	title string // what one of them is called in messages
	doc   string
	keys  []key
}

// key is one key of a shape.
type key struct {
	name string
	form *form
	must bool
	doc  string
	// later: not built yet, except with the value `but`, which asks for nothing.
	later bool
	but   string
}

func (s *shape) key(name string) *key {
	for i := range s.keys {
		if s.keys[i].name == name {
			return &s.keys[i]
		}
	}
	return nil
}

func (s *shape) names() []string {
	var names []string
	for _, k := range s.keys {
		if !k.later {
			names = append(names, k.name)
		}
	}
	slices.Sort(names)
	return names
}

type formKind uint8

const (
	textForm    formKind = iota // any text; matching pattern, if there is one
	wordForm                    // one of words
	spanForm                    // a duration
	integerForm                 // a whole number in [least, most]
	numberForm                  // a number within bounds
	booleanForm                 // true or false
	exprForm                    // text, or a number or boolean taken as text
	listForm                    // a list of item, from least to most of them
	tableForm                   // a mapping from any text to item
	shapeForm                   // a mapping with the keys of shape
	eitherForm                  // a scalar like item, or a mapping like shape
)

// form is what a value may be.
type form struct {
	kind        formKind
	pattern     *regexp.Regexp
	allowed     string // the pattern in words
	blank       bool   // text or an expression may be empty
	words       []string
	later       []string // words that are not built yet
	least, most int
	bounds      bounds // of a number
	item        *form
	shape       *shape
}

// bounds is a range of numbers. An endless one has no upper end; an open one
// does not hold its ends.
type bounds struct {
	lower, upper  float64
	open, endless bool
}

func (b bounds) hold(x float64) bool {
	if b.open && (x == b.lower || x == b.upper) {
		return false
	}
	return x >= b.lower && (b.endless || x <= b.upper)
}

func (b bounds) String() string {
	switch {
	case b.endless:
		return fmt.Sprintf("a number, %v or more", b.lower)
	case b.open:
		return fmt.Sprintf("a number between %v and %v, neither itself", b.lower, b.upper)
	}
	return fmt.Sprintf("a number from %v to %v", b.lower, b.upper)
}

// allows says in words what the form takes.
func (f *form) allows() string {
	switch f.kind {
	case textForm:
		if f.pattern != nil {
			return f.allowed
		}
		return "text (put quotes around it)"
	case wordForm:
		return strings.Join(f.words, ", ")
	case spanForm:
		return "a whole number above 0 and a unit, like 250ms, 30s, 5m, 1h or 7d"
	case integerForm:
		return fmt.Sprintf("a whole number from %d to %d", f.least, f.most)
	case numberForm:
		return f.bounds.String()
	case booleanForm:
		return "true or false"
	case exprForm:
		return "a CEL expression as text"
	case listForm:
		return "a list of " + f.howMany() + f.item.plural()
	case tableForm:
		return "a mapping from text to text"
	case eitherForm:
		return f.item.allows() + ", or a mapping with the keys " + strings.Join(f.shape.names(), ", ")
	}
	return "a mapping with the keys " + strings.Join(f.shape.names(), ", ")
}

// howMany is how many items a list has, if that is bounded.
func (f *form) howMany() string {
	if f.most == 0 {
		return ""
	}
	return fmt.Sprintf("%d to %d ", f.least, f.most)
}

func (f *form) plural() string {
	switch f.kind {
	case numberForm:
		return "numbers, each " + f.bounds.String()
	case shapeForm:
		return "mappings, one for each " + f.shape.title
	case eitherForm:
		return "entries: " + f.allows()
	}
	return "texts"
}

func listOf(item *form) *form         { return &form{kind: listForm, item: item} }
func mappingOf(s *shape) *form        { return &form{kind: shapeForm, shape: s} }
func whole(least, most int) *form     { return &form{kind: integerForm, least: least, most: most} }
func number(b bounds) *form           { return &form{kind: numberForm, bounds: b} }
func oneOf(words ...string) *form     { return &form{kind: wordForm, words: words} }
func (f *form) but(w ...string) *form { f.later = w; return f }

// numbers is a list of least to most different numbers.
func numbers(least, most int, b bounds) *form {
	return &form{kind: listForm, item: number(b), least: least, most: most}
}

func matching(pattern, allowed string) *form {
	return &form{kind: textForm, pattern: regexp.MustCompile(pattern), allowed: allowed}
}
