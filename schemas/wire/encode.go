package wire

import (
	"encoding/json"
	"fmt"
	"math"
	"sort"
	"strings"
	"time"

	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// encode appends v, as decoded from JSON or as plain Go values, as a value of
// n. After an error dst is as long as before.
func encode(dst []byte, n *node, v any) ([]byte, error) {
	switch n.kind {
	case kindUnion:
		return encodeUnion(dst, n, v)
	case kindRecord:
		if m, ok := v.(map[string]any); ok {
			return encodeRecord(dst, n, m)
		}
	case kindArray:
		if items, ok := v.([]any); ok {
			return encodeArray(dst, n, items)
		}
	case kindMap:
		if m, ok := v.(map[string]any); ok {
			return encodeMap(dst, n, m)
		}
	default:
		x, err := scalar(n, v)
		if err != nil {
			return dst, err
		}
		return appendScalar(dst, n, x)
	}
	return dst, fmt.Errorf("found %s, want %s", spell(v), n.want())
}

// scalar is v as a value: a number keeps its text, for the type to read.
func scalar(n *node, v any) (value.Value, error) {
	switch x := v.(type) {
	case nil:
		return value.Value{}, nil
	case bool:
		return value.BoolOf(x), nil
	case string:
		return value.Text(x), nil
	case []byte:
		return value.Raw(x), nil
	case json.Number:
		if !n.numeric() {
			return value.Value{}, fmt.Errorf("found the number %s, want %s", clip(string(x)), n.want())
		}
		return value.Text(string(x)), nil
	case float64:
		return float(n, x)
	case float32:
		return float(n, float64(x))
	case int64:
		return value.Int(x), nil
	case int32:
		return value.Int(int64(x)), nil
	case int:
		return value.Int(int64(x)), nil
	case time.Time:
		return value.Time(stamp.FromTime(x)), nil
	case value.Value:
		return x, nil
	}
	return value.Value{}, fmt.Errorf("found %s, want %s", spell(v), n.want())
}

// float is a Go float: for a whole-number type, the number it stands for.
func float(n *node, f float64) (value.Value, error) {
	switch {
	case f-f != 0:
		return value.Value{}, fmt.Errorf("found %v, want a finite number", f)
	case (n.kind == kindInt || n.kind == kindLong) && f == math.Trunc(f) && math.Abs(f) < 1<<63:
		return value.Int(int64(f)), nil
	}
	return value.Float(f), nil
}

func (n *node) numeric() bool {
	switch n.kind {
	case kindInt, kindLong, kindFloat, kindDouble:
		return true
	case kindBytes, kindFixed:
		return n.logical == "decimal"
	}
	return false
}

func encodeRecord(dst []byte, n *node, m map[string]any) ([]byte, error) {
	out, used := dst, 0
	for i := range n.fields {
		f := &n.fields[i]
		v, ok := m[f.name]
		if ok {
			used++
		}
		var err error
		if out, err = encodeField(out, f, v, ok); err != nil {
			return dst, fmt.Errorf("field %s: %w", f.name, err)
		}
	}
	if used < len(m) {
		return dst, unknownField(n, m)
	}
	return out, nil
}

// encodeField appends a field: the value given, else the default, else null.
func encodeField(dst []byte, f *field, v any, given bool) ([]byte, error) {
	switch {
	case given:
		return encode(dst, f.typ, v)
	case f.hasDefault:
		return encode(dst, f.typ, f.def)
	case f.typ.kind == kindUnion && f.typ.null() >= 0, f.typ.kind == kindNull:
		return encode(dst, f.typ, nil)
	}
	return dst, fmt.Errorf("missing, want %s", f.typ.want())
}

func unknownField(n *node, m map[string]any) error {
	known := make([]string, len(n.fields))
	for i := range n.fields {
		known[i] = n.fields[i].name
	}
	var unknown []string
	for name := range m {
		if !contains(known, name) {
			unknown = append(unknown, name)
		}
	}
	sort.Strings(unknown)
	return fmt.Errorf("field %s: not in the schema%s; all are %s", unknown[0], definition.Hint(unknown[0], known), clip(strings.Join(known, ", ")))
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func encodeArray(dst []byte, n *node, items []any) ([]byte, error) {
	out := dst
	if len(items) > 0 {
		out = appendLong(out, int64(len(items)))
	}
	for i, v := range items {
		var err error
		if out, err = encode(out, n.elem, v); err != nil {
			return dst, fmt.Errorf("item %d: %w", i, err)
		}
	}
	return append(out, 0), nil
}

// encodeMap appends a map in the order of its keys, so that equal maps have
// equal bytes.
func encodeMap(dst []byte, n *node, m map[string]any) ([]byte, error) {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	out := dst
	if len(keys) > 0 {
		out = appendLong(out, int64(len(keys)))
	}
	for _, k := range keys {
		var err error
		if out, err = appendScalar(out, &node{kind: kindString}, value.Text(k)); err == nil {
			out, err = encode(out, n.elem, m[k])
		}
		if err != nil {
			return dst, fmt.Errorf("key %q: %w", clip(k), err)
		}
	}
	return append(out, 0), nil
}

// spell names a Go value for a message.
func spell(v any) string {
	switch x := v.(type) {
	case nil:
		return "null"
	case map[string]any:
		return "an object"
	case []any:
		return "an array"
	case string:
		return fmt.Sprintf("%q", clip(x))
	}
	return clip(fmt.Sprint(v))
}
