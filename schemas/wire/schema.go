package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/twmb/avro"
)

// kind is an Avro type.
type kind uint8

const (
	kindNull kind = iota
	kindBoolean
	kindInt
	kindLong
	kindFloat
	kindDouble
	kindBytes
	kindString
	kindFixed
	kindEnum
	kindArray
	kindMap
	kindRecord
	kindUnion
)

var kindNames = [...]string{"null", "boolean", "int", "long", "float", "double", "bytes", "string", "fixed", "enum", "array", "map", "record", "union"}

func (k kind) String() string { return kindNames[k] }

// node is one type of a parsed schema. Named types are shared, so a recursive
// schema is a graph.
type node struct {
	kind        kind
	name        string // fixed, enum, record: the full name
	logical     string
	unit        int64 // how it counts time, see timeUnit
	precision   int   // decimal
	scale       int   // decimal
	size        int   // fixed
	symbols     []string
	enumDefault string
	hasDefault  bool    // enum
	elem        *node   // array, map
	branches    []*node // union
	fields      []field // record
}

type field struct {
	name       string
	aliases    []string
	typ        *node
	def        any
	hasDefault bool
}

// schema is a parsed Avro schema: the graph to compile and the library's own
// form, which judges compatibility.
type schema struct {
	root *node
	avro *avro.Schema
}

func parseSchema(text string) (*schema, error) {
	parsed, err := avro.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("avro schema: %w", err)
	}
	b := builder{named: map[string]*node{}}
	root := b.build(parsed.Root())
	for _, link := range b.links {
		*link.at = b.named[link.name]
		if *link.at == nil {
			return nil, fmt.Errorf("avro schema: unknown type %q", link.name)
		}
	}
	return &schema{root: root, avro: parsed}, nil
}

// parseRecord is parseSchema for the schema of an event.
func parseRecord(text string) (*schema, error) {
	s, err := parseSchema(text)
	if err == nil && s.root.kind != kindRecord {
		return nil, fmt.Errorf("avro schema: found %s, want a record", s.root.kind)
	}
	return s, err
}

// builder turns the library's tree into a graph. A reference by name may
// precede its definition, so references are linked last.
type builder struct {
	named map[string]*node
	links []link
}

type link struct {
	at   **node
	name string
}

func (b *builder) build(s *avro.SchemaNode) *node {
	n := &node{logical: s.LogicalType, unit: timeUnit(s.LogicalType), precision: s.Precision, scale: s.Scale, size: s.Size,
		symbols: s.Symbols, enumDefault: s.EnumDefault, hasDefault: s.HasEnumDefault}
	switch s.Type {
	case "record", "error":
		n.kind = kindRecord
		b.define(n, s)
		b.fields(n, s)
	case "array":
		n.kind = kindArray
		b.ref(&n.elem, s.Items)
	case "map":
		n.kind = kindMap
		b.ref(&n.elem, s.Values)
	case "union":
		n.kind = kindUnion
		n.branches = make([]*node, len(s.Branches))
		for i := range s.Branches {
			b.ref(&n.branches[i], &s.Branches[i])
		}
	case "enum":
		n.kind = kindEnum
		b.define(n, s)
	case "fixed":
		n.kind = kindFixed
		b.define(n, s)
	default:
		n.kind = primitive(s.Type)
	}
	return n
}

func (b *builder) define(n *node, s *avro.SchemaNode) {
	n.name = s.Name
	if s.Namespace != "" {
		n.name = s.Namespace + "." + s.Name
	}
	b.named[n.name] = n
}

func (b *builder) fields(n *node, s *avro.SchemaNode) {
	n.fields = make([]field, len(s.Fields))
	for i := range s.Fields {
		f := &s.Fields[i]
		n.fields[i] = field{name: f.Name, aliases: f.Aliases, def: f.Default, hasDefault: f.HasDefault}
		b.ref(&n.fields[i].typ, &f.Type)
	}
}

// ref stores the node of s at dst, now or, for a reference by name, at the end.
func (b *builder) ref(dst **node, s *avro.SchemaNode) {
	if isType(s.Type) {
		*dst = b.build(s)
		return
	}
	b.links = append(b.links, link{dst, s.Type})
}

func isType(name string) bool {
	if name == "error" {
		return true
	}
	for _, k := range kindNames {
		if k == name {
			return true
		}
	}
	return false
}

func primitive(name string) kind {
	for k := kindNull; k <= kindString; k++ {
		if kindNames[k] == name {
			return k
		}
	}
	panic("BUG: avro type " + name)
}

// some is the type of n's values that are not null: itself, or the other
// branch of a union of null and one type.
func (n *node) some() *node {
	if n.kind != kindUnion || len(n.branches) != 2 {
		return n
	}
	for i, b := range n.branches {
		if b.kind == kindNull {
			return n.branches[1-i]
		}
	}
	return n
}

// null is the index of a union's null branch, or -1.
func (n *node) null() int {
	for i, b := range n.branches {
		if b.kind == kindNull {
			return i
		}
	}
	return -1
}

// timeUnit says how a long of a logical type counts time: as so many
// microseconds, or (negative) so many of it make one. 0: it does not.
func timeUnit(logical string) int64 {
	switch logical {
	case "timestamp-millis", "local-timestamp-millis":
		return 1000
	case "timestamp-micros", "local-timestamp-micros":
		return 1
	case "timestamp-nanos", "local-timestamp-nanos":
		return -1000
	}
	return 0
}

// String is the type for messages, like long (timestamp-millis).
func (n *node) String() string {
	s := n.kind.String()
	if n.name != "" {
		s += " " + n.name
	}
	if n.logical != "" {
		s += " (" + n.logical + ")"
	}
	return s
}

// empty reports whether a value of n takes no bytes at all.
func (n *node) empty() bool { return n.emptyWithin(maxDepth) }

func (n *node) emptyWithin(depth int) bool {
	switch n.kind {
	case kindNull:
		return true
	case kindFixed:
		return n.size == 0
	case kindRecord:
		for i := range n.fields {
			if depth == 0 || !n.fields[i].typ.emptyWithin(depth-1) {
				return false
			}
		}
		return true
	}
	return false
}

// CanonicalSchema is an Avro schema's JSON without white space between tokens
// and otherwise as it was written. Text that is not an Avro schema is an error.
func CanonicalSchema(text string) (string, error) {
	if !utf8.ValidString(text) {
		return "", fmt.Errorf("avro schema: not UTF-8")
	}
	if _, err := parseSchema(text); err != nil {
		return "", err
	}
	var out bytes.Buffer
	if err := json.Compact(&out, []byte(text)); err != nil {
		return "", fmt.Errorf("avro schema: %w", err)
	}
	return out.String(), nil
}

// Compatible says why data written with the schema writer cannot be read as
// reader, or nil. It is schema resolution as Avro specifies it, strictly: each
// branch and symbol of the writer needs a place in the reader.
func Compatible(writer, reader string) error {
	w, err := avro.Parse(writer)
	if err != nil {
		return fmt.Errorf("writer's avro schema: %w", err)
	}
	r, err := avro.Parse(reader)
	if err != nil {
		return fmt.Errorf("reader's avro schema: %w", err)
	}
	return avro.CheckCompatibility(w, r)
}
