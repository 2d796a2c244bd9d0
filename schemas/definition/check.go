package definition

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"anabranch.dev/anabranch/schemas/stamp"
)

// checker holds the problems found so far.
type checker struct {
	problems Problems
}

// report adds a problem at a node's place.
func (c *checker) report(n *node, found, allowed, near string) {
	c.problems = append(c.problems, Problem{File: n.file, Line: n.line, Found: found, Allowed: allowed, Nearest: near})
}

// check reports what in n is not as the form wants it, and marks those nodes
// bad. what names n in messages.
func (c *checker) check(n *node, f *form, what string) {
	empty := n.kind == scalarNode && n.tag == "nothing"
	switch f.kind {
	case listForm:
		c.list(n, f, what, empty)
	case tableForm:
		c.table(n, f, what, empty)
	case shapeForm:
		c.mapping(n, f, what)
	case eitherForm:
		if n.kind == scalarNode {
			c.check(n, f.item, what)
		} else {
			c.mapping(n, f, what)
		}
	default:
		c.scalar(n, f, what)
	}
}

func (c *checker) wrong(n *node, f *form, what string) {
	n.bad = true
	c.report(n, what+" is "+n.describe(), f.allows(), "")
}

func (c *checker) list(n *node, f *form, what string, empty bool) {
	switch {
	case empty && f.least > 0, !empty && n.kind != listNode:
		c.wrong(n, f, what)
	case empty:
		n.kind = listNode
	default:
		for i, item := range n.vals {
			c.check(item, f.item, entry(item, f.item, what, i))
		}
		c.members(n, f, what)
	}
}

// members checks how many items a bounded list has, and that no number is
// there twice.
func (c *checker) members(n *node, f *form, what string) {
	if f.most > 0 && (len(n.vals) < f.least || len(n.vals) > f.most) {
		n.bad = true
		c.report(n, fmt.Sprintf("%s has %d items", what, len(n.vals)), f.allows(), "")
		return
	}
	seen := map[float64]bool{}
	for _, item := range n.vals {
		if f.item.kind != numberForm || item.bad {
			continue
		}
		x, _ := parseNumber(item.text)
		if seen[x] {
			item.bad = true
			c.report(item, fmt.Sprintf("%s of %s is there twice", item.text, what), "each number once", "")
		}
		seen[x] = true
	}
}

// entry names one item of a list: by its own name if it has one.
func entry(n *node, f *form, what string, i int) string {
	if f.shape != nil {
		if name := n.string("name"); name != "" {
			return f.shape.title + " " + quote(name)
		}
	}
	return fmt.Sprintf("entry %d of %s", i+1, what)
}

func (c *checker) table(n *node, f *form, what string, empty bool) {
	switch {
	case empty:
		n.kind = mappingNode
	case n.kind != mappingNode:
		c.wrong(n, f, what)
	default:
		c.duplicates(n, what)
		for i, v := range n.vals {
			c.check(v, f.item, quote(n.keys[i].text)+" of "+what)
		}
	}
}

// duplicates reports keys that are no text, empty, or there twice.
func (c *checker) duplicates(n *node, what string) {
	seen := map[string]*node{}
	for _, k := range n.keys {
		if k.kind != scalarNode || k.text == "" {
			c.report(k, "a key of "+what+" is "+k.describe(), "text", "")
			continue
		}
		if first := seen[k.text]; first != nil {
			c.report(k, fmt.Sprintf("key %s of %s is there twice, first on line %d", quote(k.text), what, first.line), "each key once", "")
			continue
		}
		seen[k.text] = k
	}
}

func (c *checker) mapping(n *node, f *form, what string) {
	if n.kind != mappingNode {
		c.wrong(n, f, what)
		return
	}
	c.duplicates(n, what)
	for i, k := range n.keys {
		if k.kind == scalarNode && k.text != "" {
			c.member(k, n.vals[i], f.shape, what)
		}
	}
	for _, k := range f.shape.keys {
		if k.must && n.get(k.name) == nil {
			c.report(n, what+" has no "+k.name, k.form.allows(), "")
		}
	}
}

// member checks one key and its value.
func (c *checker) member(name, v *node, s *shape, what string) {
	k := s.key(name.text)
	switch {
	case k == nil:
		v.bad = true
		c.report(name, fmt.Sprintf("unknown key %s in %s", quote(name.text), what), strings.Join(s.names(), ", "), Nearest(name.text, s.names()))
	case k.later:
		c.later(name, v, k, what)
	default:
		c.check(v, k.form, k.name+" of "+what)
	}
}

func (c *checker) later(name, v *node, k *key, what string) {
	if k.but != "" && v.kind == scalarNode && v.text == k.but {
		return
	}
	v.bad = true
	allowed := "nothing: leave it out"
	if k.but != "" {
		allowed = k.but
	}
	c.report(name, fmt.Sprintf("%s of %s is not built yet", k.name, what), allowed, "")
}

func (c *checker) scalar(n *node, f *form, what string) {
	switch {
	case n.kind != scalarNode, !f.takesTag(n.tag), f.needsText() && strings.TrimSpace(n.text) == "":
		c.wrong(n, f, what)
	case f.kind == wordForm && slices.Contains(f.later, n.text):
		n.bad = true
		c.report(n, fmt.Sprintf("%s: %s is not built yet", what, n.text), f.allows(), "")
	case f.kind == wordForm && !slices.Contains(f.words, n.text):
		n.bad = true
		c.report(n, what+" is "+quote(n.text), f.allows(), Nearest(n.text, f.words))
	case !f.takesText(n.text):
		c.wrong(n, f, what)
	}
}

func (f *form) needsText() bool { return (f.kind == textForm || f.kind == exprForm) && !f.blank }

// takesTag reports whether a scalar of this YAML type fits the form.
func (f *form) takesTag(tag string) bool {
	switch f.kind {
	case integerForm:
		return tag == "integer"
	case numberForm:
		return tag == "integer" || tag == "number"
	case booleanForm:
		return tag == "boolean"
	case exprForm:
		return tag == "text" || tag == "integer" || tag == "number" || tag == "boolean"
	}
	return tag == "text"
}

func (f *form) takesText(s string) bool {
	switch f.kind {
	case integerForm:
		i, err := strconv.Atoi(s)
		return err == nil && i >= f.least && i <= f.most
	case numberForm:
		x, ok := parseNumber(s)
		return ok && f.bounds.hold(x)
	case booleanForm:
		return s == "true" || s == "false"
	case spanForm:
		_, err := stamp.ParseSpan(s)
		return err == nil
	case textForm:
		return f.pattern == nil || len(s) <= f.longest() && f.pattern.MatchString(s)
	}
	return true
}

var decimalNumber = regexp.MustCompile(`^((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$`)

// parseNumber reads a decimal number without sign as the nearest finite float64.
func parseNumber(s string) (float64, bool) {
	if !decimalNumber.MatchString(s) {
		return 0, false
	}
	x, err := strconv.ParseFloat(s, 64)
	return x, err == nil
}

// longest bounds the bytes of a name; a topic leaves room for `.quarantine`.
func (f *form) longest() int {
	switch f {
	case placeName, itemName:
		return 63
	case topicName:
		return 238
	}
	return 4096
}
