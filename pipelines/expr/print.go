package expr

import (
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/parser"

	"anabranch.dev/anabranch/schemas/value"
)

// canonical prints a parsed tree so that it parses to the same tree. CEL's own
// printer writes doubles like 1e+10.0, which do not parse, and -(-x) as --x,
// which parses to x: names that spell these parts out stand in for them.
func canonical(tree *ast.AST) (string, error) {
	tree = ast.Copy(tree)
	p := printer{make: ast.NewExprFactory(), info: tree.SourceInfo()}
	ast.PostOrderVisit(tree.Expr(), ast.NewExprVisitor(p.spell))
	for _, call := range tree.SourceInfo().MacroCalls() {
		ast.PostOrderVisit(call, ast.NewExprVisitor(p.spell))
	}
	if p.err != nil {
		return "", p.err
	}
	return parser.Unparse(tree.Expr(), tree.SourceInfo())
}

type printer struct {
	make ast.ExprFactory
	info *ast.SourceInfo
	err  error
}

// spell handles one node; its children are done.
func (p *printer) spell(e ast.Expr) {
	switch e.Kind() {
	case ast.LiteralKind:
		if f, ok := e.AsLiteral().(types.Double); ok {
			e.SetKindCase(p.make.NewIdent(e.ID(), string(value.AppendFloat(nil, float64(f)))))
		}
	case ast.CallKind:
		if name := e.AsCall().FunctionName(); name == operators.Negate || name == operators.LogicalNot {
			p.parenthesize(e.AsCall().Args()[0])
		}
	}
}

// parenthesize keeps the operand of a sign apart from the sign.
func (p *printer) parenthesize(e ast.Expr) {
	switch e.Kind() {
	case ast.LiteralKind:
	case ast.IdentKind:
		if c := e.AsIdent()[0]; c != '-' && (c < '0' || c > '9') {
			return
		}
	case ast.CallKind:
		if name := e.AsCall().FunctionName(); name != operators.Negate && name != operators.LogicalNot {
			return
		}
	default:
		return
	}
	text, err := parser.Unparse(e, p.info)
	if err != nil {
		p.err = err
		return
	}
	e.SetKindCase(p.make.NewIdent(e.ID(), "("+text+")"))
}
