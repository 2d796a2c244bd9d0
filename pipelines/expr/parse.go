package expr

import (
	"errors"
	"fmt"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"

	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/value"
)

const (
	maxNesting = 250     // of rules of the grammar: operators in a row, calls, brackets
	costLimit  = 250_000 // of one evaluation of loops, in CEL's units: about one a step, under half a second
)

// base is the language: CEL's standard library, the macros but has(), which is
// for messages, and the string functions of this package.
func base() (*cel.Env, error) {
	options := []cel.EnvOption{
		cel.StdLib(),
		cel.ClearMacros(),
		cel.Macros(cel.AllMacro, cel.ExistsMacro, cel.ExistsOneMacro, cel.MapMacro, cel.MapFilterMacro, cel.FilterMacro),
		cel.EnableMacroCallTracking(),
		cel.ParserRecursionLimit(maxNesting),
		cel.ParserExpressionSizeLimit(MaxSource),
		cel.EagerlyValidateDeclarations(false),
	}
	return cel.NewCustomEnv(append(options, stringFunctions()...)...)
}

func compileCEL(text string, fields []definition.Field) (*Expr, error) {
	env, err := base()
	if err != nil {
		return nil, fmt.Errorf("BUG: environment: %w", err)
	}
	tree, issues := env.Parse(text)
	if issues.Err() != nil {
		return nil, firstIssue(issues)
	}
	printed, err := canonical(tree.NativeRep())
	if err != nil {
		return nil, fmt.Errorf("cannot be printed: %w", err)
	}
	c := newChecker(env, tree.NativeRep(), fields)
	if _, err := c.infer(tree.NativeRep().Expr(), nil); err != nil {
		return nil, err
	}
	e := &Expr{text: printed, plain: -1}
	return e, e.plan(c, tree)
}

// plan checks the rewritten tree and makes the expression's program.
func (e *Expr) plan(c *checker, tree *cel.Ast) error {
	env, err := c.env.Extend(c.variables...)
	if err != nil {
		return fmt.Errorf("BUG: environment: %w", err)
	}
	checked, issues := env.Check(tree)
	if issues.Err() != nil {
		return firstIssue(issues)
	}
	var ok bool
	if e.typ, ok = resultType(checked.OutputType()); !ok {
		return unusableResult(checked.OutputType())
	}
	options := []cel.ProgramOption{cel.EvalOptions(cel.OptOptimize)}
	if c.loops {
		options = append(options, cel.CostTracking(scanCost{}), cel.CostLimit(costLimit))
	}
	if e.program, err = env.Program(checked, options...); err != nil {
		return fmt.Errorf("a constant in it fails: %w", err)
	}
	e.adopt(c, tree.NativeRep().Expr())
	return e.settle()
}

// adopt takes over what the checker learnt about the fields.
func (e *Expr) adopt(c *checker, root ast.Expr) {
	e.fields = make([]reader, len(c.fields))
	for i, used := range c.used {
		if used {
			e.reads = append(e.reads, i)
			e.fields[i] = toCEL
		}
	}
	e.fast = fastTest(root, c.fields)
}

// settle evaluates an expression that reads no field, once and for all.
func (e *Expr) settle() error {
	if len(e.reads) > 0 {
		return nil
	}
	v, err := e.run(nil)
	if err != nil {
		return fmt.Errorf("fails for every event: %w", errors.Unwrap(err))
	}
	e.constant = &v
	return nil
}

func unusableResult(t *cel.Type) error {
	hint := ""
	if t.String() == cel.DurationType.String() {
		hint = "; .getSeconds() or .getMilliseconds() makes an int of it"
	}
	return fmt.Errorf("result is a %s: want an int, double, string, bool, bytes, timestamp or a list of these%s", typeName(t), hint)
}

// typeName is t as the language spells it.
func typeName(t *cel.Type) string {
	return strings.NewReplacer("google.protobuf.Duration", "duration", "google.protobuf.Timestamp", "timestamp").Replace(t.String())
}

// firstIssue is CEL's first complaint on one line.
func firstIssue(issues *cel.Issues) error {
	all := issues.Errors()
	if len(all) == 0 {
		return errors.New(oneLine(issues.Err().Error()))
	}
	msg, _, _ := strings.Cut(all[0].Message, " expecting ")
	hint := ""
	switch {
	case strings.Contains(msg, "token recognition error at: '='"), strings.Contains(msg, "token recognition error at: '= '"):
		hint = "; equality is =="
	case strings.Contains(msg, "token recognition error at: '&"):
		hint = "; and is &&"
	case strings.Contains(msg, "token recognition error at: '|"):
		hint = "; or is ||"
	}
	if all[0].Location.Column() < 0 {
		return errors.New(oneLine(msg))
	}
	return fmt.Errorf("column %d: %s%s", all[0].Location.Column()+1, oneLine(msg), hint)
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func fieldNames(fields []definition.Field) []string {
	names := make([]string, len(fields))
	for i := range fields {
		names[i] = fields[i].Name
	}
	return names
}

// readable is CEL's type of a field, or why there is none.
func readable(f definition.Field) (*cel.Type, error) {
	t := celType(f.Type)
	switch {
	case t != nil:
		return t, nil
	case f.Type.Kind == value.Decimal:
		return nil, fmt.Errorf("field %q is a %s, which expressions cannot read: use the field alone, as of: %s", f.Name, f.Type, f.Name)
	case usable(f.Type):
		return nil, fmt.Errorf("field %q is a %s, which expressions cannot read: use the field alone, as of: %s", f.Name, f.Type, f.Name)
	}
	return nil, fmt.Errorf("field %q is of type %s, which no feature can use", f.Name, avroName(f))
}
