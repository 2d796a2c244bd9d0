package definition

import (
	"fmt"
	"slices"

	"anabranch.dev/anabranch/schemas/stamp"
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
