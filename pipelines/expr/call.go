package expr

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/decls"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"

	"anabranch.dev/anabranch/schemas/definition"
)

// allowed are the functions of the language beside the operators.
var allowed = map[string]bool{
	"size": true, "contains": true, "startsWith": true, "endsWith": true, "matches": true,
	"int": true, "double": true, "string": true, "bytes": true, "bool": true, "timestamp": true, "duration": true,
	"getFullYear": true, "getMonth": true, "getDate": true, "getDayOfMonth": true, "getDayOfWeek": true, "getDayOfYear": true,
	"getHours": true, "getMinutes": true, "getSeconds": true, "getMilliseconds": true,
	"charAt": true, "indexOf": true, "join": true, "lastIndexOf": true, "lowerAscii": true, "replace": true,
	"split": true, "substring": true, "trim": true, "upperAscii": true,
}

// macros are named in hints beside the functions.
var macros = []string{"all", "exists", "exists_one", "map", "filter"}

// mixing are the operators whose operands may be an int and a double.
var mixing = map[string]bool{
	operators.Add: true, operators.Subtract: true, operators.Multiply: true, operators.Divide: true,
	operators.Equals: true, operators.NotEquals: true, operators.Less: true, operators.LessEquals: true,
	operators.Greater: true, operators.GreaterEquals: true, operators.Conditional: true,
}

func (c *checker) call(e ast.Expr, s *scope) (*cel.Type, error) {
	call := e.AsCall()
	name := call.FunctionName()
	if err := c.permitted(e, name); err != nil {
		return nil, err
	}
	if (name == operators.Equals || name == operators.NotEquals) && (isNull(call.Args()[0]) || isNull(call.Args()[1])) {
		return c.nullTest(e, s)
	}
	if name == operators.Conditional {
		return c.conditional(e, s)
	}
	args := call.Args()
	if call.IsMemberFunction() {
		args = append([]ast.Expr{call.Target()}, args...)
	}
	have, err := c.inferAll(args, s)
	if err != nil {
		return nil, err
	}
	if mixing[name] && mixed(have) {
		c.widen(args, have)
	}
	if name == operators.In {
		c.mixMembership(args, have)
	}
	if err := c.restrict(e, name, args, have); err != nil {
		return nil, err
	}
	if t := result(c.functions[name], call.IsMemberFunction(), have); t != nil {
		return t, nil
	}
	return nil, c.fail(e, "%s", misfit(name, call.IsMemberFunction(), have))
}

func (c *checker) permitted(e ast.Expr, name string) error {
	_, operator := operators.FindReverse(name)
	switch {
	case name == "has":
		return c.fail(e, "has() is for messages: write x != null to test whether field x is set")
	case allowed[name], operator, name == operators.NotStrictlyFalse, name == operators.Conditional, name == operators.Index:
		return nil
	}
	names := append([]string(nil), macros...)
	for f := range allowed {
		names = append(names, f)
	}
	return c.fail(e, "function %s is not available%s", name, definition.Hint(name, names))
}

func isNull(e ast.Expr) bool {
	return e.Kind() == ast.LiteralKind && e.AsLiteral().Type() == types.NullType
}

// nullTest rewrites x == null and x != null, in either order.
func (c *checker) nullTest(e ast.Expr, s *scope) (*cel.Type, error) {
	name, x := e.AsCall().FunctionName(), e.AsCall().Args()[0]
	if isNull(x) {
		x = e.AsCall().Args()[1]
	}
	if x.Kind() != ast.IdentKind || s.find(x.AsIdent()) != nil {
		return nil, c.fail(e, "only a field can be compared with null")
	}
	i, err := c.field(x)
	if err != nil {
		return nil, err
	}
	if !usable(c.fields[i].Type) {
		_, err := readable(c.fields[i])
		return nil, c.fail(x, "%w", err)
	}
	c.name(x, markIsNull, i, cel.BoolType)
	if name == operators.Equals {
		e.SetKindCase(x)
	} else {
		e.SetKindCase(c.make.NewCall(e.ID(), operators.LogicalNot, x))
	}
	return cel.BoolType, nil
}

// conditional infers c ? a : b, where one of a and b may be null.
func (c *checker) conditional(e ast.Expr, s *scope) (*cel.Type, error) {
	args := e.AsCall().Args()
	test, err := c.infer(args[0], s)
	switch {
	case err != nil:
		return nil, err
	case test.Kind() != types.BoolKind:
		return nil, c.fail(args[0], "the condition of ?: is of type %s, not bool", typeName(test))
	case isNull(args[1]):
		return c.nullBranch(args[2], args[1], s)
	case isNull(args[2]):
		return c.nullBranch(args[1], args[2], s)
	}
	have, err := c.inferAll(args[1:], s)
	if err != nil {
		return nil, err
	}
	return c.join(e, "branches of ?:", args[1:], have)
}

func (c *checker) nullBranch(branch, null ast.Expr, s *scope) (*cel.Type, error) {
	t, err := c.infer(branch, s)
	if err != nil {
		return nil, err
	}
	c.name(null, markNull, c.nulls, t)
	c.nulls++
	return t, nil
}

// mixMembership lets an int be looked for among doubles and the reverse.
func (c *checker) mixMembership(args []ast.Expr, have []*cel.Type) {
	if have[1].Kind() != types.ListKind {
		return
	}
	elem := have[1].Parameters()[0]
	if !mixed([]*cel.Type{have[0], elem}) {
		return
	}
	switch {
	case elem.Kind() == types.DoubleKind:
		c.toDouble(args[0])
		have[0] = cel.DoubleType
	case args[1].Kind() == ast.ListKind:
		for _, item := range args[1].AsList().Elements() {
			c.toDouble(item)
		}
		have[1] = cel.ListType(cel.DoubleType)
	default:
		// CEL compares numbers of different types at run time by their size.
		c.wrap(args[0], "dyn")
		have[0] = elem
	}
}

var fixedZone = regexp.MustCompile(`^(UTC|[+-][0-9]{2}:[0-9]{2})$`)

// restrict bounds what patterns and time zones may be.
func (c *checker) restrict(e ast.Expr, name string, args []ast.Expr, have []*cel.Type) error {
	switch {
	case name == "matches" && len(args) == 2:
		pattern, ok := text(args[1])
		if !ok {
			return c.fail(e, "the pattern of matches must be a literal string")
		}
		if _, err := regexp.Compile(pattern); err != nil {
			return c.fail(e, "pattern: %w", err)
		}
	case strings.HasPrefix(name, "get") && len(args) == 2:
		if zone, ok := text(args[1]); !ok || !fixedZone.MatchString(zone) {
			return c.fail(e, `the time zone of %s must be a literal "UTC" or "+01:00": names of zones change meaning between machines`, name)
		}
	}
	return nil
}

func text(e ast.Expr) (string, bool) {
	if e.Kind() != ast.LiteralKind {
		return "", false
	}
	s, ok := e.AsLiteral().(types.String)
	return string(s), ok
}

// result is the result type of the overload of f that takes args, or nil.
func result(f *decls.FunctionDecl, member bool, args []*cel.Type) *cel.Type {
	if f == nil {
		return nil
	}
	for _, o := range f.OverloadDecls() {
		if o.IsMemberFunction() != member || len(o.ArgTypes()) != len(args) {
			continue
		}
		bound, fits := map[string]*cel.Type{}, true
		for i, param := range o.ArgTypes() {
			fits = fits && unify(param, args[i], bound)
		}
		if fits {
			return substitute(o.ResultType(), bound)
		}
	}
	return nil
}

// unify reports whether a parameter takes an argument, and binds type
// parameters.
func unify(param, arg *cel.Type, bound map[string]*cel.Type) bool {
	if param.Kind() == types.TypeParamKind {
		have := bound[param.TypeName()]
		if have == nil {
			have = anyType
		}
		merged := merge(have, arg)
		bound[param.TypeName()] = merged
		return merged != nil
	}
	if arg.Kind() == types.TypeParamKind {
		return true
	}
	if param.Kind() != arg.Kind() || len(param.Parameters()) != len(arg.Parameters()) {
		return false
	}
	for i, p := range param.Parameters() {
		if !unify(p, arg.Parameters()[i], bound) {
			return false
		}
	}
	return true
}

func substitute(t *cel.Type, bound map[string]*cel.Type) *cel.Type {
	switch t.Kind() {
	case types.TypeParamKind:
		if b := bound[t.TypeName()]; b != nil {
			return b
		}
		return anyType
	case types.ListKind:
		return cel.ListType(substitute(t.Parameters()[0], bound))
	case types.MapKind:
		return cel.MapType(substitute(t.Parameters()[0], bound), substitute(t.Parameters()[1], bound))
	}
	return t
}

// merge is the type of what is both a and b, or nil. Items of empty lists are
// of any type.
func merge(a, b *cel.Type) *cel.Type {
	switch {
	case a.Kind() == types.TypeParamKind:
		return b
	case b.Kind() == types.TypeParamKind:
		return a
	case a.Kind() != b.Kind():
		return nil
	case a.Kind() == types.ListKind:
		if elem := merge(a.Parameters()[0], b.Parameters()[0]); elem != nil {
			return cel.ListType(elem)
		}
		return nil
	case a.Kind() == types.MapKind:
		key, val := merge(a.Parameters()[0], b.Parameters()[0]), merge(a.Parameters()[1], b.Parameters()[1])
		if key == nil || val == nil {
			return nil
		}
		return cel.MapType(key, val)
	}
	return a
}

// mixed reports whether there are ints as well as doubles.
func mixed(list []*cel.Type) bool {
	ints, doubles := false, false
	for _, t := range list {
		ints = ints || t.Kind() == types.IntKind
		doubles = doubles || t.Kind() == types.DoubleKind
	}
	return ints && doubles
}

// misfit says that a function does not take these types.
func misfit(name string, member bool, have []*cel.Type) string {
	parts := make([]string, len(have))
	for i, t := range have {
		parts[i] = typeName(t)
	}
	if symbol, ok := operators.FindReverse(name); ok && symbol != "" {
		return fmt.Sprintf("operator %s does not take %s", symbol, strings.Join(parts, " and "))
	}
	if name == operators.Index {
		return fmt.Sprintf("%s cannot be indexed by %s", parts[0], parts[1])
	}
	if member {
		return fmt.Sprintf("%s.%s does not take (%s)", parts[0], name, strings.Join(parts[1:], ", "))
	}
	return fmt.Sprintf("%s does not take (%s)", name, strings.Join(parts, ", "))
}
