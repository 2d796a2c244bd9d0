package definition

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// Bounds of one file, so that no file, however it refers to itself, costs more
// than a little time and memory.
const (
	maxNodes = 1 << 20
	maxDepth = 64
)

type nodeKind uint8

const (
	scalarNode nodeKind = iota
	listNode
	mappingNode
)

// node is one value as it was written, from YAML or JSON, with its place.
type node struct {
	file string
	line int
	kind nodeKind
	tag  string // of a scalar: text, integer, number, boolean, nothing, or another word
	text string // of a scalar
	keys []*node
	vals []*node // of a list its items, of a mapping its values
	bad  bool    // reported already: its accessors give nothing
}

// get is the value of a key, or nil. The first of duplicates counts.
func (n *node) get(name string) *node {
	for i, k := range n.keys {
		if k.text == name {
			return n.vals[i]
		}
	}
	return nil
}

// string is the text of a key's scalar, or empty.
func (n *node) string(name string) string {
	if v := n.get(name); v != nil && v.kind == scalarNode && !v.bad {
		return v.text
	}
	return ""
}

// expression is the text of a key's scalar without space around it, or empty.
func (n *node) expression(name string) string { return strings.TrimSpace(n.string(name)) }

// integer is a key's whole number, or absent.
func (n *node) integer(name string, absent int) int {
	if i, err := strconv.Atoi(n.string(name)); err == nil {
		return i
	}
	return absent
}

// number is a key's number, or absent.
func (n *node) number(name string, absent float64) float64 {
	if x, ok := parseNumber(n.string(name)); ok {
		return x
	}
	return absent
}

// numbers are a key's list of numbers, or absent.
func (n *node) numbers(name string, absent []float64) []float64 {
	if n.get(name) == nil {
		return absent
	}
	var list []float64
	for _, item := range n.items(name) {
		x, _ := parseNumber(item.text)
		list = append(list, x)
	}
	return list
}

// items are the values of a key's list that are not reported already.
func (n *node) items(name string) []*node {
	v := n.get(name)
	if v == nil || v.kind != listNode || v.bad {
		return nil
	}
	var good []*node
	for _, item := range v.vals {
		if !item.bad {
			good = append(good, item)
		}
	}
	return good
}

// table is a key's mapping from text to text, nil if it is absent or empty.
func (n *node) table(name string) map[string]string {
	v := n.get(name)
	if v == nil || v.kind != mappingNode || v.bad || len(v.keys) == 0 {
		return nil
	}
	t := make(map[string]string, len(v.keys))
	for i, k := range v.keys {
		if !v.vals[i].bad {
			t[k.text] = v.vals[i].text
		}
	}
	return t
}

// describe says what a node is, for a message.
func (n *node) describe() string {
	switch n.kind {
	case listNode:
		return "a list"
	case mappingNode:
		return "a mapping"
	}
	if n.tag == "nothing" {
		return "empty"
	}
	return n.tag + " " + quote(n.text)
}

// quote prints found text on one line, cut if it is long.
func quote(s string) string {
	if len(s) > 80 {
		s = strings.ToValidUTF8(s[:80], "") + "…"
	}
	return strconv.Quote(s)
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)`)

// readYAML reads all documents of a file.
func readYAML(f File) ([]*node, *Problem) {
	var docs []*node
	budget := maxNodes
	for decoder := yaml.NewDecoder(bytes.NewReader(f.Data)); ; {
		var doc yaml.Node
		switch err := decoder.Decode(&doc); {
		case errors.Is(err, io.EOF):
			return docs, nil
		case err != nil:
			m := yamlLine.FindStringSubmatch(strings.ReplaceAll(err.Error(), "\n", " "))
			if m == nil {
				m = []string{"", "", err.Error()}
			}
			line, _ := strconv.Atoi(m[1])
			return nil, &Problem{File: f.Name, Line: line, Found: "not YAML: " + m[2]}
		}
		n, err := fromYAML(f.Name, &doc, &budget, 0)
		if err != nil {
			return nil, &Problem{File: f.Name, Line: doc.Line, Found: err.Error()}
		}
		docs = append(docs, n)
	}
}

var errTooLarge = fmt.Errorf("more than %d values or %d levels, counting what aliases stand for", maxNodes, maxDepth)

func fromYAML(file string, y *yaml.Node, budget *int, depth int) (*node, error) {
	if *budget--; *budget < 0 || depth > maxDepth {
		return nil, errTooLarge
	}
	switch y.Kind {
	case yaml.DocumentNode:
		return fromYAML(file, y.Content[0], budget, depth+1)
	case yaml.AliasNode:
		return fromYAML(file, y.Alias, budget, depth+1)
	case yaml.ScalarNode:
		return &node{file: file, line: y.Line, tag: yamlTag(y), text: y.Value}, nil
	}
	n := &node{file: file, line: y.Line, kind: listNode}
	if y.Kind == yaml.MappingNode {
		n.kind = mappingNode
	}
	for i, content := range y.Content {
		item, err := fromYAML(file, content, budget, depth+1)
		if err != nil {
			return nil, err
		}
		if n.kind == mappingNode && i%2 == 0 {
			n.keys = append(n.keys, item)
		} else {
			n.vals = append(n.vals, item)
		}
	}
	return n, nil
}

func yamlTag(y *yaml.Node) string {
	switch tag := y.ShortTag(); tag {
	case "!!str":
		return "text"
	case "!!int":
		return "integer"
	case "!!float":
		return "number"
	case "!!bool":
		return "boolean"
	case "!!null":
		return "nothing"
	default:
		return strings.TrimLeft(tag, "!")
	}
}

// readJSON reads one JSON value with nothing after it.
func readJSON(b []byte) (*node, error) {
	decoder := json.NewDecoder(bytes.NewReader(b))
	decoder.UseNumber()
	n, err := fromJSON(decoder, 0)
	if err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more after the end of the JSON value")
	}
	return n, nil
}

func fromJSON(d *json.Decoder, depth int) (*node, error) {
	if depth > maxDepth {
		return nil, errTooLarge
	}
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case string:
		return &node{tag: "text", text: t}, nil
	case json.Number:
		if _, err := strconv.ParseInt(t.String(), 10, 64); err == nil {
			return &node{tag: "integer", text: t.String()}, nil
		}
		return &node{tag: "number", text: t.String()}, nil
	case bool:
		return &node{tag: "boolean", text: strconv.FormatBool(t)}, nil
	case json.Delim:
		return jsonItems(d, t, depth)
	}
	return &node{tag: "nothing"}, nil
}

func jsonItems(d *json.Decoder, open json.Delim, depth int) (*node, error) {
	n := &node{kind: listNode}
	if open == '{' {
		n.kind = mappingNode
	}
	for d.More() {
		item, err := fromJSON(d, depth+1)
		if err != nil {
			return nil, err
		}
		if n.kind == mappingNode && len(n.keys) == len(n.vals) {
			n.keys = append(n.keys, item)
		} else {
			n.vals = append(n.vals, item)
		}
	}
	_, err := d.Token()
	return n, err
}
