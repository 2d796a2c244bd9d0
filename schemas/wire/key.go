package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/value"
)

// AppendKey appends the canonical key text of values, one for each of keys and
// of its type: nothing for no keys; a single key as its plain text (UTF-8,
// decimal, raw bytes); several as a JSON array in declared order without
// spaces, with the fewest escapes and bytes in base64 (FORMAT.md §4.2).
//
//	ParseKey(AppendKey(nil, keys, values), keys) == values
func AppendKey(dst []byte, keys []definition.JoinKey, values []value.Value) []byte {
	switch len(keys) {
	case 0:
		return dst
	case 1:
		return appendPlain(dst, values[0])
	}
	sep := byte('[')
	for i := range keys {
		dst = appendQuoted(append(dst, sep), values[i])
		sep = ','
	}
	return append(dst, ']')
}

func appendPlain(dst []byte, v value.Value) []byte {
	if v.Kind == value.Int64 {
		return strconv.AppendInt(dst, v.N, 10)
	}
	return append(dst, v.B...)
}

func appendQuoted(dst []byte, v value.Value) []byte {
	switch v.Kind {
	case value.Int64:
		return strconv.AppendInt(dst, v.N, 10)
	case value.String:
		return value.AppendString(dst, v.B)
	}
	dst = base64.StdEncoding.AppendEncode(append(dst, '"'), v.B)
	return append(dst, '"')
}

// ParseKey reads canonical key text back into one value for each of keys. Text
// that AppendKey would not have written is an error. The values of a single
// key share the text.
func ParseKey(key []byte, keys []definition.JoinKey) ([]value.Value, error) {
	switch len(keys) {
	case 0:
		if len(key) > 0 {
			return nil, fmt.Errorf("key %q: want an empty key, the entity has no join keys", key)
		}
		return nil, nil
	case 1:
		v, err := parsePlain(key, keys[0].Type)
		if err != nil {
			return nil, fmt.Errorf("key %q: %s: %w", key, keys[0].Name, err)
		}
		return []value.Value{v}, nil
	}
	return parseArray(key, keys)
}

func parsePlain(text []byte, k value.Kind) (value.Value, error) {
	switch k {
	case value.Int64:
		n, err := strconv.ParseInt(string(text), 10, 64)
		if err != nil || strconv.FormatInt(n, 10) != string(text) {
			return value.Value{}, fmt.Errorf("want an int64 in decimal")
		}
		return value.Int(n), nil
	case value.String:
		if !utf8.Valid(text) {
			return value.Value{}, fmt.Errorf("want UTF-8")
		}
		return value.Value{Kind: value.String, B: text}, nil
	}
	return value.Raw(text), nil
}

func parseArray(key []byte, keys []definition.JoinKey) ([]value.Value, error) {
	var parts []json.RawMessage
	if err := json.Unmarshal(key, &parts); err != nil || len(parts) != len(keys) {
		return nil, fmt.Errorf("key %q: want a JSON array of %s", key, names(keys))
	}
	values := make([]value.Value, len(keys))
	for i, part := range parts {
		v, err := KeyPartFromJSON(part, keys[i].Type)
		if err != nil {
			return nil, fmt.Errorf("key %q: %s: %w", key, keys[i].Name, err)
		}
		values[i] = v
	}
	if !bytes.Equal(AppendKey(nil, keys, values), key) {
		return nil, fmt.Errorf("key %q: want the canonical form %q", key, AppendKey(nil, keys, values))
	}
	return values, nil
}

func names(keys []definition.JoinKey) string {
	list := make([]string, len(keys))
	for i, k := range keys {
		list[i] = k.Name
	}
	return strings.Join(list, ", ")
}

// KeyPartFromJSON reads one join key as a request spells it: an int64 as a
// whole number or as a string of decimal digits, a string as a string, bytes as
// base64. Null and any other JSON is an error that says found and wanted.
func KeyPartFromJSON(raw []byte, k value.Kind) (value.Value, error) {
	raw = bytes.TrimSpace(raw)
	text, quoted, err := unquote(raw)
	if err != nil {
		return value.Value{}, err
	}
	switch k {
	case value.Int64:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || strings.HasPrefix(text, "+") {
			return value.Value{}, fmt.Errorf("found %s, want an int64 (a whole number or its decimal text)", clip(string(raw)))
		}
		return value.Int(n), nil
	case value.Bytes:
		if b, err := base64.StdEncoding.Strict().DecodeString(text); quoted && err == nil && !strings.ContainsAny(text, "\r\n") {
			return value.Raw(b), nil
		}
		return value.Value{}, fmt.Errorf("found %s, want bytes as base64 text", clip(string(raw)))
	}
	if !quoted {
		return value.Value{}, fmt.Errorf("found %s, want a string", clip(string(raw)))
	}
	return value.Text(text), nil
}

// unquote is the content of a JSON string, or the JSON text itself if it is
// none. Text that encoding/json would silently repair is an error.
func unquote(raw []byte) (text string, quoted bool, err error) {
	if len(raw) == 0 || raw[0] != '"' {
		return string(raw), false, nil
	}
	if err := json.Unmarshal(raw, &text); err != nil {
		return "", true, fmt.Errorf("found %s, want a JSON string", clip(string(raw)))
	}
	const replacement = "\ufffd"
	repaired := strings.Count(text, replacement)
	meant := bytes.Count(raw, []byte(replacement)) + strings.Count(strings.ToLower(string(raw)), `\ufffd`)
	if repaired > meant || !utf8.Valid(raw) {
		return "", true, fmt.Errorf("found %s, want valid UTF-8", clip(string(raw)))
	}
	return text, true, nil
}

// clip shortens text for a message.
func clip(s string) string {
	const limit = 60
	if len(s) <= limit {
		return s
	}
	cut := limit
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}
