package expr

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// The model: random expressions as trees that print themselves as CEL and
// evaluate themselves by the rules of the package comment, in plain Go.

var modelFields = []definition.Field{
	{Name: "i0", Type: value.Of(value.Int64)}, {Name: "i1", Type: value.Of(value.Int64), Nullable: true},
	{Name: "d0", Type: value.Of(value.Float64)}, {Name: "d1", Type: value.Of(value.Float64), Nullable: true},
	{Name: "s0", Type: value.Of(value.String)}, {Name: "s1", Type: value.Of(value.String), Nullable: true},
	{Name: "b0", Type: value.Of(value.Bool)}, {Name: "b1", Type: value.Of(value.Bool), Nullable: true},
	{Name: "t0", Type: value.Of(value.Timestamp)}, {Name: "t1", Type: value.Of(value.Timestamp), Nullable: true},
}

// outcome is a value (int64, float64, string, bool), a null or a failure.
type outcome struct {
	v            any
	null, failed bool
}

// tree is one node: its CEL and its meaning over one event.
type tree struct {
	kind value.Kind
	cel  string
	eval func(event []value.Value) outcome
}

func (o outcome) ok() bool { return !o.null && !o.failed }

func of(v any) outcome { return outcome{v: v} }

func leaf(t *rapid.T, kind value.Kind) tree {
	if rapid.Bool().Draw(t, "field") {
		i := rapid.IntRange(0, len(modelFields)-1).Filter(func(i int) bool { return modelFields[i].Type.Kind == kind }).Draw(t, "index")
		return tree{kind, modelFields[i].Name, func(event []value.Value) outcome {
			switch v := event[i]; v.Kind {
			case value.Null:
				return outcome{null: true}
			case value.Float64:
				return of(v.Float())
			case value.String:
				return of(string(v.B))
			case value.Bool:
				return of(v.Bool())
			default:
				return of(v.N)
			}
		}}
	}
	v := literal(t, kind)
	return tree{kind, spelled(v), func([]value.Value) outcome { return of(v) }}
}

func literal(t *rapid.T, kind value.Kind) any {
	switch kind {
	case value.Int64:
		return rapid.SampledFrom([]int64{0, 1, -1, 2, 3, 10, math.MaxInt64, math.MinInt64, 1<<53 + 1}).Draw(t, "int")
	case value.Float64:
		return rapid.SampledFrom([]float64{0, 1, -1, 0.5, 2, 10, -2.75, 1e308, 1e-300, 1 << 53}).Draw(t, "double")
	case value.String:
		return rapid.SampledFrom([]string{"", "a", "b", "ab", "ä"}).Draw(t, "string")
	case value.Timestamp:
		return rapid.SampledFrom([]stamp.Micros{stamp.MinMicros, -1, 0, 1, stamp.Day, stamp.MaxMicros}).Draw(t, "time")
	}
	return rapid.Bool().Draw(t, "bool")
}

// grow draws an expression of a kind.
func grow(t *rapid.T, kind value.Kind, depth int) tree {
	if depth == 0 {
		return leaf(t, kind)
	}
	switch kind {
	case value.Int64, value.Float64:
		return growNumber(t, kind, depth-1)
	case value.String:
		return growText(t, depth-1)
	}
	return growCondition(t, depth-1)
}

func growNumber(t *rapid.T, kind value.Kind, depth int) tree {
	switch rapid.IntRange(0, 5).Draw(t, "number") {
	case 0:
		return leaf(t, kind)
	case 1:
		return growBranch(t, kind, depth)
	case 2:
		x := grow(t, kind, depth)
		return strict(kind, "-("+x.cel+")", negate, x)
	}
	l, r := kind, kind
	op := rapid.SampledFrom([]string{"+", "-", "*", "/", "%"}).Draw(t, "op")
	if kind == value.Float64 {
		op = rapid.SampledFrom([]string{"+", "-", "*", "/"}).Draw(t, "op")
		switch rapid.IntRange(0, 2).Draw(t, "mix") {
		case 0:
			l = value.Int64
		case 1:
			r = value.Int64
		}
	}
	x, y := grow(t, l, depth), grow(t, r, depth)
	return strict(kind, "("+x.cel+") "+op+" ("+y.cel+")", func(v ...any) (any, bool) { return arithmetic(op, v[0], v[1]) }, x, y)
}

func growText(t *rapid.T, depth int) tree {
	switch rapid.IntRange(0, 2).Draw(t, "text") {
	case 0:
		return leaf(t, value.String)
	case 1:
		return growBranch(t, value.String, depth)
	}
	x, y := grow(t, value.String, depth), grow(t, value.String, depth)
	return strict(value.String, "("+x.cel+") + ("+y.cel+")", func(v ...any) (any, bool) { return v[0].(string) + v[1].(string), true }, x, y)
}

// growBranch is c ? a : b; for doubles one branch may be an int, and one null.
func growBranch(t *rapid.T, kind value.Kind, depth int) tree {
	l, r := kind, kind
	c := grow(t, value.Bool, depth)
	form := rapid.IntRange(0, 4).Draw(t, "branches")
	if kind == value.Float64 && form == 0 {
		l = value.Int64
	} else if kind == value.Float64 && form == 1 {
		r = value.Int64
	}
	a, b := grow(t, l, depth), grow(t, r, depth)
	if form == 2 {
		b = tree{kind, "null", func([]value.Value) outcome { return outcome{null: true} }}
	}
	text := fmt.Sprintf("(%s) ? (%s) : (%s)", c.cel, a.cel, b.cel)
	if form == 2 {
		text = fmt.Sprintf("(%s) ? (%s) : null", c.cel, a.cel)
	}
	return tree{kind, text, func(event []value.Value) outcome {
		chosen := c.eval(event)
		if !chosen.ok() {
			return chosen
		}
		out := b.eval(event)
		if chosen.v.(bool) {
			out = a.eval(event)
		}
		if out.ok() && kind == value.Float64 {
			out.v = real64(out.v)
		}
		return out
	}}
}

func growCondition(t *rapid.T, depth int) tree {
	switch rapid.IntRange(0, 7).Draw(t, "condition") {
	case 0:
		return leaf(t, value.Bool)
	case 1:
		x := grow(t, value.Bool, depth)
		return strict(value.Bool, "!("+x.cel+")", func(v ...any) (any, bool) { return !v[0].(bool), true }, x)
	case 2:
		return growNullTest(t)
	case 3, 4:
		return growLogic(t, depth)
	case 5:
		return growBranch(t, value.Bool, depth)
	}
	return growComparison(t, depth)
}

func growNullTest(t *rapid.T) tree {
	i := rapid.IntRange(0, len(modelFields)-1).Draw(t, "index")
	op := rapid.SampledFrom([]string{"==", "!="}).Draw(t, "op")
	text := modelFields[i].Name + " " + op + " null"
	if rapid.Bool().Draw(t, "turned") {
		text = "null " + op + " " + modelFields[i].Name
	}
	return tree{value.Bool, text, func(event []value.Value) outcome { return of(event[i].IsNull() == (op == "==")) }}
}

func growLogic(t *rapid.T, depth int) tree {
	x, y := grow(t, value.Bool, depth), grow(t, value.Bool, depth)
	op, absorbing := "&&", false
	if rapid.Bool().Draw(t, "or") {
		op, absorbing = "||", true
	}
	return tree{value.Bool, "(" + x.cel + ") " + op + " (" + y.cel + ")", func(event []value.Value) outcome {
		a, b := x.eval(event), y.eval(event)
		switch {
		case a.ok() && a.v == absorbing, b.ok() && b.v == absorbing:
			return of(absorbing)
		case !a.ok():
			return a
		}
		return b
	}}
}

func growComparison(t *rapid.T, depth int) tree {
	kinds := []value.Kind{value.Int64, value.Float64, value.String, value.Bool}
	l := rapid.SampledFrom(kinds).Draw(t, "kind")
	r := l
	if l == value.Int64 || l == value.Float64 {
		r = rapid.SampledFrom(kinds[:2]).Draw(t, "other kind")
	}
	op := rapid.SampledFrom([]string{"<", "<=", "==", "!=", ">=", ">"}).Draw(t, "op")
	x, y := grow(t, l, depth), grow(t, r, depth)
	return strict(value.Bool, "("+x.cel+") "+op+" ("+y.cel+")", func(v ...any) (any, bool) { return compared(op, v[0], v[1]) }, x, y)
}

// strict applies f unless an argument is null or failed; the first decides.
func strict(kind value.Kind, text string, f func(...any) (any, bool), args ...tree) tree {
	return tree{kind, text, func(event []value.Value) outcome {
		var vs []any
		for _, a := range args {
			o := a.eval(event)
			if !o.ok() {
				return o
			}
			vs = append(vs, o.v)
		}
		v, ok := f(vs...)
		return outcome{v: v, failed: !ok}
	}}
}

func real64(v any) float64 {
	if n, ok := v.(int64); ok {
		return float64(n)
	}
	return v.(float64)
}

func negate(v ...any) (any, bool) {
	if n, ok := v[0].(int64); ok {
		return -n, n != math.MinInt64
	}
	return -v[0].(float64), true
}

func arithmetic(op string, a, b any) (any, bool) {
	x, xInt := a.(int64)
	y, yInt := b.(int64)
	if xInt && yInt {
		return integers(op, x, y)
	}
	f, g := real64(a), real64(b)
	return map[string]float64{"+": f + g, "-": f - g, "*": f * g, "/": f / g}[op], true
}

// integers computes exactly and then asks whether 64 bits hold the result.
func integers(op string, x, y int64) (any, bool) {
	if (op == "/" || op == "%") && (y == 0 || y == -1 && x == math.MinInt64) {
		return nil, false
	}
	a, b := value.Int128Of(x), value.Int128Of(y)
	switch op {
	case "+":
		a = a.Add(b)
	case "-":
		a = a.Sub(b)
	case "*":
		a, _ = a.Mul(b)
	case "/":
		a = value.Int128Of(x / y)
	case "%":
		a = value.Int128Of(x % y)
	}
	return a.Int64(), a.IsInt64()
}

func compared(op string, a, b any) (any, bool) {
	less, equal := false, false
	switch x := a.(type) {
	case string:
		less, equal = x < b.(string), x == b.(string)
	case bool:
		less, equal = !x && b.(bool), x == b.(bool)
	case int64:
		if y, ok := b.(int64); ok {
			less, equal = x < y, x == y
			break
		}
		return comparedReals(op, float64(x), b.(float64))
	case float64:
		return comparedReals(op, x, real64(b))
	}
	return holds(op, less, equal), true
}

func comparedReals(op string, x, y float64) (any, bool) {
	unordered := math.IsNaN(x) || math.IsNaN(y)
	return holds(op, x < y, x == y), !unordered || op == "==" || op == "!="
}

func holds(op string, less, equal bool) bool {
	return map[string]bool{"<": less, "<=": less || equal, "==": equal, "!=": !equal, ">=": !less, ">": !less && !equal}[op]
}

func drawEvent(t *rapid.T) []value.Value {
	event := make([]value.Value, len(modelFields))
	for i, f := range modelFields {
		if f.Nullable && rapid.Bool().Draw(t, "null") {
			continue
		}
		switch v := literal(t, f.Type.Kind).(type) {
		case int64:
			event[i] = value.Int(v)
		case float64:
			event[i] = value.Float(v)
		case string:
			event[i] = value.Text(v)
		case bool:
			event[i] = value.BoolOf(v)
		case stamp.Micros:
			event[i] = value.Time(v)
		}
	}
	return event
}

// agrees reports whether an evaluation is what the model expects.
func agrees(want outcome, got value.Value, err error) bool {
	if f, ok := want.v.(float64); ok && want.ok() && (math.IsNaN(f) || math.IsInf(f, 0)) {
		want = outcome{failed: true}
	}
	if want.failed || err != nil || want.null || got.IsNull() {
		return want.failed == (err != nil) && !want.ok() == got.IsNull()
	}
	switch v := want.v.(type) {
	case int64:
		return value.Equal(got, value.Int(v))
	case float64:
		return value.Equal(got, value.Float(v)) && (v != 0 || got.N == 0)
	case string:
		return value.Equal(got, value.Text(v))
	}
	return value.Equal(got, value.BoolOf(want.v.(bool)))
}

func TestAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]value.Kind{value.Int64, value.Float64, value.String, value.Bool}).Draw(t, "kind")
		x := grow(t, kind, rapid.IntRange(0, 4).Draw(t, "depth"))
		if len(x.cel) > MaxSource {
			return
		}
		e, err := Compile(x.cel, modelFields)
		event := drawEvent(t)
		if err != nil {
			if want := x.eval(event); agrees(want, value.Value{}, err) {
				return // a constant that always fails
			}
			t.Fatalf("compile: %v", err)
		}
		if e.Type().Kind != kind {
			t.Fatalf("%s is of type %s, want %s", x.cel, e.Type(), kind)
		}
		for range 3 {
			want := x.eval(event)
			got, err := e.Eval(event)
			if !agrees(want, got, err) {
				t.Fatalf("%s over %v\n= %v, %v\nwant %+v", x.cel, event, got, err, want)
			}
			held, condErr := e.Cond(event)
			if kind == value.Bool && (held != (want.v == true && want.ok()) || (condErr != nil) != (err != nil)) {
				t.Fatalf("condition %s over %v: %v, %v, want %+v", x.cel, event, held, condErr, want)
			}
			event = drawEvent(t)
		}
	})
}

func TestFastPathMeansWhatCELMeans(t *testing.T) {
	seen := 0
	rapid.Check(t, func(t *rapid.T) {
		x := growFast(t, rapid.IntRange(0, 3).Draw(t, "depth"))
		e, err := Compile(x, modelFields)
		if err != nil {
			t.Fatal(err)
		}
		if e.fast == nil {
			t.Fatalf("%s has no fast path", x)
		}
		seen++
		for range 4 {
			event := drawEvent(t)
			got := e.fast.eval(event).value()
			want, err := e.run(event)
			if err != nil || !value.Equal(got, want) {
				t.Fatalf("%s over %v: fast %v, CEL %v, %v", x, event, got, want, err)
			}
		}
	})
	if seen == 0 {
		t.Fatal("no fast path was tried")
	}
}

// spelled is a literal in CEL.
func spelled(v any) string {
	switch v := v.(type) {
	case float64:
		return string(value.AppendFloat(nil, v))
	case string:
		return "'" + v + "'"
	case stamp.Micros:
		return "timestamp('" + v.String() + "')"
	}
	return fmt.Sprint(v)
}

// growFast draws a condition that the fast path must take.
func growFast(t *rapid.T, depth int) string {
	if depth > 0 {
		l, r := growFast(t, depth-1), growFast(t, depth-1)
		switch rapid.IntRange(0, 2).Draw(t, "join") {
		case 0:
			return "!(" + l + ")"
		case 1:
			return "(" + l + ") && (" + r + ")"
		}
		return "(" + l + ") || (" + r + ")"
	}
	if rapid.IntRange(0, 4).Draw(t, "null test") == 0 {
		return growNullTest(t).cel
	}
	i := rapid.IntRange(0, len(modelFields)-1).Draw(t, "field")
	kind, ops := modelFields[i].Type.Kind, []string{"<", "<=", "==", "!=", ">=", ">"}
	if kind == value.Int64 || kind == value.Float64 {
		kind = rapid.SampledFrom([]value.Kind{value.Int64, value.Float64}).Draw(t, "literal")
	}
	if kind != value.Timestamp && rapid.IntRange(0, 4).Draw(t, "list") == 0 {
		items := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string { return spelled(literal(t, kind)) }), 1, maxMembers).Draw(t, "items")
		return modelFields[i].Name + " in [" + strings.Join(items, ", ") + "]"
	}
	text, op := spelled(literal(t, kind)), rapid.SampledFrom(ops).Draw(t, "op")
	if rapid.Bool().Draw(t, "turned") {
		return text + " " + op + " " + modelFields[i].Name
	}
	return modelFields[i].Name + " " + op + " " + text
}
