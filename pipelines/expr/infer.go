package expr

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/decls"
	"github.com/google/cel-go/common/types"

	"anabranch.dev/anabranch/schemas/definition"
)

// Internal names begin with @, which no source can spell, and a mark.
const (
	markField  = 'f' // @f3: field 3
	markIsNull = 'n' // @n3: whether field 3 is null
	markNull   = 'z' // @z3: a null of the type that its place wants
)

// checker infers types bottom-up and rewrites the parsed tree in place into
// one that CEL's own checker accepts: fields and null tests get internal
// names, ints that meet doubles are converted.
type checker struct {
	env       *cel.Env
	functions map[string]*decls.FunctionDecl
	make      ast.ExprFactory
	source    *ast.SourceInfo
	fields    []definition.Field
	used      []bool
	declared  map[string]bool
	variables []cel.EnvOption
	nextID    int64
	nulls     int
	loops     bool
}

// scope holds the variables of the comprehensions around a node.
type scope struct {
	name  string
	typ   *cel.Type
	outer *scope
}

func (s *scope) find(name string) *cel.Type {
	for ; s != nil; s = s.outer {
		if s.name == name {
			return s.typ
		}
	}
	return nil
}

func newChecker(env *cel.Env, tree *ast.AST, fields []definition.Field) *checker {
	return &checker{
		env: env, functions: env.Functions(), make: ast.NewExprFactory(), source: tree.SourceInfo(),
		fields: fields, used: make([]bool, len(fields)), declared: map[string]bool{}, nextID: ast.MaxID(tree) + 1,
	}
}

// anyType stands for the items of an empty list.
var anyType = types.NewTypeParamType("item")

// infer returns the type of e, rewritten.
func (c *checker) infer(e ast.Expr, s *scope) (*cel.Type, error) {
	switch e.Kind() {
	case ast.LiteralKind:
		return c.literal(e)
	case ast.IdentKind:
		return c.ident(e, s)
	case ast.CallKind:
		return c.call(e, s)
	case ast.ListKind:
		items, err := c.inferAll(e.AsList().Elements(), s)
		if err != nil {
			return nil, err
		}
		elem, err := c.join(e, "items of a list", e.AsList().Elements(), items)
		return cel.ListType(elem), err
	case ast.MapKind:
		return c.mapLiteral(e, s)
	case ast.ComprehensionKind:
		return c.comprehension(e, s)
	case ast.SelectKind:
		return nil, c.fail(e, "nothing has parts: .%s is not available", e.AsSelect().FieldName())
	}
	return nil, c.fail(e, "messages are not available")
}

func (c *checker) inferAll(list []ast.Expr, s *scope) ([]*cel.Type, error) {
	out := make([]*cel.Type, len(list))
	for i, e := range list {
		t, err := c.infer(e, s)
		if err != nil {
			return nil, err
		}
		out[i] = t
	}
	return out, nil
}

func (c *checker) literal(e ast.Expr) (*cel.Type, error) {
	switch t := e.AsLiteral().Type(); t {
	case types.NullType:
		return nil, c.fail(e, "null can be compared with a field by == and !=, or be a branch of ?:")
	case types.UintType:
		return nil, c.fail(e, "unsigned numbers are not available: write it without u")
	default:
		return t.(*cel.Type), nil
	}
}

func (c *checker) ident(e ast.Expr, s *scope) (*cel.Type, error) {
	if t := s.find(e.AsIdent()); t != nil {
		return t, nil
	}
	i, err := c.field(e)
	if err != nil {
		return nil, err
	}
	t, err := readable(c.fields[i])
	if err != nil {
		return nil, c.fail(e, "%w", err)
	}
	c.name(e, markField, i, t)
	return t, nil
}

// field is the index of the field that an identifier names.
func (c *checker) field(e ast.Expr) (int, error) {
	name := e.AsIdent()
	for i := range c.fields {
		if c.fields[i].Name == name {
			c.used[i] = true
			return i, nil
		}
	}
	if len(c.fields) == 0 {
		return 0, c.fail(e, "unknown field %q: there are no fields", name)
	}
	return 0, c.fail(e, "unknown field %q%s; the fields are %s", name, definition.Hint(name, fieldNames(c.fields)), strings.Join(fieldNames(c.fields), ", "))
}

// name turns e into a declared variable.
func (c *checker) name(e ast.Expr, mark byte, i int, t *cel.Type) {
	name := "@" + string(mark) + strconv.Itoa(i)
	if !c.declared[name] {
		c.declared[name] = true
		c.variables = append(c.variables, cel.Variable(name, t))
	}
	e.SetKindCase(c.make.NewIdent(e.ID(), name))
}

// join is the one type of several expressions, of which ints become doubles
// where they meet doubles.
func (c *checker) join(at ast.Expr, what string, list []ast.Expr, have []*cel.Type) (*cel.Type, error) {
	if mixed(have) {
		c.widen(list, have)
	}
	all := anyType
	for _, t := range have {
		merged := merge(all, t)
		if merged == nil {
			return nil, c.fail(at, "%s are of different types: %s and %s", what, typeName(all), typeName(t))
		}
		all = merged
	}
	return all, nil
}

// widen converts the ints of list to doubles.
func (c *checker) widen(list []ast.Expr, have []*cel.Type) {
	for i, t := range have {
		if t.Kind() == types.IntKind {
			c.toDouble(list[i])
			have[i] = cel.DoubleType
		}
	}
}

// toDouble replaces e by double(e), a literal at once.
func (c *checker) toDouble(e ast.Expr) {
	if e.Kind() == ast.LiteralKind {
		n := e.AsLiteral().(types.Int)
		e.SetKindCase(c.make.NewLiteral(e.ID(), types.Double(n)))
		return
	}
	c.wrap(e, "double")
}

// wrap replaces e by function(e).
func (c *checker) wrap(e ast.Expr, function string) {
	inner := c.make.CopyExpr(e)
	inner.RenumberIDs(func(id int64) int64 {
		if id != e.ID() {
			return id
		}
		c.nextID++
		return c.nextID
	})
	e.SetKindCase(c.make.NewCall(e.ID(), function, inner))
}

func (c *checker) mapLiteral(e ast.Expr, s *scope) (*cel.Type, error) {
	var keys, values []ast.Expr
	for _, entry := range e.AsMap().Entries() {
		keys = append(keys, entry.AsMapEntry().Key())
		values = append(values, entry.AsMapEntry().Value())
	}
	keyTypes, err := c.inferAll(keys, s)
	if err != nil {
		return nil, err
	}
	valueTypes, err := c.inferAll(values, s)
	if err != nil {
		return nil, err
	}
	key := anyType
	for _, t := range keyTypes {
		if key = merge(key, t); key == nil || t.Kind() != types.StringKind && t.Kind() != types.IntKind && t.Kind() != types.BoolKind {
			return nil, c.fail(e, "keys of a map must all be strings, all ints or all bools")
		}
	}
	val, err := c.join(e, "values of a map", values, valueTypes)
	return cel.MapType(key, val), err
}

// comprehension infers what the macros all, exists, exists_one, map and filter
// expand to: a loop over a list with one accumulator.
func (c *checker) comprehension(e ast.Expr, s *scope) (*cel.Type, error) {
	loop := e.AsComprehension()
	c.loops = true
	list, err := c.infer(loop.IterRange(), s)
	if err != nil {
		return nil, err
	}
	if list.Kind() != types.ListKind {
		return nil, c.fail(loop.IterRange(), "all, exists, exists_one, map and filter take lists, not %s", typeName(list))
	}
	start, err := c.infer(loop.AccuInit(), s)
	if err != nil {
		return nil, err
	}
	inner := &scope{loop.IterVar(), list.Parameters()[0], &scope{loop.AccuVar(), start, s}}
	if _, err := c.infer(loop.LoopCondition(), inner); err != nil {
		return nil, err
	}
	step, err := c.infer(loop.LoopStep(), inner)
	if err != nil {
		return nil, err
	}
	return c.infer(loop.Result(), &scope{loop.AccuVar(), step, s})
}

// fail is an error at e's column.
func (c *checker) fail(e ast.Expr, format string, args ...any) error {
	at := c.source.GetStartLocation(e.ID())
	return fmt.Errorf("column %d: %w", at.Column()+1, fmt.Errorf(format, args...))
}
