package catalogue

import (
	"fmt"
	"slices"

	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/evolve"
)

// rememberedIDs is how many accepted commands a state knows by their id; a copy
// of an older one is stale.
const rememberedIDs = 1024

// State is the catalogue after some prefix of the registry log. The zero State
// is before the first command. It is read-only.
type State struct {
	// Version counts the commands accepted.
	Version uint64
	// Next is the offset after the last record stepped over.
	Next int64
	// Project is what is in force; nil before the first Apply.
	Project *definition.Project
	// Files are what Project was read from.
	Files []definition.File
	// Views are the views of Project, in its order.
	Views []View
	// Secret signs tokens; nil until a command brings one.
	Secret []byte

	retired []View     // views that were once, at their last version
	ids     []accepted // oldest first
}

type accepted struct {
	id      string
	version uint64
}

// View is a view in force: an instance of (name, version, hash).
type View struct {
	Name    string
	Version int    // from 1
	Hash    string // definition.ViewHash
	// BuiltFrom is the offset in the registry log of the command that brought
	// this instance: since then it is folded from its streams' starts.
	BuiltFrom int64
}

// Outcome is what became of a command.
type Outcome uint8

// The outcomes.
const (
	Accepted Outcome = iota + 1
	Stale            // another command was first; nothing changed
	Repeated         // this command was accepted before; nothing changed
)

// String is the outcome in one word.
func (o Outcome) String() string {
	return [...]string{"undecided", "accepted", "stale", "repeated"}[o]
}

// Verdict is the log's answer to a command, the same for every reader.
type Verdict struct {
	Outcome Outcome
	// Have is the catalogue's version: after an accepted command its own, for a
	// repeated one the version it had brought, for a stale one the version that
	// stood in its way.
	Have uint64
}

// View finds a view in force by name, or returns nil.
func (s *State) View(name string) *View { return find(s.Views, name) }

func find(views []View, name string) *View {
	for i := range views {
		if views[i].Name == name {
			return &views[i]
		}
	}
	return nil
}

// Step takes the command at an offset of the registry log. An offset below
// s.Next was stepped over before: the state stays, and the verdict is the one
// that the command would get now.
func (s State) Step(c *Command, offset int64) (State, Verdict) {
	replay := offset < s.Next
	s.Next = max(s.Next, offset+1)
	if i := slices.IndexFunc(s.ids, func(a accepted) bool { return a.id == c.ID }); i >= 0 {
		return s, Verdict{Repeated, s.ids[i].version}
	}
	if replay || c.Expected != s.Version {
		return s, Verdict{Stale, s.Version}
	}
	s.Version++
	s.ids = append(slices.Clone(s.ids[max(0, len(s.ids)-rememberedIDs+1):]), accepted{c.ID, s.Version})
	if s.Secret == nil && len(c.Secret) > 0 {
		s.Secret = slices.Clone(c.Secret)
	}
	if c.Kind == Apply {
		s.apply(c.Project, c.Files, offset)
	}
	return s, Verdict{Accepted, s.Version}
}

// Skip steps over a record that is no command.
func (s State) Skip(offset int64) State {
	s.Next = max(s.Next, offset+1)
	return s
}

// apply puts a project in force. It replaces slices and never changes them, so
// that copies of the state stay as they are.
func (s *State) apply(p *definition.Project, files []definition.File, offset int64) {
	retired := slices.Clone(s.retired)
	for _, v := range s.Views {
		if p.View(v.Name) == nil {
			retired = append(retired, v)
		}
	}
	s.Views = s.views(p, offset)
	s.retired = slices.DeleteFunc(retired, func(v View) bool { return p.View(v.Name) != nil })
	s.Project, s.Files = p, files
}

// views are the instances that a project would have if a command at offset put
// it in force now.
func (s *State) views(p *definition.Project, offset int64) []View {
	views := make([]View, len(p.Views))
	for i := range p.Views {
		views[i] = s.next(p, &p.Views[i], offset)
	}
	return views
}

func (s *State) next(p *definition.Project, v *definition.View, offset int64) View {
	next := View{Name: v.Name, Version: 1, Hash: definition.ViewHash(p, v), BuiltFrom: offset}
	if old := find(s.retired, v.Name); old != nil {
		next.Version = old.Version + 1
	}
	old := s.View(v.Name)
	if old == nil {
		return next
	}
	next.Version = old.Version
	if evolve.OfView(s.Project, p, v.Name) == evolve.Semantic {
		next.Version++
	}
	if next.Version == old.Version && next.Hash == old.Hash {
		next.BuiltFrom = old.BuiltFrom
	}
	return next
}

// Plan is what putting a project in force would do.
type Plan struct {
	Changes []evolve.Change
	// Views are the project's views as they would be; BuiltFrom is -1 for an
	// instance that would be folded from the start.
	Views []View
}

// Refused reports whether a change is not done.
func (p *Plan) Refused() bool { return evolve.Worst(p.Changes) == evolve.Refused }

// Empty reports whether there is nothing to do.
func (p *Plan) Empty() bool { return len(p.Changes) == 0 }

// Plan says what putting a project in force would do, without doing it. A
// service that asks for a version of a view that would not be served is
// refused.
func (s *State) Plan(p *definition.Project) Plan {
	plan := Plan{Changes: evolve.Diff(s.Project, p), Views: s.views(p, -1)}
	for i := range p.Services {
		plan.Changes = append(plan.Changes, pins(&p.Services[i], plan.Views)...)
	}
	return plan
}

// pins are the refusals of a service's asking for other versions than those
// that will be served.
func pins(service *definition.Service, views []View) []evolve.Change {
	var refused []evolve.Change
	for _, sel := range service.Features {
		v := find(views, sel.View)
		if sel.Version == 0 || v == nil || v.Version == sel.Version {
			continue
		}
		refused = append(refused, evolve.Change{
			Kind: "service", Name: service.Name, Action: evolve.Changed, Detail: fmt.Sprintf("%s@v%d", sel.View, sel.Version), Severity: evolve.Refused,
			Consequence: fmt.Sprintf("refused: view %s will be served at version %d; serving another beside it is not built yet", sel.View, v.Version),
		})
	}
	return refused
}
