package serve

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"anabranch.dev/anabranch/materializer/state"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/value"
)

// plan is what a service or a list of features stands for under one snapshot
// of the definitions. It is immutable and shared by requests.
type plan struct {
	live    *state.Live
	columns []column
	inexact bool // some column's values may be inexact: answers say by how much
	reads   []viewRead
	keys    []string // the columns of the request's rows, each once
	policy  definition.Policy
}

// column is one feature of the answer.
type column struct {
	name    string // view:feature or alias:feature
	flat    string // the same with __
	feature string
	read    int // index in reads
	lookup  int // index in the read's lookups
	pos     int // index in the read's which
	typ     value.Type
}

// viewRead is one view that is read, once for each of its lookups. A view that
// is held is described by its own program: the project may already be newer.
type viewRead struct {
	def     *definition.View
	entity  *definition.Entity
	stream  *definition.Stream
	policy  definition.Policy // the project's
	view    *state.View       // nil: not held here
	which   []int             // feature indexes, each once
	lookups []lookup
	age     prometheus.Observer // of the ages served
}

// lookup says where a view's join keys stand in the request's rows.
type lookup struct {
	alias string
	keys  []int // by join key: index in plan.keys
}

// selection asks for features of one view.
type selection struct {
	alias, view string
	version     int // 0: the live one
	keys        map[string]string
	feature     string // name or *
}

// newPlan resolves a service (by name) or a list of features.
func newPlan(live *state.Live, m *metrics, service string, features []string, limit int) (*plan, *Problem) {
	b := &planner{plan: &plan{live: live}, metrics: m, limit: limit, seen: map[string]bool{}}
	if features == nil {
		return b.service(service)
	}
	for _, f := range features {
		sel, problem := parseSelection(f)
		if problem == nil {
			problem = b.add(sel)
		}
		if problem != nil {
			return nil, problem
		}
	}
	return b.finish()
}

type planner struct {
	plan    *plan
	metrics *metrics
	limit   int
	seen    map[string]bool
}

func (b *planner) finish() (*plan, *Problem) {
	if len(b.plan.columns) == 0 {
		return nil, badRequest("features is empty: name at least one, like view:feature or view:*")
	}
	return b.plan, nil
}

func (b *planner) service(name string) (*plan, *Problem) {
	p := b.plan.live.Project
	s := p.Service(name)
	if s == nil {
		all := make([]string, len(p.Services))
		for i := range p.Services {
			all[i] = p.Services[i].Name
		}
		return nil, notFound("service", "FeatureServiceNotFoundException",
			fmt.Sprintf("feature service %q does not exist%s; %s", clean(name), hint(name, all), listOf("services", all)))
	}
	b.plan.policy = s.Policy
	for i := range s.Features {
		sel := &s.Features[i]
		for _, f := range sel.Features {
			if problem := b.add(selection{sel.Alias(), sel.View, sel.Version, sel.Keys, f}); problem != nil {
				return nil, problem
			}
		}
	}
	return b.finish()
}

// parseSelection reads view:feature, view@v2:feature or view:*.
func parseSelection(text string) (selection, *Problem) {
	view, feature, ok := strings.Cut(text, ":")
	sel := selection{view: view, feature: feature}
	if name, version, has := strings.Cut(view, "@v"); has {
		n, err := strconv.ParseUint(version, 10, 31)
		ok, sel.view, sel.version = ok && err == nil && n > 0, name, int(n)
	}
	sel.alias = sel.view
	if !ok || sel.view == "" || feature == "" {
		return sel, badRequest("feature %q: want view:feature, view@v2:feature or view:*", clip([]byte(text)))
	}
	return sel, nil
}

func listOf(what string, names []string) string {
	if len(names) == 0 {
		return "there are no " + what
	}
	const most = 20
	if len(names) > most {
		return fmt.Sprintf("there are %d %s", len(names), what)
	}
	return what + ": " + strings.Join(names, ", ")
}

func (b *planner) add(sel selection) *Problem {
	p := b.plan.live.Project
	def := p.View(sel.view)
	if def == nil {
		all := make([]string, len(p.Views))
		for i := range p.Views {
			all[i] = p.Views[i].Name
		}
		return notFound("view", "FeatureViewNotFoundException",
			fmt.Sprintf("feature view %q does not exist%s; %s", clean(sel.view), hint(sel.view, all), listOf("views", all)))
	}
	read, problem := b.read(def, sel.version)
	if problem != nil {
		return problem
	}
	found, have := false, b.plan.reads[read].def.Features
	for i := range have {
		if sel.feature != "*" && sel.feature != have[i].Name {
			continue
		}
		found = true
		if problem := b.column(sel, read, i); problem != nil {
			return problem
		}
	}
	switch {
	case found:
		return nil
	case slices.ContainsFunc(def.Features, func(f definition.Feature) bool { return f.Name == sel.feature }):
		return building(def.Name, 0, 0) // the definition is newer than what is held
	}
	return unknownFeature(def, sel.feature)
}

func unknownFeature(def *definition.View, name string) *Problem {
	all := make([]string, len(def.Features))
	for i := range def.Features {
		all[i] = def.Features[i].Name
	}
	return notFound("feature", "FeastObjectNotFoundException",
		fmt.Sprintf("feature view %s has no feature %q%s; %s", def.Name, clean(name), hint(name, all), listOf("features", all)))
}

// read finds or makes the read of a view.
func (b *planner) read(def *definition.View, version int) (int, *Problem) {
	live := b.plan.live
	view := live.Views[def.Name]
	if view != nil && version > 0 && version != view.Version {
		return 0, notFound("view", "FeatureViewVersionNotFound",
			fmt.Sprintf("feature view %s@v%d is not served; the live version is v%d", def.Name, version, view.Version))
	}
	for i := range b.plan.reads {
		if b.plan.reads[i].def.Name == def.Name {
			return i, nil
		}
	}
	r := viewRead{def: def, stream: live.Project.Stream(def.Stream), entity: live.Project.EntityOf(def), view: view, policy: def.Policy, age: b.metrics.age.WithLabelValues(def.Name)}
	if view != nil {
		r.def, r.stream, r.entity = view.Prog.View, view.Prog.Stream, view.Prog.Entity
	}
	b.plan.reads = append(b.plan.reads, r)
	return len(b.plan.reads) - 1, nil
}

func (b *planner) column(sel selection, read, feature int) *Problem {
	r := &b.plan.reads[read]
	name := r.def.Features[feature].Name
	if b.seen[sel.alias+":"+name] {
		return nil
	}
	if len(b.plan.columns) == b.limit {
		return tooLarge("the request asks for more than %d features; split it", b.limit)
	}
	b.seen[sel.alias+":"+name] = true
	pos := slices.Index(r.which, feature)
	if pos < 0 {
		pos = len(r.which)
		r.which = append(r.which, feature)
	}
	c := column{name: sel.alias + ":" + name, flat: sel.alias + "__" + name, feature: name, read: read, lookup: b.lookup(r, sel), pos: pos}
	if r.view != nil {
		c.typ = r.view.Prog.FeatureType(feature)
		b.plan.inexact = b.plan.inexact || r.view.Prog.FeatureGuarantee(feature) > 0
	}
	b.plan.columns = append(b.plan.columns, c)
	return nil
}

// lookup finds or makes the way from the request's columns to a view's keys.
func (b *planner) lookup(r *viewRead, sel selection) int {
	l := lookup{alias: sel.alias}
	for _, k := range r.entity.JoinKeys {
		name := k.Name
		if sel.keys[name] != "" {
			name = sel.keys[name]
		}
		at := slices.Index(b.plan.keys, name)
		if at < 0 {
			at = len(b.plan.keys)
			b.plan.keys = append(b.plan.keys, name)
		}
		l.keys = append(l.keys, at)
	}
	for i := range r.lookups {
		if slices.Equal(r.lookups[i].keys, l.keys) {
			return i
		}
	}
	r.lookups = append(r.lookups, l)
	return len(r.lookups) - 1
}

// keyType is the type of a column of the request's rows: that of the first
// join key that reads it.
func (p *plan) keyType(column int) value.Kind {
	for i := range p.reads {
		for _, l := range p.reads[i].lookups {
			if at := slices.Index(l.keys, column); at >= 0 {
				return p.reads[i].entity.JoinKeys[at].Type
			}
		}
	}
	return value.String
}

// versions are the view versions of the plan, by name, in order.
func (p *plan) versions() []*viewRead {
	list := make([]*viewRead, len(p.reads))
	for i := range p.reads {
		list[i] = &p.reads[i]
	}
	slices.SortFunc(list, func(a, b *viewRead) int { return strings.Compare(a.def.Name, b.def.Name) })
	return list
}

// names lists the keys of a map in order.
func names[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
