package expr

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types/ref"

	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/value"
)

// MaxSource bounds the text of an expression, in bytes.
const MaxSource = 4096

// Expr is a compiled expression over the fields of one stream.
type Expr struct {
	text  string
	typ   value.Type
	reads []int

	plain    int          // index of the bare field, or -1
	constant *value.Value // the value of an expression that reads nothing
	fast     *test        // a condition that needs no CEL, or nil
	program  cel.Program
	fields   []reader // by index in the stream's fields; only read ones set
}

// Compile compiles src over the fields of a stream. Its errors are one line,
// name the column (from 1) and say what to do.
func Compile(src string, fields []definition.Field) (*Expr, error) {
	text := strings.TrimSpace(src)
	e, err := compile(text, fields)
	if err != nil {
		return nil, fmt.Errorf("expression %q: %w", abridged(text), err)
	}
	return e, nil
}

func compile(text string, fields []definition.Field) (*Expr, error) {
	switch {
	case text == "":
		return nil, errors.New("is empty: want a field name or a CEL expression")
	case len(text) > MaxSource:
		return nil, fmt.Errorf("has %d bytes: at most %d are allowed", len(text), MaxSource)
	}
	for i := range fields {
		if fields[i].Name == text {
			return plain(i, fields[i])
		}
	}
	return compileCEL(text, fields)
}

func plain(index int, f definition.Field) (*Expr, error) {
	if !usable(f.Type) {
		return nil, fmt.Errorf("field %q is of type %s, which no feature can use", f.Name, avroName(f))
	}
	return &Expr{text: f.Name, typ: f.Type, reads: []int{index}, plain: index}, nil
}

// Type is the type of the result.
func (e *Expr) Type() value.Type { return e.typ }

// Fields are the indexes of the fields that the expression reads, ascending
// and distinct. The caller owns the slice.
func (e *Expr) Fields() []int { return slices.Clone(e.reads) }

// Plain reports whether the expression is a bare field name, and the field's
// index.
func (e *Expr) Plain() (int, bool) { return e.plain, e.plain >= 0 }

// String is the expression parsed and printed again: two sources that differ
// in white space and needless parentheses only have the same String, which
// compiles to the same expression.
func (e *Expr) String() string { return e.text }

// Eval evaluates the expression over one event's fields, indexed as those
// given to Compile; only the fields of [Expr.Fields] are looked at. Null means
// that a null field decided the result. An error is a run-time error and comes
// with null. The result may share the slices of fields.
func (e *Expr) Eval(fields []value.Value) (value.Value, error) {
	switch {
	case e.plain >= 0:
		return fields[e.plain], nil
	case e.fast != nil:
		return e.fast.eval(fields).value(), nil
	case e.constant != nil:
		return *e.constant, nil
	}
	return e.run(fields)
}

// Cond evaluates a boolean expression as a condition: null does not hold. An
// error is a run-time error and comes with false.
func (e *Expr) Cond(fields []value.Value) (bool, error) {
	if e.fast != nil {
		return e.fast.eval(fields) == yes, nil
	}
	v, err := e.Eval(fields)
	return v.Kind == value.Bool && v.N != 0, err
}

func (e *Expr) run(fields []value.Value) (value.Value, error) {
	out, _, err := e.program.Eval(&activation{expr: e, fields: fields})
	switch {
	case errors.Is(err, errNull):
		return value.Value{}, nil
	case err != nil:
		return value.Value{}, fmt.Errorf("expression %s: %w", e.text, err)
	}
	v, err := fromCEL(out, e.typ)
	if err != nil {
		return value.Value{}, fmt.Errorf("expression %s: %w", e.text, err)
	}
	return v, nil
}

// activation lends one event's fields to CEL under their internal names.
type activation struct {
	expr   *Expr
	fields []value.Value
}

// ResolveName implements cel.Activation: @f3 is field 3, @n3 whether it is
// null, @z3 a null of any type.
func (a *activation) ResolveName(name string) (any, bool) {
	if len(name) < 3 || name[0] != '@' {
		return nil, false
	}
	switch name[1] {
	case markField:
		i := number(name[2:])
		return a.expr.fields[i](a.fields[i]), true
	case markIsNull:
		return celBool(a.fields[number(name[2:])].IsNull()), true
	case markNull:
		return celNull, true
	}
	return nil, false
}

// Parent implements cel.Activation.
func (a *activation) Parent() cel.Activation { return nil }

func number(digits string) (n int) {
	for _, c := range []byte(digits) {
		n = n*10 + int(c-'0')
	}
	return n
}

func abridged(text string) string {
	if len(text) > 80 {
		return strings.ToValidUTF8(text[:77], "") + "..."
	}
	return text
}

var _ ref.Val = celNull
