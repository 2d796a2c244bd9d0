package expr

import (
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/parser"

	"anabranch.dev/anabranch/schemas/value"
)

// canonical prints a parsed tree. CEL's printer writes doubles like 1e+10.0,
// which do not parse: names that spell the number stand in for them.
func canonical(tree *ast.AST) (string, error) {
	tree = ast.Copy(tree)
	spell := ast.NewExprVisitor(spellDouble)
	ast.PostOrderVisit(tree.Expr(), spell)
	for _, call := range tree.SourceInfo().MacroCalls() {
		ast.PostOrderVisit(call, spell)
	}
	return parser.Unparse(tree.Expr(), tree.SourceInfo())
}

func spellDouble(e ast.Expr) {
	if e.Kind() != ast.LiteralKind {
		return
	}
	if f, ok := e.AsLiteral().(types.Double); ok {
		text := string(value.AppendFloat(nil, float64(f)))
		e.SetKindCase(ast.NewExprFactory().NewIdent(e.ID(), text))
	}
}
