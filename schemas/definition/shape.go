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
	booleanForm                 // true or false
	exprForm                    // text, or a number or boolean taken as text
	listForm                    // a list of item
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
	item        *form
	shape       *shape
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
	case booleanForm:
		return "true or false"
	case exprForm:
		return "a CEL expression as text"
	case listForm:
		return "a list of " + f.item.plural()
	case tableForm:
		return "a mapping from text to text"
	case eitherForm:
		return f.item.allows() + ", or a mapping with the keys " + strings.Join(f.shape.names(), ", ")
	}
	return "a mapping with the keys " + strings.Join(f.shape.names(), ", ")
}

func (f *form) plural() string {
	switch f.kind {
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
func oneOf(words ...string) *form     { return &form{kind: wordForm, words: words} }
func (f *form) but(w ...string) *form { f.later = w; return f }

func matching(pattern, allowed string) *form {
	return &form{kind: textForm, pattern: regexp.MustCompile(pattern), allowed: allowed}
}
