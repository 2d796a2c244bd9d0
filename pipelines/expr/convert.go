package expr

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"

	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// errNull travels through CEL as an error, which gives || and && Kleene's
// tables and makes every other operator null.
var errNull = errors.New("null field")

// celNull carries errNull. CEL unwraps it where a name is resolved; as an item
// of a list it is never labelled, since its node id is set.
var celNull = types.NewErrWithNodeID(1, "%w", errNull)

// reader turns a field's value into CEL's.
type reader func(value.Value) ref.Val

func celBool(b bool) ref.Val { return types.Bool(b) }

// usable reports whether a feature can use a field of type t.
func usable(t value.Type) bool {
	if t.Kind == value.List {
		return t.Elem != nil && usable(*t.Elem)
	}
	return t.Scalar()
}

// celType is CEL's type for a field of type t, or nil.
func celType(t value.Type) *cel.Type {
	switch t.Kind {
	case value.Bool:
		return cel.BoolType
	case value.Int64:
		return cel.IntType
	case value.Float64:
		return cel.DoubleType
	case value.String:
		return cel.StringType
	case value.Bytes:
		return cel.BytesType
	case value.Date, value.Timestamp:
		return cel.TimestampType
	case value.List:
		if t.Elem != nil {
			if elem := celType(*t.Elem); elem != nil {
				return cel.ListType(elem)
			}
		}
	}
	return nil
}

// resultType is the type of results of CEL type t, and whether there is one.
func resultType(t *cel.Type) (value.Type, bool) {
	switch t.Kind() {
	case types.BoolKind:
		return value.Of(value.Bool), true
	case types.IntKind:
		return value.Of(value.Int64), true
	case types.DoubleKind:
		return value.Of(value.Float64), true
	case types.StringKind:
		return value.Of(value.String), true
	case types.BytesKind:
		return value.Of(value.Bytes), true
	case types.TimestampKind:
		return value.Of(value.Timestamp), true
	case types.ListKind:
		elem, ok := resultType(t.Parameters()[0])
		return value.ListOf(elem), ok && elem.Kind != value.List
	}
	return value.Type{}, false
}

// toCEL makes CEL's value of v; a null becomes celNull.
func toCEL(v value.Value) ref.Val {
	switch v.Kind {
	case value.Bool:
		return types.Bool(v.Bool())
	case value.Int64:
		return types.Int(v.N)
	case value.Float64:
		return types.Double(v.Float())
	case value.String:
		return types.String(v.B)
	case value.Bytes:
		return types.Bytes(v.B)
	case value.Date:
		return types.Timestamp{Time: time.Unix(v.N*86400, 0).UTC()}
	case value.Timestamp:
		return types.Timestamp{Time: stamp.Micros(v.N).Time()}
	case value.List:
		items := make([]ref.Val, len(v.L))
		for i, x := range v.L {
			items[i] = toCEL(x)
		}
		return types.NewRefValList(types.DefaultTypeAdapter, items)
	}
	return celNull
}

// fromCEL makes a value of type t of a result.
func fromCEL(r ref.Val, t value.Type) (value.Value, error) {
	switch x := r.(type) {
	case types.Bool:
		return value.BoolOf(bool(x)), nil
	case types.Int:
		return value.Int(int64(x)), nil
	case types.Double:
		if f := float64(x); !math.IsNaN(f) && !math.IsInf(f, 0) {
			return value.Float(f), nil
		}
		return value.Value{}, fmt.Errorf("result %v is not finite", float64(x))
	case types.String:
		return value.Text(string(x)), checkSize(len(x))
	case types.Bytes:
		return value.Raw(x), checkSize(len(x))
	case types.Timestamp:
		return fromTime(x.Time)
	case traits.Lister:
		return fromList(x, *t.Elem)
	}
	return value.Value{}, fmt.Errorf("result is a %s, not a %s", r.Type().TypeName(), t)
}

func fromTime(t time.Time) (value.Value, error) {
	low, high := stamp.MinMicros.Time(), stamp.MaxMicros.Time()
	if t.Before(low) || t.After(high.Add(time.Microsecond-1)) {
		return value.Value{}, errors.New("result is a timestamp outside the years 0001 to 9999")
	}
	return value.Time(stamp.FromTime(t)), nil
}

func fromList(l traits.Lister, elem value.Type) (value.Value, error) {
	n := int(l.Size().(types.Int))
	if n > value.MaxListItems {
		return value.Value{}, fmt.Errorf("result is a list of %d items: at most %d are allowed", n, value.MaxListItems)
	}
	items := make([]value.Value, n)
	for i := range items {
		item := l.Get(types.Int(i))
		if item == celNull {
			continue
		}
		v, err := fromCEL(item, elem)
		if err != nil {
			return value.Value{}, fmt.Errorf("item %d: %w", i, err)
		}
		items[i] = v
	}
	return value.Value{Kind: value.List, L: items}, nil
}

// maxBytes bounds a string or bytes result, as a record is bounded.
const maxBytes = 1 << 20

func checkSize(n int) error {
	if n > maxBytes {
		return fmt.Errorf("result has %d bytes: at most %d are allowed", n, maxBytes)
	}
	return nil
}

func avroName(f definition.Field) string {
	if f.AvroType != "" {
		return f.AvroType
	}
	return f.Type.String()
}

// init labels the one error value that cel-go shares between evaluations and
// would label, unsynchronized, at its first use.
func init() {
	types.LabelErrNode(1, types.Int(math.MaxInt64).ConvertToType(types.TimestampType))
}
