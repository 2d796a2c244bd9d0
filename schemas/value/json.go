package value

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"strconv"
	"unicode/utf8"

	"anabranch.dev/anabranch/schemas/stamp"
)

// AppendJSON appends v, of type t, as JSON: int64 as a number, float64 with a
// decimal point, bytes in base64, timestamps in RFC 3339 (UTC), dates as
// YYYY-MM-DD, decimals as strings, structs as objects.
func AppendJSON(dst []byte, v Value, t Type) []byte {
	switch v.Kind {
	case Null:
		return append(dst, "null"...)
	case Bool:
		return strconv.AppendBool(dst, v.Bool())
	case Int64:
		return strconv.AppendInt(dst, v.N, 10)
	case Float64:
		return AppendFloat(dst, v.Float())
	case String:
		return AppendString(dst, v.B)
	case List:
		return appendArray(dst, v, t)
	case Struct:
		return appendObject(dst, v, t)
	}
	dst = append(dst, '"')
	switch v.Kind {
	case Bytes:
		dst = base64.StdEncoding.AppendEncode(dst, v.B)
	case Date:
		dst = stamp.Micros(v.N*int64(stamp.Day)).Time().AppendFormat(dst, "2006-01-02")
	case Timestamp:
		dst = stamp.Micros(v.N).Append(dst)
	case Decimal:
		dst = append(dst, v.Int128().FormatDecimal(t.Scale)...)
	}
	return append(dst, '"')
}

func appendArray(dst []byte, v Value, t Type) []byte {
	var elem Type
	if t.Elem != nil {
		elem = *t.Elem
	}
	dst = append(dst, '[')
	for i, x := range v.L {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendJSON(dst, x, elem)
	}
	return append(dst, ']')
}

func appendObject(dst []byte, v Value, t Type) []byte {
	dst = append(dst, '{')
	for i, x := range v.L {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(AppendString(dst, []byte(t.Fields[i].Name)), ':')
		dst = AppendJSON(dst, x, t.Fields[i].Type)
	}
	return append(dst, '}')
}

// AppendFloat appends the shortest decimal form that reads back as f, always
// with a point or an exponent after one: 1.0, 0.25, 1.0e+21.
func AppendFloat(dst []byte, f float64) []byte {
	format, abs := byte('f'), math.Abs(f)
	if abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, format, -1, 64)
	for i := start; i < len(dst); i++ {
		switch dst[i] {
		case '.':
			return dst
		case 'e':
			return append(dst[:i:i], append([]byte(".0"), dst[i:]...)...)
		}
	}
	return append(dst, ".0"...)
}

// AppendString appends s, valid UTF-8, as a JSON string with the fewest
// escapes that RFC 8259 §7 allows.
func AppendString(dst, s []byte) []byte {
	dst = append(dst, '"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c >= 0x20:
			dst = append(dst, c)
		default:
			dst = appendControl(dst, c)
		}
	}
	return append(dst, '"')
}

func appendControl(dst []byte, c byte) []byte {
	const hex = "0123456789abcdef"
	switch c {
	case '\b':
		return append(dst, `\b`...)
	case '\f':
		return append(dst, `\f`...)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
}

// Format prints v for a person: its JSON, or a bare string.
func Format(v Value, t Type) string {
	if v.Kind == String && utf8.Valid(v.B) {
		return string(v.B)
	}
	return string(AppendJSON(nil, v, t))
}

var _ json.Marshaler = Typed{}

// Typed pairs a value with its type, for encoding/json.
type Typed struct {
	Value Value
	Type  Type
}

// MarshalJSON is AppendJSON.
func (t Typed) MarshalJSON() ([]byte, error) { return AppendJSON(nil, t.Value, t.Type), nil }
