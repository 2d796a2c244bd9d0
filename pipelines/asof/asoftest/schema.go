package asoftest

import (
	"anabranch.dev/anabranch/pipelines/asof/oracle"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/value"
)

// Indexes of the stream's fields.
const (
	fieldUser = iota
	fieldAt
	fieldKnown
	fieldID
	fieldN
	fieldX
	fieldD
	fieldS
	fieldB
	fieldRaw
	fieldDay
	fieldWhen
	fieldList
	fieldY      // a float of moderate size
	fieldW      // a float that weighs
	fieldFloats // a list of floats
	fieldInts   // a list of integers
	fieldDecs   // a list of decimals
	// FieldCount is how many fields the stream has.
	FieldCount
)

func fields() []definition.Field {
	nullable := func(name string, t value.Type) definition.Field {
		return definition.Field{Name: name, Type: t, Nullable: true, AvroType: t.String()}
	}
	return []definition.Field{
		{Name: "user", Type: value.Of(value.String), AvroType: "string"},
		{Name: "at", Type: value.Of(value.Timestamp), AvroType: "long"},
		nullable("known", value.Of(value.Timestamp)),
		nullable("id", value.Of(value.String)),
		nullable("n", value.Of(value.Int64)),
		nullable("x", value.Of(value.Float64)),
		nullable("d", value.Type{Kind: value.Decimal, Scale: 3}),
		nullable("s", value.Of(value.String)),
		nullable("b", value.Of(value.Bool)),
		nullable("raw", value.Of(value.Bytes)),
		nullable("day", value.Of(value.Date)),
		nullable("moment", value.Of(value.Timestamp)),
		nullable("tags", value.ListOf(value.Of(value.String))),
		nullable("y", value.Of(value.Float64)),
		nullable("w", value.Of(value.Float64)),
		nullable("floats", value.ListOf(value.Of(value.Float64))),
		nullable("ints", value.ListOf(value.Of(value.Int64))),
		nullable("decs", value.ListOf(value.Type{Kind: value.Decimal, Scale: 2})),
	}
}

// truth is Kleene's: a condition over fields that may be null.
type truth int

const (
	no truth = iota
	unknown
	yes
)

func judge(known, holds bool) truth {
	switch {
	case !known:
		return unknown
	case holds:
		return yes
	}
	return no
}

func (t truth) value() value.Value {
	if t == unknown {
		return value.Value{}
	}
	return value.BoolOf(t == yes)
}

func positive(f []value.Value) truth { return judge(!f[fieldN].IsNull(), f[fieldN].N > 0) }
func isA(f []value.Value) truth      { return judge(!f[fieldS].IsNull(), string(f[fieldS].B) == "a") }
func flag(f []value.Value) truth     { return judge(!f[fieldB].IsNull(), f[fieldB].N == 1) }

// conditions are CEL texts and what they mean.
var conditions = map[string]oracle.Function{
	"n > 0":             func(f []value.Value) value.Value { return positive(f).value() },
	"s == 'a'":          func(f []value.Value) value.Value { return isA(f).value() },
	"!b":                func(f []value.Value) value.Value { return (yes - flag(f)).value() },
	"n > 0 || s == 'a'": func(f []value.Value) value.Value { return max(positive(f), isA(f)).value() },
	"b && n > 0":        func(f []value.Value) value.Value { return min(flag(f), positive(f)).value() },
	"x == null":         func(f []value.Value) value.Value { return value.BoolOf(f[fieldX].IsNull()) },
	"x < 1.5":           func(f []value.Value) value.Value { return judge(!f[fieldX].IsNull(), f[fieldX].Float() < 1.5).value() },
}

// conditionTexts lists conditions in a fixed order; b is a plain field.
var conditionTexts = []string{"n > 0", "s == 'a'", "!b", "n > 0 || s == 'a'", "b && n > 0", "x == null", "x < 1.5", "b"}

type expression struct {
	typ value.Type
	is  oracle.Function
}

// expressions are CEL texts for of and by.
var expressions = map[string]expression{
	"n + 1": {value.Of(value.Int64), func(f []value.Value) value.Value {
		if f[fieldN].IsNull() {
			return value.Value{}
		}
		return value.Int(f[fieldN].N + 1)
	}},
	"12 / n": {value.Of(value.Int64), func(f []value.Value) value.Value {
		if f[fieldN].IsNull() || f[fieldN].N == 0 {
			return value.Value{}
		}
		return value.Int(12 / f[fieldN].N)
	}},
	"x * 2.0": {value.Of(value.Float64), func(f []value.Value) value.Value {
		if f[fieldX].IsNull() {
			return value.Value{}
		}
		return value.Float(f[fieldX].Float() * 2)
	}},
	"s + '!'": {value.Of(value.String), func(f []value.Value) value.Value {
		if f[fieldS].IsNull() {
			return value.Value{}
		}
		return value.Text(string(f[fieldS].B) + "!")
	}},
}

// functions is everything the oracle needs to be told.
func functions() (map[string]oracle.Function, map[string]value.Type) {
	all, types := map[string]oracle.Function{}, map[string]value.Type{}
	for text, f := range conditions {
		all[text] = f
	}
	for text, e := range expressions {
		all[text], types[text] = e.is, e.typ
	}
	return all, types
}
