package tidy

import (
	"go/ast"
	"go/token"
	"regexp"
	"strconv"
	"strings"
)

// metricPrefix begins every metric's name.
const metricPrefix = "anabranch_"

// metricName is anabranch_<area>_<noun and unit>.
var metricName = regexp.MustCompile(`^anabranch_[a-z]+_[a-z0-9_]+$`)

// optionTypes are the Prometheus option structs that name a metric.
var optionTypes = map[string]bool{"CounterOpts": true, "GaugeOpts": true, "HistogramOpts": true, "SummaryOpts": true, "Opts": true}

// metrics checks every string that begins like a metric's name, and the Name
// of every Prometheus option struct. Namespace and Subsystem would split a
// name into parts that no search finds.
func metrics(t *Tree) (out []Violation) {
	for _, f := range t.shipped() {
		ast.Inspect(f.Go, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.BasicLit:
				if name, ok := text(n); ok && strings.HasPrefix(name, metricPrefix) && name != metricPrefix && !metricName.MatchString(name) {
					out = append(out, t.at(f, n.Pos(), "metric %q is not anabranch_<area>_<noun>_<unit>", name))
				}
			case *ast.CompositeLit:
				out = append(out, t.badOptions(f, n)...)
			}
			return true
		})
	}
	return out
}

func (t *Tree) badOptions(f *File, lit *ast.CompositeLit) (out []Violation) {
	sel, ok := lit.Type.(*ast.SelectorExpr)
	if !ok || !optionTypes[sel.Sel.Name] {
		return nil
	}
	for _, e := range lit.Elts {
		kv, ok := e.(*ast.KeyValueExpr)
		if !ok {
			continue
		}
		key, _ := kv.Key.(*ast.Ident)
		name, literal := text(kv.Value)
		switch {
		case key == nil:
		case key.Name == "Namespace" || key.Name == "Subsystem":
			out = append(out, t.at(f, kv.Pos(), "%s splits a metric's name: write it whole in Name", key.Name))
		case key.Name == "Name" && literal && !strings.HasPrefix(name, metricPrefix):
			out = append(out, t.at(f, kv.Pos(), "metric %q is not anabranch_<area>_<noun>_<unit>", name))
		}
	}
	return out
}

// text is the value of a string literal.
func text(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(lit.Value)
	return s, err == nil
}
