package value

import (
	"fmt"
	"strconv"
	"strings"
)

// Kind is the shape of a value.
type Kind uint8

// The kinds. Their numbers are the tags of FORMAT.md §2 and never change.
const (
	Null      Kind = 0  // the absence of a value; of any type
	Bool      Kind = 1  // false, true
	Int64     Kind = 2  // signed 64-bit integer
	Float64   Kind = 3  // finite IEEE 754 binary64
	String    Kind = 4  // valid UTF-8
	Bytes     Kind = 5  // any bytes
	Date      Kind = 6  // days since 1970-01-01
	Timestamp Kind = 7  // microseconds since 1970-01-01T00:00:00Z
	Decimal   Kind = 8  // 128-bit unscaled integer at the type's scale
	List      Kind = 9  // values of one element type, at most MaxListItems
	Struct    Kind = 10 // named fields, as the items of a top-k list have
)

// MaxListItems bounds the length of a list.
const MaxListItems = 4096

var kindNames = [...]string{"null", "boolean", "int64", "float64", "string", "bytes", "date32", "timestamp", "decimal", "list", "struct"}

// String is the kind's name in definitions and messages.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "kind(" + strconv.Itoa(int(k)) + ")"
}

// Type is the type of a field or a feature. The zero Type is Null.
type Type struct {
	Kind   Kind
	Scale  int32   // Decimal: digits after the point, 0 to 38
	Elem   *Type   // List: the items' type
	Fields []Field // Struct: in order
}

// Field is one member of a Struct type.
type Field struct {
	Name string
	Type Type
}

// ListOf is the type of lists of elem.
func ListOf(elem Type) Type { return Type{Kind: List, Elem: &elem} }

// Of is the type of a kind without parameters.
func Of(k Kind) Type { return Type{Kind: k} }

// Equal reports whether t and u are the same type.
func (t Type) Equal(u Type) bool { return t.String() == u.String() }

// String prints the type, like int64, decimal(38, 2) or list<string>.
func (t Type) String() string {
	switch t.Kind {
	case Decimal:
		return fmt.Sprintf("decimal(38, %d)", t.Scale)
	case List:
		if t.Elem == nil {
			return "list"
		}
		return "list<" + t.Elem.String() + ">"
	case Struct:
		parts := make([]string, len(t.Fields))
		for i, f := range t.Fields {
			parts[i] = f.Name + ": " + f.Type.String()
		}
		return "struct<" + strings.Join(parts, ", ") + ">"
	}
	return t.Kind.String()
}

// Numeric reports whether values of t can be added: int64, float64, decimal.
func (t Type) Numeric() bool {
	return t.Kind == Int64 || t.Kind == Float64 || t.Kind == Decimal
}

// Scalar reports whether t is a single value: not null, list or struct.
func (t Type) Scalar() bool { return t.Kind >= Bool && t.Kind <= Decimal }
