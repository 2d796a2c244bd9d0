package definition

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

func (b *builder) view(n *node, name string) {
	v := View{
		Pos: n.pos(), Name: name, Stream: n.string("stream"), Where: n.expression("where"),
		TTL: optionalSpan(n, "ttl"), MaxBytes: n.integer("max_bytes_per_key", 0), Policy: b.policy(n),
		Owner: n.string("owner"), Description: n.string("description"), Tags: n.table("tags"),
	}
	stream := b.project.Stream(v.Stream)
	if stream == nil && v.Stream != "" && b.named["stream "+v.Stream] == nil {
		b.unknown(n.get("stream"), "stream", v.Stream, names(b.project.Streams, func(s *Stream) string { return s.Name }))
	}
	if stream != nil && stream.Fields == nil {
		stream = nil // its schema is reported already
	}
	for _, f := range n.items("features") {
		if item := f.string("name"); b.claim(f, "feature "+name+":", item) {
			v.Features = append(v.Features, b.feature(f, item, stream))
		}
	}
	b.atLeastOne(n, "feature view "+quote(name))
	b.plainField(n, "where", v.Where, stream)
	b.project.Views = append(b.project.Views, v)
}

// atLeastOne reports an empty list of features.
func (b *builder) atLeastOne(n *node, what string) {
	if f := n.get("features"); f != nil && !f.bad && len(f.vals) == 0 {
		b.report(f, what+" has no features", "at least one", "")
	}
}

func optionalSpan(n *node, key string) stamp.Micros {
	m, _ := stamp.ParseSpan(n.string(key)) // absent or reported already: 0
	return m
}

func (b *builder) policy(n *node) Policy {
	m := n.get("policy")
	if m == nil || m.kind != mappingNode || m.bad {
		return Policy{}
	}
	p := Policy{MaxStaleness: optionalSpan(m, "max_staleness"), Mode: m.string("mode"), Deadline: optionalSpan(m, "deadline")}
	if text := m.string("partial"); text != "" {
		yes := text == "true"
		p.Partial = &yes
	}
	for _, r := range m.items("residency") {
		switch {
		case len(b.project.Regions) == 0: // reported already
		case !b.project.HasRegion(r.text):
			b.unknown(r, "region", r.text, b.project.Regions)
		case slices.Contains(p.Residency, r.text):
			b.report(r, "region "+quote(r.text)+" is there twice", "each region once", "")
		default:
			p.Residency = append(p.Residency, r.text)
		}
	}
	return p
}

func (b *builder) feature(n *node, name string, s *Stream) Feature {
	f := Feature{
		Pos: n.pos(), Name: name, Kind: n.string("kind"), Of: n.expression("of"), By: n.expression("by"), Where: n.expression("where"),
		Window: optionalSpan(n, "window"), Pane: optionalSpan(n, "pane"),
		Scale: int32(n.integer("scale", -1)), As: n.string("as"), K: n.integer("k", 0), Max: n.integer("max", 0),
		RemoveWhere: n.expression("remove_where"), Precision: n.integer("precision", 0),
		Description: n.string("description"), Tags: n.table("tags"),
	}
	b.pane(n, &f)
	if rule := ruleOf(f.Kind); rule != nil {
		b.parameters(n, &f, rule)
		b.inputs(n, &f, s)
	}
	return f
}

// pane checks a window's pane and fills in its default.
func (b *builder) pane(n *node, f *Feature) {
	what := fmt.Sprintf("feature %s", quote(f.Name))
	switch {
	case f.Window == 0 && f.Pane > 0 && n.get("window") == nil:
		b.report(n.get("pane"), what+" has a pane and no window", "window as well, or neither", "")
	case f.Window == 0:
	case f.Pane > f.Window:
		b.report(n.get("pane"), fmt.Sprintf("pane of %s is %s, longer than its window of %s", what, stamp.FormatSpan(f.Pane), stamp.FormatSpan(f.Window)), "at most the window", "")
	case f.Pane == 0:
		f.Pane = DefaultPane(f.Window)
	case f.Window/f.Pane > maxWindowPanes:
		b.report(n.get("pane"), fmt.Sprintf("window of %s has %d panes", what, f.Window/f.Pane), fmt.Sprintf("at most %d", maxWindowPanes), "")
	}
}

// DefaultPane is the width of the panes of a window (> 0) that names none: 5m
// below 12h, 1h below 12d, else 1d, and never longer than the window.
func DefaultPane(window stamp.Micros) stamp.Micros {
	pane := stamp.Day
	switch {
	case window < 12*stamp.Hour:
		pane = 5 * stamp.Minute
	case window < 12*stamp.Day:
		pane = stamp.Hour
	}
	return min(pane, window)
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
	switch {
	case f.Kind == "count" && n.get("by") == nil:
		f.By = "1"
	case f.Kind == "set" && f.Max == 0:
		f.Max = defaultSetMax
	case f.Kind == "approx_distinct" && f.Precision == 0:
		f.Precision = defaultDistinct
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
// compiler of expressions.
func (b *builder) inputs(n *node, f *Feature, s *Stream) {
	b.plainField(n, "where", f.Where, s)
	b.plainField(n, "remove_where", f.RemoveWhere, s)
	by, of := b.plainField(n, "by", f.By, s), b.plainField(n, "of", f.Of, s)
	if by != nil && by.Type.Kind != value.Int64 {
		b.report(n.get("by"), fmt.Sprintf("by of feature %s is field %s of type %s", quote(f.Name), quote(by.Name), by.AvroType), "an integer", "")
	}
	if of == nil || f.Kind != "sum" && f.Kind != "mean" {
		return
	}
	if !of.Type.Numeric() {
		b.report(n.get("of"), fmt.Sprintf("%s of feature %s is over field %s of type %s", f.Kind, quote(f.Name), quote(of.Name), of.AvroType), "a number", "")
	}
	if of.Type.Kind == value.Float64 && n.get("scale") == nil {
		b.report(n, fmt.Sprintf("feature %s has no scale, and field %s is a %s", quote(f.Name), quote(of.Name), of.AvroType), "scale: the decimal digits to keep, like 2", "")
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
