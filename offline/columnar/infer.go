package columnar

import (
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"anabranch.dev/anabranch/schemas/value"
)

// classes is a set of what the values of a text column look like.
type classes uint8

const (
	small    classes = 1 << iota // integer that float64 holds exactly
	large                        // other integer of 64 bits
	fraction                     // other decimal number
	truth                        // true or false
	text                         // anything else
)

// kind is the narrowest kind that holds all values of the set without loss.
func (c classes) kind() value.Kind {
	switch {
	case c == 0 || c&text != 0:
		return value.String
	case c&^(small|large) == 0:
		return value.Int64
	case c&^(small|fraction) == 0:
		return value.Float64
	case c == truth:
		return value.Bool
	}
	return value.String
}

// classOf looks at one value that is not empty.
func classOf(s []byte) classes {
	if _, ok := truthOf(s); ok {
		return truth
	}
	integer, number := numeral(s)
	switch {
	case integer:
		n, err := strconv.ParseInt(string(s), 10, 64)
		if err != nil {
			return text
		}
		if n > 1<<53 || n < -1<<53 {
			return large
		}
		return small
	case number:
		if f, err := strconv.ParseFloat(string(s), 64); err == nil && !math.IsInf(f, 0) {
			return fraction
		}
	}
	return text
}

func truthOf(s []byte) (truth, ok bool) {
	switch string(s) {
	case "true", "True", "TRUE":
		return true, true
	case "false", "False", "FALSE":
		return false, true
	}
	return false, false
}

// numeral recognizes an integer without a plus and leading zeros, and a decimal number whose whole part is such an
// integer or empty. "-0" is a number that is not an integer, since an integer would lose its sign.
func numeral(s []byte) (integer, number bool) {
	rest := s
	if len(rest) > 0 && rest[0] == '-' {
		rest = rest[1:]
	}
	whole := digits(rest)
	if whole > 1 && rest[0] == '0' {
		return false, false
	}
	if whole == len(rest) {
		return whole > 0 && string(s) != "-0", whole > 0
	}
	rest = rest[whole:]
	part := 0
	if rest[0] == '.' {
		part = digits(rest[1:])
		rest = rest[1+part:]
	}
	if whole+part == 0 {
		return false, false
	}
	if len(rest) > 0 && (rest[0] == 'e' || rest[0] == 'E') {
		rest = rest[1:]
		if len(rest) > 0 && (rest[0] == '+' || rest[0] == '-') {
			rest = rest[1:]
		}
		n := digits(rest)
		return false, n > 0 && n == len(rest)
	}
	return false, len(rest) == 0
}

func digits(s []byte) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

// forcible reports the kinds that a text column can be read as.
func forcible(k value.Kind) bool {
	return k == value.Bool || k == value.Int64 || k == value.Float64 || k == value.String || k == value.Bytes
}

// appendText reads one value that is not empty into v by the kind of its column.
func appendText(v *Vector, s []byte) error {
	switch v.Type.Kind {
	case value.Int64:
		n, err := strconv.ParseInt(string(s), 10, 64)
		if err != nil {
			return fmt.Errorf("%q is no int64", s)
		}
		v.AppendInt(n)
	case value.Float64:
		f, err := strconv.ParseFloat(string(s), 64)
		if err != nil {
			return fmt.Errorf("%q is no float64", s)
		}
		v.AppendInt(int64(math.Float64bits(f)))
	case value.Bool:
		b, ok := truthOf(s)
		if !ok {
			return fmt.Errorf("%q is no boolean", s)
		}
		v.AppendInt(bit(b))
	case value.Bytes:
		b, err := base64.StdEncoding.AppendDecode(nil, s)
		if err != nil {
			return fmt.Errorf("%q is no base64", s)
		}
		v.AppendBytes(b)
	default:
		if !utf8.Valid(s) {
			return fmt.Errorf("%q is not UTF-8", s)
		}
		v.AppendBytes(s)
	}
	return nil
}
