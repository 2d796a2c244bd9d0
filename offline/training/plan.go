package training

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/value"
)

// plan is what a request computes.
type plan struct {
	columns []column
	passes  []pass
}

// column is one feature of the output.
type column struct {
	name    string // in the output
	feature string // view:feature or alias:feature
	prog    *fold.Program
	index   int // of the feature in its program
	pass    int
	read    int // index in the pass's reads
	pos     int // index in the read's which
}

func (c *column) typ() value.Type { return c.prog.FeatureType(c.index) }

// pass is one scan of a stream by one mapping of its entity's keys to columns of
// the spine. It feeds all views that read them so.
type pass struct {
	stream *definition.Stream
	entity *definition.Entity
	keys   []string // by join key
	reads  []read
}

// read is the features of one view in a pass.
type read struct {
	prog  *fold.Program
	which []int
}

// newPlan resolves the service or the features of a request.
func newPlan(r *Request) (*plan, error) {
	s, err := r.selections()
	if err != nil {
		return nil, err
	}
	p := &plan{}
	for _, c := range r.Project.Columns(s) {
		if err := p.add(r, c); err != nil {
			return nil, err
		}
	}
	if len(p.columns) == 0 {
		return nil, fmt.Errorf("no features: name a service, or features like view:feature or view:*")
	}
	return p, p.clashes(r.FullFeatureNames)
}

func (r *Request) selections() (*definition.Service, error) {
	if len(r.Features) == 0 {
		s := r.Project.Service(r.Service)
		if s == nil {
			return nil, fmt.Errorf("feature service %q does not exist; there are %s", r.Service, listed(r.Project.Services, func(s *definition.Service) string { return s.Name }))
		}
		return s, r.check(s)
	}
	s := &definition.Service{}
	for _, text := range r.Features {
		sel, err := parseSelection(text)
		if err != nil {
			return nil, err
		}
		s.Features = append(s.Features, sel)
	}
	return s, r.check(s)
}

func parseSelection(text string) (definition.Selection, error) {
	view, feature, ok := strings.Cut(text, ":")
	sel := definition.Selection{View: view, Features: []string{feature}}
	if name, version, has := strings.Cut(view, "@v"); has {
		n, err := strconv.ParseUint(version, 10, 31)
		ok, sel.View, sel.Version = ok && err == nil && n > 0, name, int(n)
	}
	if !ok || sel.View == "" || feature == "" {
		return sel, fmt.Errorf("feature %q: want view:feature, view@v2:feature or view:*", text)
	}
	return sel, nil
}

// check reports views, features and versions that are not there.
func (r *Request) check(s *definition.Service) error {
	for i := range s.Features {
		sel := &s.Features[i]
		view := r.Project.View(sel.View)
		if view == nil || r.Programs[sel.View] == nil {
			return fmt.Errorf("feature view %q does not exist; there are %s", sel.View, listed(r.Project.Views, func(v *definition.View) string { return v.Name }))
		}
		if live := r.version(sel.View); sel.Version > 0 && sel.Version != live {
			return fmt.Errorf("%s@v%d: the live version is v%d; training sets of others are not built yet", sel.View, sel.Version, live)
		}
		for _, f := range sel.Features {
			if f != "*" && r.Programs[sel.View].FeatureIndex(f) < 0 {
				return fmt.Errorf("feature view %s has no feature %q; there are %s", sel.View, f, listed(view.Features, func(f *definition.Feature) string { return f.Name }))
			}
		}
	}
	return nil
}

func listed[T any](list []T, name func(*T) string) string {
	names := make([]string, len(list))
	for i := range list {
		names[i] = name(&list[i])
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

func (p *plan) add(r *Request, from definition.Column) error {
	prog := r.Programs[from.View.Name]
	index := prog.FeatureIndex(from.View.Features[from.Feature].Name)
	if index < 0 {
		return fmt.Errorf("BUG: training: program of view %s lacks feature %s", from.View.Name, from.Name())
	}
	c := column{name: prog.FeatureName(index), feature: from.Name(), prog: prog, index: index}
	if r.FullFeatureNames {
		c.name = from.FlatName()
	}
	keys := make([]string, len(prog.Entity.JoinKeys))
	for i, k := range prog.Entity.JoinKeys {
		keys[i] = from.Selection.KeyColumn(k.Name)
	}
	c.pass = p.pass(prog, keys)
	c.read, c.pos = p.passes[c.pass].place(prog, index)
	p.columns = append(p.columns, c)
	return nil
}

// pass finds or makes the scan of a program's stream by these columns.
func (p *plan) pass(prog *fold.Program, keys []string) int {
	for i := range p.passes {
		if p.passes[i].stream.Name == prog.Stream.Name && slices.Equal(p.passes[i].keys, keys) {
			return i
		}
	}
	p.passes = append(p.passes, pass{stream: prog.Stream, entity: prog.Entity, keys: keys})
	return len(p.passes) - 1
}

// place finds or makes the place of a feature.
func (p *pass) place(prog *fold.Program, feature int) (at, pos int) {
	at = slices.IndexFunc(p.reads, func(r read) bool { return r.prog == prog })
	if at < 0 {
		at = len(p.reads)
		p.reads = append(p.reads, read{prog: prog})
	}
	r := &p.reads[at]
	if pos = slices.Index(r.which, feature); pos < 0 {
		pos = len(r.which)
		r.which = append(r.which, feature)
	}
	return at, pos
}

// clashes reports two features that would have one name.
func (p *plan) clashes(full bool) error {
	seen := map[string]string{}
	for _, c := range p.columns {
		other, taken := seen[c.name]
		if !taken {
			seen[c.name] = c.feature
			continue
		}
		remedy := "ask for full feature names (--full-feature-names)"
		if full {
			remedy = "give one of them an alias of its own (as:)"
		}
		return fmt.Errorf("features %s and %s would both be column %q: %s", other, c.feature, c.name, remedy)
	}
	return nil
}

// needed joins what the programs of each stream read, by stream in order.
func (p *plan) needed() (streams []string, needed [][]bool) {
	for _, s := range p.passes {
		at := slices.Index(streams, s.stream.Name)
		if at < 0 {
			at = len(streams)
			streams, needed = append(streams, s.stream.Name), append(needed, make([]bool, len(s.stream.Fields)))
		}
		for _, r := range s.reads {
			for f, need := range r.prog.Needed() {
				needed[at][f] = needed[at][f] || need
			}
		}
	}
	return streams, needed
}
