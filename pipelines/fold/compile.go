package fold

import (
	"errors"
	"fmt"
	"slices"

	"anabranch.dev/anabranch/pipelines/expr"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/value"
)

// Problem is one reason why a view does not compile.
type Problem struct {
	Pos     definition.Pos
	View    string
	Feature string // empty: the view itself
	Err     error
}

// Error is one line: file, line, what, why.
func (p *Problem) Error() string {
	name := p.View
	if p.Feature != "" {
		name += ":" + p.Feature
	}
	if p.Pos.File == "" {
		return fmt.Sprintf("%s: %v", name, p.Err)
	}
	return fmt.Sprintf("%s:%d: %s: %v", p.Pos.File, p.Pos.Line, name, p.Err)
}

// Unwrap gives the cause.
func (p *Problem) Unwrap() error { return p.Err }

// CompileAll compiles every view of a project, by name, and joins all
// problems.
func CompileAll(p *definition.Project) (map[string]*Program, error) {
	programs := make(map[string]*Program, len(p.Views))
	var all []error
	for i := range p.Views {
		prog, err := Compile(p, &p.Views[i])
		if err != nil {
			all = append(all, err)
			continue
		}
		programs[p.Views[i].Name] = prog
	}
	return programs, errors.Join(all...)
}

// Compile compiles one view. The error joins one [Problem] for each thing that
// is wrong.
func Compile(p *definition.Project, view *definition.View) (*Program, error) {
	stream := p.Stream(view.Stream)
	regions := slices.Clone(p.Regions)
	slices.Sort(regions)
	c := &compiler{
		bases: p.Bases,
		prog: &Program{
			View: view, Stream: stream, Entity: p.Entity(stream.Entity), regions: regions,
			where: -1, needed: make([]bool, len(stream.Fields)),
		},
		condAt: map[string]int{}, inputAt: map[string]int{}, slotAt: map[string]int{},
	}
	c.need(stream.Key...)
	c.need(stream.EventTime, stream.Created, stream.EventID.Field)
	var err error
	if c.prog.where, err = c.cond(view.Where); err != nil {
		c.problem(view.Pos, "", fmt.Errorf("where: %w", err))
	}
	for i := range view.Features {
		if err := c.feature(&view.Features[i]); err != nil {
			c.problem(view.Features[i].Pos, view.Features[i].Name, err)
		}
	}
	if len(c.problems) > 0 {
		return nil, errors.Join(c.problems...)
	}
	c.prog.arrange()
	return c.prog, nil
}

type compiler struct {
	prog     *Program
	bases    []definition.Basis
	condAt   map[string]int
	inputAt  map[string]int
	slotAt   map[string]int
	problems []error
}

func (c *compiler) problem(pos definition.Pos, feature string, err error) {
	c.problems = append(c.problems, &Problem{Pos: pos, View: c.prog.View.Name, Feature: feature, Err: err})
}

func (c *compiler) need(fields ...int) {
	for _, f := range fields {
		if f >= 0 {
			c.prog.needed[f] = true
		}
	}
}

// cond compiles a condition once; -1 stands for none.
func (c *compiler) cond(src string) (int, error) {
	if src == "" {
		return -1, nil
	}
	e, err := expr.Compile(src, c.prog.Stream.Fields)
	if err != nil {
		return -1, err
	}
	if e.Type().Kind != value.Bool {
		return -1, fmt.Errorf("%q is %s; a condition must be boolean", src, e.Type())
	}
	if i, ok := c.condAt[e.String()]; ok {
		return i, nil
	}
	c.need(e.Fields()...)
	c.prog.conds = append(c.prog.conds, e)
	c.condAt[e.String()] = len(c.prog.conds) - 1
	return len(c.prog.conds) - 1, nil
}

// expression compiles the text of `of` or `by`.
func (c *compiler) expression(src string) (*expr.Expr, int, error) {
	e, err := expr.Compile(src, c.prog.Stream.Fields)
	if err != nil {
		return nil, -1, err
	}
	field := -1
	if f, ok := e.Plain(); ok {
		field = f
		if c.prog.Stream.Fields[f].Type.Kind == value.Null {
			return nil, -1, fmt.Errorf("field %s is an Avro %s, which no feature can use", src, c.prog.Stream.Fields[f].AvroType)
		}
	}
	c.need(e.Fields()...)
	return e, field, nil
}

func (c *compiler) input(in input, key string) int {
	key += fmt.Sprintf("\x00%d %d %d %t", in.feed, in.scale, in.dim, in.natural)
	if i, ok := c.inputAt[key]; ok {
		return i
	}
	c.prog.inputs = append(c.prog.inputs, in)
	c.inputAt[key] = len(c.prog.inputs) - 1
	return len(c.prog.inputs) - 1
}

// feature compiles one feature: its slot, shared where the meaning is the
// same, and its window over it.
func (c *compiler) feature(f *definition.Feature) error {
	s := slot{weight: -1, present: -1, remove: -1}
	var err error
	if s.where, err = c.cond(f.Where); err != nil {
		return fmt.Errorf("where: %w", err)
	}
	if s.remove, err = c.cond(f.RemoveWhere); err != nil {
		return fmt.Errorf("remove_where: %w", err)
	}
	if s.spec, err = c.spec(f); err != nil {
		return err
	}
	if err := c.slotInputs(f, &s); err != nil {
		return err
	}
	if err := s.spec.Validate(); err != nil {
		return err
	}
	if err := checkBudget(f, s.spec); err != nil {
		return err
	}
	s.skipsNull = s.spec.SkipsNull()
	c.prog.observes = c.prog.observes || s.spec.Observed
	key := fmt.Sprintf("%s|%d|%d|%d|%d|%d", s.spec.Key(), s.x, s.weight, s.present, s.where, s.remove)
	at, ok := c.slotAt[key]
	if !ok {
		at = len(c.prog.slots)
		c.slotAt[key] = at
		c.prog.slots = append(c.prog.slots, s)
	}
	c.prog.features = append(c.prog.features, feature{
		name: f.Name, typ: s.spec.Result(), slot: at, window: f.Window, pane: f.Pane, exact: f.Exact && f.Window > 0,
	})
	return nil
}
