package expr

import (
	"bytes"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"

	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// truth is Kleene's third value with the other two.
type truth uint8

const (
	unknown truth = iota
	no
	yes
)

func (t truth) value() value.Value {
	if t == unknown {
		return value.Value{}
	}
	return value.BoolOf(t == yes)
}

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

// shape is what a test does.
type shape uint8

const (
	compareInt    shape = iota // an Int64, Bool or Timestamp field with n
	compareFloat               // a Float64 field with f
	compareAsReal              // an Int64 field, converted, with f
	compareText                // a String or Bytes field with b
	isTrue                     // a Bool field
	isNullShape
	notShape
	andShape
	orShape
)

// test is a condition that reads fields directly: comparisons of a field with
// a literal, membership in a short list of literals, null tests, boolean
// fields, and these joined by !, && and ||. It means exactly what CEL means by
// the same tree.
type test struct {
	shape shape
	kind  value.Kind // of the field
	on    [3]truth   // compare*: the answer where the field is less, equal, greater
	field int
	n     int64
	f     float64
	b     []byte
	l, r  *test
}

func (t *test) eval(fields []value.Value) truth {
	switch t.shape {
	case notShape:
		return not(t.l.eval(fields))
	case andShape:
		return and(t.l, t.r, fields)
	case orShape:
		return or(t.l, t.r, fields)
	case isNullShape:
		return truthOf(fields[t.field].Kind == value.Null)
	}
	v := &fields[t.field]
	if v.Kind != t.kind {
		return unknown
	}
	switch t.shape {
	case compareInt:
		return t.on[order(v.N, t.n)]
	case compareFloat:
		return t.on[order(v.Float(), t.f)]
	case compareAsReal:
		return t.on[order(float64(v.N), t.f)]
	case compareText:
		return t.on[bytes.Compare(v.B, t.b)+1]
	}
	return truthOf(v.N != 0)
}

// order is 0, 1 or 2 as a is less than, equal to or greater than b.
func order[T int64 | float64](a, b T) int {
	switch {
	case a < b:
		return 0
	case a > b:
		return 2
	}
	return 1
}

func not(t truth) truth {
	switch t {
	case yes:
		return no
	case no:
		return yes
	}
	return unknown
}

func and(l, r *test, fields []value.Value) truth {
	a := l.eval(fields)
	if a == no {
		return no
	}
	if b := r.eval(fields); a == yes || b == no {
		return b
	}
	return unknown
}

func or(l, r *test, fields []value.Value) truth {
	a := l.eval(fields)
	if a == yes {
		return yes
	}
	if b := r.eval(fields); a == no || b == yes {
		return b
	}
	return unknown
}

// fastTest is the test that means what the rewritten tree e means, or nil.
func fastTest(e ast.Expr, fields []definition.Field) *test {
	if e.Kind() == ast.IdentKind {
		return fastName(e.AsIdent(), fields)
	}
	if e.Kind() != ast.CallKind {
		return nil
	}
	call := e.AsCall()
	args := call.Args()
	switch call.FunctionName() {
	case operators.LogicalNot:
		if l := fastTest(args[0], fields); l != nil {
			return &test{shape: notShape, l: l}
		}
	case operators.LogicalAnd:
		return fastPair(andShape, args, fields)
	case operators.LogicalOr:
		return fastPair(orShape, args, fields)
	}
	if on, ok := answers[call.FunctionName()]; ok {
		return fastComparison(on, args[0], args[1], fields)
	}
	if call.FunctionName() == operators.In && args[1].Kind() == ast.ListKind {
		return fastMember(args[0], args[1].AsList().Elements(), fields)
	}
	return nil
}

// maxMembers is the longest list that is searched item by item; CEL hashes
// longer ones.
const maxMembers = 16

// fastMember is x == a || x == b || ... for x in [a, b, ...].
func fastMember(x ast.Expr, items []ast.Expr, fields []definition.Field) *test {
	if len(items) == 0 || len(items) > maxMembers {
		return nil
	}
	var all *test
	for _, item := range items {
		one := fastComparison(answers[operators.Equals], x, item, fields)
		switch {
		case one == nil:
			return nil
		case all == nil:
			all = one
		default:
			all = &test{shape: orShape, l: all, r: one}
		}
	}
	return all
}

// answers are what an operator says of less, equal and greater.
var answers = map[string][3]truth{
	operators.Less:          {yes, no, no},
	operators.LessEquals:    {yes, yes, no},
	operators.Equals:        {no, yes, no},
	operators.NotEquals:     {yes, no, yes},
	operators.GreaterEquals: {no, yes, yes},
	operators.Greater:       {no, no, yes},
}

func fastPair(s shape, args []ast.Expr, fields []definition.Field) *test {
	l, r := fastTest(args[0], fields), fastTest(args[1], fields)
	if l == nil || r == nil {
		return nil
	}
	return &test{shape: s, l: l, r: r}
}

func fastName(name string, fields []definition.Field) *test {
	if len(name) < 3 || name[0] != '@' {
		return nil
	}
	switch i := number(name[2:]); {
	case name[1] == markIsNull:
		return &test{shape: isNullShape, field: i}
	case name[1] == markField && fields[i].Type.Kind == value.Bool:
		return &test{shape: isTrue, kind: value.Bool, field: i}
	}
	return nil
}

// fastComparison handles field OP literal and literal OP field.
func fastComparison(on [3]truth, l, r ast.Expr, fields []definition.Field) *test {
	if constant(l) != nil {
		l, r = r, l
		on[0], on[2] = on[2], on[0]
	}
	against := constant(r)
	if against == nil {
		return nil
	}
	converted := false
	if l.Kind() == ast.CallKind && l.AsCall().FunctionName() == "double" {
		l, converted = l.AsCall().Args()[0], true
	}
	if l.Kind() != ast.IdentKind || len(l.AsIdent()) < 3 || l.AsIdent()[:2] != "@"+string(rune(markField)) {
		return nil
	}
	i := number(l.AsIdent()[2:])
	t := &test{on: on, field: i, kind: fields[i].Type.Kind}
	if !t.against(against, converted) {
		return nil
	}
	return t
}

// constant is the value of a literal or of timestamp('...'), or nil.
func constant(e ast.Expr) ref.Val {
	switch e.Kind() {
	case ast.LiteralKind:
		return e.AsLiteral()
	case ast.CallKind:
		call := e.AsCall()
		if call.FunctionName() != "timestamp" || call.Args()[0].Kind() != ast.LiteralKind {
			return nil
		}
		if s, ok := call.Args()[0].AsLiteral().(types.String); ok {
			return s.ConvertToType(types.TimestampType)
		}
	}
	return nil
}

// against sets the literal and reports whether the comparison is a fast one.
func (t *test) against(literal ref.Val, converted bool) bool {
	switch x := literal.(type) {
	case types.Timestamp:
		t.shape, t.n = compareInt, int64(stamp.FromTime(x.Time))
		return t.kind == value.Timestamp && x.Nanosecond()%1000 == 0
	case types.Int:
		t.shape, t.n = compareInt, int64(x)
		return t.kind == value.Int64 && !converted
	case types.Double:
		t.shape, t.f = compareFloat, float64(x)
		if converted {
			t.shape = compareAsReal
			return t.kind == value.Int64
		}
		return t.kind == value.Float64
	case types.String:
		t.shape, t.b = compareText, []byte(x)
		return t.kind == value.String && !converted
	case types.Bytes:
		t.shape, t.b = compareText, []byte(x)
		return t.kind == value.Bytes && !converted
	case types.Bool:
		t.shape = compareInt
		if x {
			t.n = 1
		}
		return t.kind == value.Bool && !converted
	}
	return false
}
