package definition

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/twmb/avro"

	"anabranch.dev/anabranch/schemas/value"
)

// SchemaFields are the top-level fields of an Avro record schema, with what
// each is to a feature:
//
//	int, long                 Int64, also time-millis and time-micros
//	float, double             Float64
//	string, enum, uuid        String
//	boolean                   Bool
//	bytes, fixed              Bytes
//	date                      Date
//	timestamp-millis, -micros Timestamp
//	decimal (bytes or fixed)  Decimal at its scale, of at most 38 digits
//	array of one of these     List
//	[null, one of these]      the same, Nullable
//
// Any other type is Null: allowed in the schema, refused where a feature wants
// it. Among those are local-timestamp-* (no instant without a zone),
// timestamp-nanos, duration, big-decimal, a uuid on a fixed, maps, records,
// wider unions and arrays whose items may be null. Logical types that Avro does
// not know, or not on that type, are ignored, as Avro wants it.
func SchemaFields(schema string) ([]Field, error) {
	_, fields, err := readSchema([]byte(schema))
	return fields, err
}

// readSchema parses a schema; compact is its JSON without whitespace.
func readSchema(text []byte) (compact string, fields []Field, err error) {
	var b bytes.Buffer
	if !utf8.Valid(text) {
		return "", nil, errors.New("not UTF-8")
	}
	if err := json.Compact(&b, text); err != nil {
		return "", nil, err
	}
	schema, err := avro.Parse(b.String())
	if err != nil {
		return "", nil, err
	}
	root := schema.Root()
	if root.Type != "record" {
		return "", nil, fmt.Errorf("the schema is of type %s, not a record", root.Type)
	}
	names := avroNames{}
	names.collect(root)
	for i := range root.Fields {
		f := Field{Name: root.Fields[i].Name}
		f.Type, f.AvroType, f.Nullable = names.field(&root.Fields[i].Type, root.Namespace)
		f.Millis = f.AvroType == "long.timestamp-millis"
		fields = append(fields, f)
	}
	return b.String(), fields, nil
}

// avroNames are a schema's named types by full name.
type avroNames map[string]*avro.SchemaNode

func (d avroNames) collect(n *avro.SchemaNode) {
	switch n.Type {
	case "record", "error", "enum", "fixed":
		d[fullName(n.Name, n.Namespace)] = n
	}
	for i := range n.Fields {
		d.collect(&n.Fields[i].Type)
	}
	for i := range n.Branches {
		d.collect(&n.Branches[i])
	}
	for _, inner := range []*avro.SchemaNode{n.Items, n.Values} {
		if inner != nil {
			d.collect(inner)
		}
	}
}

func fullName(name, namespace string) string {
	if strings.Contains(name, ".") || namespace == "" {
		return name
	}
	return namespace + "." + name
}

// resolve follows a reference to a named type.
func (d avroNames) resolve(n *avro.SchemaNode, namespace string) *avro.SchemaNode {
	if target := d[fullName(n.Type, namespace)]; target != nil {
		return target
	}
	if target := d[n.Type]; target != nil {
		return target
	}
	return n
}

// field maps the type of a top-level field.
func (d avroNames) field(n *avro.SchemaNode, namespace string) (t value.Type, avroType string, nullable bool) {
	if n.Type == "union" {
		if len(n.Branches) != 2 {
			return value.Type{}, "union", false
		}
		for i, branch := range n.Branches {
			if other := n.Branches[1-i]; branch.Type == "null" && other.Type != "null" {
				t, avroType = d.plain(&other, namespace)
				return t, avroType, true
			}
		}
		return value.Type{}, "union", false
	}
	t, avroType = d.plain(n, namespace)
	return t, avroType, false
}

// plain maps a type that is no union.
func (d avroNames) plain(n *avro.SchemaNode, namespace string) (value.Type, string) {
	n = d.resolve(n, namespace)
	if n.Type == "array" && n.Items != nil {
		elem, name := d.scalar(d.resolve(n.Items, namespace))
		if elem.Kind == value.Null {
			return value.Type{}, "array of " + name
		}
		return value.ListOf(elem), "array of " + name
	}
	return d.scalar(n)
}

// logicalTypes maps each Avro type with a logical type to a kind; Null: no
// feature can use it. Decimals are apart.
var logicalTypes = map[string]value.Kind{
	"int.date":                    value.Date,
	"int.time-millis":             value.Int64,
	"long.time-micros":            value.Int64,
	"long.timestamp-millis":       value.Timestamp,
	"long.timestamp-micros":       value.Timestamp,
	"long.timestamp-nanos":        value.Null,
	"long.local-timestamp-millis": value.Null,
	"long.local-timestamp-micros": value.Null,
	"long.local-timestamp-nanos":  value.Null,
	"string.uuid":                 value.String,
	"fixed.uuid":                  value.Null,
	"fixed.duration":              value.Null,
	"bytes.big-decimal":           value.Null,
}

var plainTypes = map[string]value.Kind{
	"int": value.Int64, "long": value.Int64, "float": value.Float64, "double": value.Float64,
	"string": value.String, "enum": value.String, "boolean": value.Bool, "bytes": value.Bytes, "fixed": value.Bytes,
}

func (d avroNames) scalar(n *avro.SchemaNode) (value.Type, string) {
	name := n.Type + "." + n.LogicalType
	if n.LogicalType == "decimal" && (n.Type == "bytes" || n.Type == "fixed") {
		if n.Precision > value.MaxScale {
			return value.Type{}, name
		}
		return value.Type{Kind: value.Decimal, Scale: int32(n.Scale)}, name
	}
	if kind, ok := logicalTypes[name]; ok {
		return value.Of(kind), name
	}
	return value.Of(plainTypes[n.Type]), n.Type
}

// schemaMeaning is a schema's JSON with sorted keys and without what people
// read: two schemas that say the same to a decoder have the same meaning.
func schemaMeaning(schema string) (string, error) {
	decoder := json.NewDecoder(strings.NewReader(schema))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		return "", errors.New("not JSON: " + err.Error())
	}
	return string(mustJSON(withoutDocs(v))), nil
}

func withoutDocs(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = withoutDocs(v[i])
		}
	case map[string]any:
		delete(v, "doc")
		for k := range v {
			if k != "default" {
				v[k] = withoutDocs(v[k])
			}
		}
	}
	return v
}
