package wire

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// ParseTimestamp reads a time as files and requests spell it: RFC 3339, or
// year, month and day with slashes or dashes, a space or a T, hours and minutes
// and optional seconds with a fraction; without a zone it is UTC. Finer than
// microseconds is floored.
func ParseTimestamp(s string) (stamp.Micros, error) {
	if t, err := stamp.ParseTime(s); err == nil {
		return t, nil
	}
	plain := strings.ReplaceAll(strings.Replace(s, "T", " ", 1), "/", "-")
	for _, layout := range []string{"2006-01-02 15:04:05", "2006-01-02 15:04"} {
		if t, err := time.Parse(layout, plain); err == nil {
			return stamp.FromTime(t), nil
		}
	}
	return 0, fmt.Errorf("time %q: want RFC 3339, like 2001-03-31T23:00:00Z, or like 2001/03/31 23:00 (UTC)", s)
}

// appendScalar appends a value of a type that holds no others. Text is
// converted to the type; no other conversion loses anything, but finer times
// are floored to the type's unit and doubles rounded to floats.
func appendScalar(dst []byte, n *node, v value.Value) ([]byte, error) {
	out, ok := dst, false
	switch n.kind {
	case kindNull:
		return dst, refuseUnless(v.IsNull(), n, v)
	case kindBoolean:
		out, ok = appendBoolean(dst, v)
	case kindInt:
		out, ok = appendWhole(dst, n, v, math.MinInt32, math.MaxInt32)
	case kindLong:
		out, ok = appendWhole(dst, n, v, math.MinInt64, math.MaxInt64)
	case kindFloat, kindDouble:
		out, ok = appendFloat(dst, n, v)
	case kindString:
		if ok = v.Kind == value.String && utf8.Valid(v.B); ok {
			out = appendBytes(dst, v.B)
		}
	case kindEnum:
		out, ok = appendSymbol(dst, n, v)
	case kindBytes, kindFixed:
		out, ok = appendBinary(dst, n, v)
	}
	if !ok {
		return dst, refuse(n, v)
	}
	return out, nil
}

func appendLong(dst []byte, n int64) []byte { return binary.AppendVarint(dst, n) }

func appendBytes(dst, b []byte) []byte { return append(appendLong(dst, int64(len(b))), b...) }

func appendBoolean(dst []byte, v value.Value) ([]byte, bool) {
	if v.Kind == value.String {
		b, err := strconv.ParseBool(string(v.B))
		if err != nil || len(v.B) < 4 { // true and false only
			return dst, false
		}
		v = value.BoolOf(b)
	}
	return append(dst, byte(v.N)), v.Kind == value.Bool
}

func appendWhole(dst []byte, n *node, v value.Value, least, most int64) ([]byte, bool) {
	ok := true
	switch unit := n.unit; {
	case v.Kind == value.Int64:
	case v.Kind == value.Timestamp && unit != 0:
		v.N, ok = fromMicros(v.N, unit)
	case v.Kind == value.Date && n.logical == "date":
	case v.Kind == value.Timestamp && n.logical == "date":
		v.N, ok = v.N/int64(stamp.Day), v.N%int64(stamp.Day) == 0
	case v.Kind == value.String && n.logical == "date":
		v.N, ok = dateText(string(v.B), least, most)
	case v.Kind == value.String:
		var isTime bool
		if v.N, ok = wholeInt(string(v.B), least, most); !ok && unit != 0 {
			t, err := ParseTimestamp(string(v.B))
			v.N, isTime = fromMicros(int64(t), unit)
			ok = err == nil && isTime
		}
	default:
		return dst, false
	}
	return appendLong(dst, v.N), ok && v.N >= least && v.N <= most
}

// fromMicros is a time in a unit of timeUnit, floored.
func fromMicros(t, unit int64) (int64, bool) {
	if unit > 0 {
		return int64(stamp.Floor(stamp.Micros(t), stamp.Micros(unit))) / unit, true
	}
	return t * -unit, t >= math.MinInt64/-unit && t <= math.MaxInt64/-unit
}

func dateText(s string, least, most int64) (int64, bool) {
	if t, err := time.Parse("2006-01-02", strings.ReplaceAll(s, "/", "-")); err == nil {
		return int64(stamp.FromTime(t) / stamp.Day), true
	}
	return wholeInt(s, least, most)
}

func appendFloat(dst []byte, n *node, v value.Value) ([]byte, bool) {
	var f float64
	switch v.Kind {
	case value.Float64:
		f = v.Float()
	case value.Int64:
		f = float64(v.N)
	case value.String:
		var err error
		if f, err = finite(string(v.B), 64); err != nil {
			return dst, false
		}
	default:
		return dst, false
	}
	if n.kind == kindDouble {
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(f)), f-f == 0
	}
	single := float32(f)
	return binary.LittleEndian.AppendUint32(dst, math.Float32bits(single)), single-single == 0
}

func appendSymbol(dst []byte, n *node, v value.Value) ([]byte, bool) {
	for i, s := range n.symbols {
		if v.Kind == value.String && s == string(v.B) {
			return appendLong(dst, int64(i)), true
		}
	}
	return dst, false
}

// appendBinary appends bytes or a fixed: a decimal, a UUID, or bytes.
func appendBinary(dst []byte, n *node, v value.Value) ([]byte, bool) {
	if n.logical == "decimal" && v.Kind != value.Bytes {
		return appendDecimal(dst, n, v)
	}
	if v.Kind == value.String {
		b, err := binaryText(n, string(v.B))
		if err != nil {
			return dst, false
		}
		v = value.Raw(b)
	}
	if v.Kind != value.Bytes {
		return dst, false
	}
	if n.kind == kindFixed {
		return append(dst, v.B...), len(v.B) == n.size
	}
	return appendBytes(dst, v.B), true
}

func binaryText(n *node, s string) ([]byte, error) {
	if n.logical == "uuid" && len(s) == 36 {
		return hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	}
	return base64.StdEncoding.Strict().DecodeString(s)
}

func appendDecimal(dst []byte, n *node, v value.Value) ([]byte, bool) {
	d, ok := v.Int128(), true
	switch v.Kind {
	case value.Decimal:
	case value.Int64:
		d, ok = exactDecimal(strconv.FormatInt(v.N, 10), n.scale)
	case value.Float64:
		d, ok = exactDecimal(strconv.FormatFloat(v.Float(), 'e', -1, 64), n.scale)
	case value.String:
		d, ok = exactDecimal(string(v.B), n.scale)
	default:
		return dst, false
	}
	if !ok || n.precision <= value.MaxScale && !fits(d, n.precision) {
		return dst, false
	}
	if n.kind == kindFixed {
		return twosComplement(dst, d, n.size)
	}
	var buf [16]byte
	b, _ := twosComplement(buf[:0], d, 0)
	return appendBytes(dst, b), true
}

// fits reports whether d has at most so many digits.
func fits(d value.Int128, precision int) bool {
	limit := value.Pow10(int32(precision))
	return d.Cmp(limit) < 0 && d.Cmp(limit.Neg()) > 0
}

func refuseUnless(ok bool, n *node, v value.Value) error {
	if ok {
		return nil
	}
	return refuse(n, v)
}

// refuse says what was found and what the type wants.
func refuse(n *node, v value.Value) error {
	return fmt.Errorf("found %s, want %s", describe(v), n.want())
}

func describe(v value.Value) string {
	switch v.Kind {
	case value.Null:
		return "null"
	case value.String:
		return strconv.Quote(clip(string(v.B)))
	case value.Decimal:
		return "the decimal with digits " + v.Int128().String()
	case value.Float64:
		return clip(string(value.AppendFloat(nil, v.Float())))
	}
	return v.Kind.String() + " " + clip(string(value.AppendJSON(nil, v, value.Type{})))
}

// want is the type with what it takes, for messages.
func (n *node) want() string {
	switch {
	case n.unit != 0:
		return fmt.Sprintf("%s: RFC 3339, 2001/01/31 18:20, or a whole number of %s", n.logical, n.unitName())
	case n.logical == "date":
		return "date: 2001-01-31, or a whole number of days since 1970-01-01"
	case n.logical == "decimal":
		return fmt.Sprintf("decimal(%d, %d): a number of at most %d digits, %d of them after the point", n.precision, n.scale, n.precision, n.scale)
	}
	switch n.kind {
	case kindBoolean:
		return "boolean: true or false"
	case kindInt:
		return "int: a whole number within 32 bits"
	case kindLong:
		return "long: a whole number within 64 bits"
	case kindFloat, kindDouble:
		return n.kind.String() + ": a finite number in its range"
	case kindString:
		return "string: UTF-8 text"
	case kindBytes:
		return "bytes: base64 text"
	case kindFixed:
		return fmt.Sprintf("fixed %s: base64 text of %d bytes", n.name, n.size)
	case kindEnum:
		return fmt.Sprintf("enum %s: one of %s", n.name, clip(strings.Join(n.symbols, ", ")))
	}
	return n.String()
}

func (n *node) unitName() string {
	switch n.unit {
	case 1000:
		return "milliseconds"
	case 1:
		return "microseconds"
	}
	return "nanoseconds"
}
