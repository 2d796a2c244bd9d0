package registry

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/twmb/avro"
)

// schema is a parsed schema.
type schema struct {
	text   string // compact JSON as it was registered
	normal string // the same for every text of the same schema
	parsed *avro.Schema
}

// parseSchema checks a schema's text and brings it into normal form. A bare
// name such as string counts as its JSON string, as Confluent's registry takes
// it.
func parseSchema(text string) (schema, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return schema{}, errors.New("the schema is empty")
	}
	if primitives[text] {
		text = `"` + text + `"`
	}
	tree, err := parseJSON(text)
	if err != nil {
		return schema{}, fmt.Errorf("not JSON: %w", err)
	}
	parsed, err := avro.Parse(text)
	if err != nil {
		return schema{}, err
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(text)); err != nil {
		return schema{}, fmt.Errorf("not JSON: %w", err)
	}
	return schema{text: compact.String(), normal: encode(normalize(tree, "")), parsed: parsed}, nil
}

// parseJSON keeps numbers as they are written.
func parseJSON(text string) (any, error) {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var tree any
	if err := dec.Decode(&tree); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("more than one value")
	}
	return tree, nil
}

// encode writes members in the order of their names.
func encode(tree any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(tree); err != nil {
		panic("BUG: parsed JSON cannot be written: " + err.Error())
	}
	return strings.TrimSuffix(b.String(), "\n")
}

var primitives = map[string]bool{
	"null": true, "boolean": true, "int": true, "long": true, "float": true, "double": true, "bytes": true, "string": true,
}

// normalize rewrites a type in namespace ns: full names, no namespaces, bare
// primitives. The tree is a schema that avro.Parse has accepted.
func normalize(tree any, ns string) any {
	switch t := tree.(type) {
	case string:
		return fullName(t, ns)
	case []any:
		out := make([]any, len(t))
		for i, branch := range t {
			out[i] = normalize(branch, ns)
		}
		return out
	case map[string]any:
		return normalizeObject(t, ns)
	}
	return tree
}

func normalizeObject(t map[string]any, ns string) any {
	kind, _ := t["type"].(string) // what avro.Parse accepts has one
	if primitives[kind] && len(t) == 1 {
		return kind
	}
	out := make(map[string]any, len(t))
	for k, v := range t {
		out[k] = v
	}
	switch kind {
	case "array":
		out["items"] = normalize(t["items"], ns)
	case "map":
		out["values"] = normalize(t["values"], ns)
	case "record", "error", "enum", "fixed":
		ns = normalizeNamed(out, t, ns)
		if fields, ok := t["fields"].([]any); ok {
			out["fields"] = normalizeFields(fields, ns)
		}
	default:
		out["type"] = fullName(kind, ns)
	}
	return out
}

// normalizeNamed writes the full name and aliases of a named type into out, and
// returns the namespace in which its parts are.
func normalizeNamed(out, t map[string]any, ns string) string {
	name, _ := t["name"].(string)
	if own, ok := t["namespace"].(string); ok && !strings.Contains(name, ".") {
		ns = own
	}
	name = fullName(name, ns)
	out["name"] = name
	delete(out, "namespace")
	ns = ""
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		ns = name[:i]
	}
	if aliases, ok := t["aliases"].([]any); ok {
		full := make([]any, len(aliases))
		for i, a := range aliases {
			full[i] = a
			if s, ok := a.(string); ok {
				full[i] = fullName(s, ns)
			}
		}
		out["aliases"] = full
	}
	return ns
}

func normalizeFields(fields []any, ns string) []any {
	out := make([]any, len(fields))
	for i, f := range fields {
		field, ok := f.(map[string]any)
		if !ok {
			out[i] = f
			continue
		}
		copied := make(map[string]any, len(field))
		for k, v := range field {
			copied[k] = v
		}
		copied["type"] = normalize(field["type"], ns)
		out[i] = copied
	}
	return out
}

// fullName is name in namespace ns, unless it is a primitive or has one.
func fullName(name, ns string) string {
	if ns == "" || primitives[name] || strings.Contains(name, ".") {
		return name
	}
	return ns + "." + name
}
