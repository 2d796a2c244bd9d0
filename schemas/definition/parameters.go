package definition

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"anabranch.dev/anabranch/schemas/value"
)

func (b *builder) feature(n *node, name string, s *Stream) Feature {
	f := Feature{
		Pos: n.pos(), Name: name, Kind: n.string("kind"), Of: n.expression("of"), By: n.expression("by"), Where: n.expression("where"),
		Window: optionalSpan(n, "window"), Pane: optionalSpan(n, "pane"),
		Scale: int32(n.integer("scale", -1)), As: n.string("as"), K: n.integer("k", 0), Max: n.integer("max", 0),
		RemoveWhere: n.expression("remove_where"), Precision: n.integer("precision", 0),
		Weight: n.expression("weight"), Exact: n.string("exact") == "true", Observed: n.string("removes") == "observed",
		Error: n.number("error", 0), Q: n.numbers("q", nil), RelativeError: n.number("relative_error", 0),
		HalfLife: optionalSpan(n, "half_life"), Dim: n.integer("dim", 0), Bits: n.integer("bits", 0), Basis: n.string("basis"),
		ErrorBudget: n.number("error_budget", 0), Sensitivity: n.number("sensitivity", 0), Discrepancy: n.string("discrepancy"),
		Description: n.string("description"), Tags: n.table("tags"),
	}
	b.pane(n, &f)
	if rule := ruleOf(f.Kind); rule != nil {
		b.parameters(n, &f, rule)
		b.together(n, &f)
		b.discrepancy(n, &f, rule, b.inputs(n, &f, rule, s))
	}
	return f
}

// parameters checks which keys the kind takes and fills in its defaults.
func (b *builder) parameters(n *node, f *Feature, rule *kindRule) {
	what := fmt.Sprintf("feature %s of kind %s", quote(f.Name), f.Kind)
	for i, k := range n.keys {
		known := featureShape.key(k.text)
		if known != nil && !known.later && !n.vals[i].bad && !rule.takes(k.text) {
			b.report(k, what+" takes no "+k.text, strings.Join(rule.allowed(), ", "), "")
		}
	}
	for _, must := range rule.must {
		if n.get(must) == nil {
			b.report(n, what+" has no "+must, featureShape.key(must).form.allows(), "")
		}
	}
	f.defaults(n)
}

// defaults fills in what is not said.
func (f *Feature) defaults(n *node) {
	switch f.Kind {
	case "count":
		f.by(n)
	case "mean":
		if f.Weight == "1" {
			f.Weight = ""
		}
	case "set":
		if f.Max == 0 {
			f.Max = defaultSetMax
		}
	case "top":
		f.by(n)
		f.Error = n.number("error", defaultError)
	case "approx_distinct":
		if f.Precision == 0 {
			f.Precision = defaultDistinct
		}
	case "quantiles":
		f.Q = n.numbers("q", []float64{0.5, 0.99})
		f.RelativeError = n.number("relative_error", defaultError)
	}
}

func (f *Feature) by(n *node) {
	if n.get("by") == nil {
		f.By = "1"
	}
}

// together checks parameters that ask for one another.
func (b *builder) together(n *node, f *Feature) {
	what := "feature " + quote(f.Name)
	if f.Observed && n.get("remove_where") == nil {
		b.report(n.get("removes"), what+" has removes: observed and no remove_where", "remove_where as well: CEL for the events that remove", "")
	}
	if f.Basis != "" && b.project.Basis(f.Basis) == nil && b.named["basis "+f.Basis] == nil {
		b.unknown(n.get("basis"), "basis", f.Basis, names(b.project.Bases, (*Basis).Ref))
	}
}

// allowed lists the keys a kind takes that are built.
func (r *kindRule) allowed() []string {
	var list []string
	for _, k := range featureShape.keys {
		if !k.later && r.takes(k.name) {
			list = append(list, k.name)
		}
	}
	return list
}

// inputs checks expressions that are a bare field name; all others are for the
// compiler of expressions. It is the field that `of` names, if it does.
func (b *builder) inputs(n *node, f *Feature, rule *kindRule, s *Stream) *Field {
	b.plainField(n, "where", f.Where, s)
	b.plainField(n, "remove_where", f.RemoveWhere, s)
	by, weight, of := b.plainField(n, "by", f.By, s), b.plainField(n, "weight", f.Weight, s), b.plainField(n, "of", f.Of, s)
	if by != nil && by.Type.Kind != value.Int64 {
		b.report(n.get("by"), fmt.Sprintf("by of feature %s is field %s of type %s", quote(f.Name), quote(by.Name), by.AvroType), "an integer", "")
	}
	if weight != nil && !weight.Type.Numeric() {
		b.report(n.get("weight"), fmt.Sprintf("weight of feature %s is field %s of type %s", quote(f.Name), quote(weight.Name), weight.AvroType), "a number", "")
	}
	if of != nil {
		b.input(n, f, rule, of)
	}
	return of
}

// input checks the field that `of` names: numbers, or lists of them, with a
// scale if they are floats that are added.
func (b *builder) input(n *node, f *Feature, rule *kindRule, of *Field) {
	unit, wanted := of.Type, "a number"
	switch {
	case rule.vectors:
		wanted = "an array of numbers"
		unit = value.Type{}
		if of.Type.Kind == value.List {
			unit = *of.Type.Elem
		}
	case !rule.numbers:
		return
	}
	if !unit.Numeric() {
		b.report(n.get("of"), fmt.Sprintf("%s of feature %s is over field %s of type %s", f.Kind, quote(f.Name), quote(of.Name), of.AvroType), wanted, "")
	}
	if unit.Kind == value.Float64 && n.get("scale") == nil && rule.takes("scale") {
		b.report(n, fmt.Sprintf("feature %s has no scale, and field %s is of type %s", quote(f.Name), quote(of.Name), of.AvroType), "scale: the decimal digits to keep, like 2", "")
	}
}

var bareName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// plainField is the field that an expression names, if it is a bare name. It
// reports a name that is no field, or one that no feature can use.
func (b *builder) plainField(n *node, key, expr string, s *Stream) *Field {
	if s == nil || n.get(key) == nil || !bareName.MatchString(expr) || slices.Contains([]string{"true", "false", "null"}, expr) {
		return nil
	}
	i := b.field(n.get(key), s, expr)
	if i < 0 {
		return nil
	}
	f := &s.Fields[i]
	if f.Type.Kind == value.Null {
		b.report(n.get(key), fmt.Sprintf("field %s of stream %s is of type %s, which no feature can use", quote(f.Name), quote(s.Name), f.AvroType),
			"numbers, strings, booleans, bytes, dates, timestamps, decimals, arrays of these, nullable or not", "")
		return nil
	}
	return f
}
