package evolve

import (
	"fmt"
	"strings"

	"anabranch.dev/anabranch/schemas/definition"
)

// Severity orders what a change does, least first.
type Severity uint8

// The severities.
const (
	Unchanged Severity = iota
	Metadata           // no value and no state changes
	Additive           // no existing value changes; the view is folded again
	Semantic           // values change: a new version
	Refused            // not done
)

var severityNames = [...]string{"unchanged", "metadata", "additive", "semantic", "refused"}

// String is the severity in one word.
func (s Severity) String() string { return severityNames[s] }

// Action is what was done to a definition.
type Action string

// The actions.
const (
	Added   Action = "added"
	Removed Action = "removed"
	Changed Action = "changed"
)

// Change is one difference between two projects.
type Change struct {
	Kind   string // project, region, entity, stream, basis, view, feature or service
	Name   string // a feature: view:feature
	Action Action
	// Detail says what of it changed, like "window: 1h → 2h"; empty for the
	// whole.
	Detail      string
	Consequence string
	Severity    Severity
}

// String is the change on one line.
func (c Change) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s", c.Kind, c.Name, c.Action)
	if c.Detail != "" {
		b.WriteString(" (" + c.Detail + ")")
	}
	return b.String() + ": " + c.Consequence
}

// Worst is the greatest severity among changes; Unchanged if there are none.
func Worst(changes []Change) Severity {
	worst := Unchanged
	for _, c := range changes {
		worst = max(worst, c.Severity)
	}
	return worst
}

// Consequences, in the words that plan prints.
const (
	noted     = "metadata only"
	folds     = "folded from the log's start before it serves"
	refolds   = "same version; the view is folded again from the log's start before it serves"
	versioned = "new version, folded from the log's start before it serves"
	gone      = "no longer served; reads of it are 404"
	readerNew = "the log is read with the new schema"
)

// Diff lists the differences between two projects: the project itself, regions,
// entities, streams, bases, views with their features, services; of each first what
// the new project has, in its order, then what is gone, in the order of the
// old. A nil old project is one with nothing in it.
func Diff(old, new *definition.Project) []Change {
	if old == nil {
		old = &definition.Project{Name: new.Name}
	}
	d := &differ{old: old, new: new}
	d.project()
	each(d, "entity", old.Entities, new.Entities, entityName, d.entity)
	each(d, "stream", old.Streams, new.Streams, streamName, d.stream)
	each(d, "basis", old.Bases, new.Bases, (*definition.Basis).Ref, d.basis)
	each(d, "view", old.Views, new.Views, viewName, d.view)
	each(d, "service", old.Services, new.Services, serviceName, d.service)
	return d.changes
}

func entityName(e *definition.Entity) string   { return e.Name }
func streamName(s *definition.Stream) string   { return s.Name }
func viewName(v *definition.View) string       { return v.Name }
func serviceName(s *definition.Service) string { return s.Name }
func featureName(f *definition.Feature) string { return f.Name }

// differ collects the changes between two projects.
type differ struct {
	old, new *definition.Project
	changes  []Change
}

func (d *differ) add(c Change) { d.changes = append(d.changes, c) }

// each walks two lists by name. change is called with the old and the new of a
// name; one of them is nil where it was added or removed.
func each[T any](d *differ, kind string, old, new []T, name func(*T) string, change func(before, after *T)) {
	for i := range new {
		change(byName(old, name(&new[i]), name), &new[i])
	}
	for i := range old {
		if byName(new, name(&old[i]), name) == nil {
			change(&old[i], nil)
		}
	}
}

func byName[T any](list []T, want string, name func(*T) string) *T {
	for i := range list {
		if name(&list[i]) == want {
			return &list[i]
		}
	}
	return nil
}

// attribute is one property of a definition, as text, and what its change does.
type attribute[T any] struct {
	name        string
	of          func(*T) string
	severity    Severity
	consequence string
}

// compare adds a change for every attribute that differs.
func compare[T any](d *differ, kind, name string, old, new *T, attributes []attribute[T]) {
	for _, a := range attributes {
		if before, after := a.of(old), a.of(new); before != after {
			d.add(Change{kind, name, Changed, fromTo(a.name, before, after), a.consequence, a.severity})
		}
	}
}

func fromTo(name, before, after string) string {
	return fmt.Sprintf("%s: %s → %s", name, orNone(before), orNone(after))
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
