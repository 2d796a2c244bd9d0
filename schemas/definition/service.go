package definition

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

func (b *builder) service(n *node, name string) {
	s := Service{
		Pos: n.pos(), Name: name, Policy: b.policy(n),
		Owner: n.string("owner"), Description: n.string("description"), Tags: n.table("tags"),
	}
	for _, item := range n.items("features") {
		sel := selectionOf(item)
		if sel.View == "" {
			continue // reported already
		}
		if view := b.project.View(sel.View); view == nil {
			if b.named["feature view "+sel.View] == nil {
				b.unknown(item.at("view"), "feature view", sel.View, names(b.project.Views, func(v *View) string { return v.Name }))
			}
			continue
		} else if !b.picks(item, &sel, view) || !b.keyColumns(item, &sel, view) || !b.alias(item, &sel, s.Features) {
			continue
		}
		s.Features = append(s.Features, sel)
	}
	b.atLeastOne(n, "feature service "+quote(name))
	b.project.Services = append(b.project.Services, s)
}

// at is a key's node, or the node itself if it is no mapping with it.
func (n *node) at(key string) *node {
	if v := n.get(key); v != nil {
		return v
	}
	return n
}

// selectionOf reads either form of an entry.
func selectionOf(n *node) Selection {
	sel := Selection{Pos: n.pos()}
	view := n.string("view")
	if n.kind == scalarNode {
		var feature string
		view, feature, _ = strings.Cut(n.text, ":")
		sel.Features = []string{feature}
	} else {
		sel.As, sel.Keys = n.string("as"), n.table("keys")
		for _, f := range n.items("features") {
			sel.Features = append(sel.Features, f.text)
		}
		if n.get("features") == nil {
			sel.Features = []string{"*"}
		}
	}
	var version string
	maps.DeleteFunc(sel.Keys, func(joinKey, column string) bool { return joinKey == column })
	if len(sel.Keys) == 0 {
		sel.Keys = nil
	}
	sel.View, version, _ = strings.Cut(view, "@v")
	sel.Version, _ = strconv.Atoi(version)
	return sel
}

// picks checks that the view has the features.
func (b *builder) picks(n *node, sel *Selection, v *View) bool {
	have := names(v.Features, func(f *Feature) string { return f.Name })
	ok := len(sel.Features) > 0
	if f := n.get("features"); !ok && f != nil && len(f.vals) == 0 {
		b.report(f, "no features of view "+quote(v.Name), "names of features, or *", "")
	}
	for _, name := range sel.Features {
		if name != "*" && !slices.Contains(have, name) && b.named["feature "+v.Name+": "+name] == nil {
			b.unknown(n.at("features"), "feature of view "+quote(v.Name)+":", name, have)
			ok = false
		}
	}
	return ok
}

// keyColumns checks that keys are join keys of the view's entity.
func (b *builder) keyColumns(n *node, sel *Selection, v *View) bool {
	stream := b.project.Stream(v.Stream)
	if stream == nil || b.project.Entity(stream.Entity) == nil {
		return false // reported already
	}
	joinKeys := names(b.project.Entity(stream.Entity).JoinKeys, func(k *JoinKey) string { return k.Name })
	ok := true
	for _, k := range slices.Sorted(maps.Keys(sel.Keys)) {
		if !slices.Contains(joinKeys, k) {
			b.unknown(n.at("keys"), fmt.Sprintf("join key of entity %s:", quote(stream.Entity)), k, joinKeys)
			ok = false
		}
	}
	return ok
}

// alias checks that a name stands for one view, version and key columns only.
func (b *builder) alias(n *node, sel *Selection, before []Selection) bool {
	for i := range before {
		o := &before[i]
		if o.Alias() != sel.Alias() || o.View == sel.View && o.Version == sel.Version && maps.Equal(o.Keys, sel.Keys) {
			continue
		}
		b.report(n, fmt.Sprintf("features named %s:… clash: the entry at %s:%d gives that name to another view, version or keys", sel.Alias(), o.Pos.File, o.Pos.Line),
			"as: with a name of its own", "")
		return false
	}
	return true
}

// Alias is the name that stands before the features' names.
func (s *Selection) Alias() string {
	if s.As != "" {
		return s.As
	}
	return s.View
}

// Column is one feature of a service, under the name it has there.
type Column struct {
	Selection *Selection // the first that gives the feature this name
	View      *View
	Feature   int // index in View.Features
}

// Name is alias:feature.
func (c Column) Name() string { return c.Selection.Alias() + ":" + c.View.Features[c.Feature].Name }

// FlatName is alias__feature.
func (c Column) FlatName() string {
	return c.Selection.Alias() + "__" + c.View.Features[c.Feature].Name
}

// KeyColumn is the request's or the spine's column for a join key of the view.
func (s *Selection) KeyColumn(joinKey string) string {
	if column := s.Keys[joinKey]; column != "" {
		return column
	}
	return joinKey
}

// Columns lists a service's features in order, stars replaced by what they
// stand for, and each name once, where it is first.
func (p *Project) Columns(s *Service) []Column {
	var columns []Column
	seen := map[string]bool{}
	for i := range s.Features {
		sel := &s.Features[i]
		view := p.View(sel.View)
		for _, name := range sel.Features {
			for j := range view.Features {
				c := Column{Selection: sel, View: view, Feature: j}
				if (name == "*" || name == view.Features[j].Name) && !seen[c.Name()] {
					seen[c.Name()] = true
					columns = append(columns, c)
				}
			}
		}
	}
	return columns
}
