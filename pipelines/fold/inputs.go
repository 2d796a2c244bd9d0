package fold

import (
	"fmt"
	"strconv"

	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/value"
)

// spec is the feature's kind with the parameters that do not depend on its
// inputs.
func (c *compiler) spec(f *definition.Feature) (merge.Spec, error) {
	s := merge.Spec{
		Kind: f.Kind, As: f.As, K: f.K, Max: f.Max, Precision: f.Precision, Exact: f.Exact && f.Window > 0, Observed: f.Observed,
		Q: f.Q, HalfLife: f.HalfLife, Dim: f.Dim, Bits: f.Bits,
	}
	switch f.Kind {
	case merge.Top:
		s.Error = f.Error
	case merge.Quantiles:
		s.Error = f.RelativeError
	case merge.LowRank:
		basis, err := c.basis(f.Basis)
		if err != nil {
			return s, err
		}
		s.Basis, s.Dim = basis, basis.Dim
	}
	return s, nil
}

// basis decodes a basis of the project.
func (c *compiler) basis(ref string) (*merge.Basis, error) {
	for i := range c.bases {
		b := &c.bases[i]
		if ref != fmt.Sprintf("%s@%d", b.Name, b.Version) {
			continue
		}
		basis, err := merge.DecodeBasis(b.Data)
		if err != nil {
			return nil, fmt.Errorf("basis %s: %w", ref, err)
		}
		basis.Name, basis.Version = b.Name, b.Version
		return basis, nil
	}
	return nil, fmt.Errorf("basis %q is not among the project's bases", ref)
}

// checkBudget refuses parameters that cannot keep the feature's error_budget.
func checkBudget(f *definition.Feature, s merge.Spec) error {
	if f.ErrorBudget == 0 || s.Guarantee() <= f.ErrorBudget {
		return nil
	}
	remedy := s.Meet(f.ErrorBudget)
	if remedy == "" {
		return fmt.Errorf("error_budget %v cannot be kept by %s whatever its parameters; with these its error is %.4g", f.ErrorBudget, f.Kind, s.Guarantee())
	}
	return fmt.Errorf("error_budget %v cannot be kept: the error of these parameters is %.4g; the smallest that can: %s", f.ErrorBudget, s.Guarantee(), remedy)
}

// slotInputs compiles what the events of a slot feed to its states.
func (c *compiler) slotInputs(f *definition.Feature, s *slot) error {
	if f.Kind == merge.Count {
		return c.countInputs(f, s)
	}
	if err := c.valueInput(f, s); err != nil {
		return err
	}
	switch {
	case f.Kind == merge.Top && f.By != "1":
		s.spec.Weight = value.Of(value.Int64)
		return c.byInput(f, &s.weight, true)
	case f.Kind == merge.Mean && f.Weight != "" && f.Weight != "1":
		return c.weightInput(f, s)
	}
	return nil
}

// countInputs: what an event adds is `by`, and `of`, if given, must not be
// null.
func (c *compiler) countInputs(f *definition.Feature, s *slot) error {
	if f.Of != "" {
		e, field, err := c.expression(f.Of)
		if err != nil {
			return fmt.Errorf("of: %w", err)
		}
		s.present = c.input(input{expr: e, field: field}, e.String())
	}
	s.spec.Input = value.Of(value.Int64)
	return c.byInput(f, &s.x, false)
}

// byInput compiles `by`, an integer, into at. If natural, negative ones are
// refused or, of events, failures.
func (c *compiler) byInput(f *definition.Feature, at *int, natural bool) error {
	by := f.By
	if by == "" {
		by = "1"
	}
	if n, err := strconv.ParseInt(by, 10, 64); err == nil {
		if natural && n < 0 {
			return fmt.Errorf("by: %s is negative; %s adds up weights", by, f.Kind)
		}
		*at = c.input(input{literal: value.Int(n), field: -1}, "literal "+by)
		return nil
	}
	e, field, err := c.expression(by)
	if err != nil {
		return fmt.Errorf("by: %w", err)
	}
	if e.Type().Kind != value.Int64 {
		return fmt.Errorf("by: %q is %s; want an integer", by, e.Type())
	}
	*at = c.input(input{expr: e, field: field, natural: natural}, e.String())
	return nil
}

// weightInput compiles the weight of a mean: exact, like what it weighs.
func (c *compiler) weightInput(f *definition.Feature, s *slot) error {
	e, field, err := c.expression(f.Weight)
	if err != nil {
		return fmt.Errorf("weight: %w", err)
	}
	in := input{expr: e, field: field, feed: merge.Exact}
	switch t := e.Type(); t.Kind {
	case value.Int64:
	case value.Decimal:
		in.scale = t.Scale
	case value.Float64:
		if f.Scale < 0 {
			return fmt.Errorf("weight: %q is %s; a weight that is a float needs scale: how many digits after the point are kept exactly", f.Weight, t)
		}
		in.scale = f.Scale
	default:
		return fmt.Errorf("weight: %q is %s; want a number", f.Weight, t)
	}
	s.spec.Weight, s.spec.WeightScale = e.Type(), in.scale
	s.weight = c.input(in, e.String())
	return nil
}

func (c *compiler) valueInput(f *definition.Feature, s *slot) error {
	if f.Of == "" {
		return fmt.Errorf("%s needs of: a field or an expression", f.Kind)
	}
	e, field, err := c.expression(f.Of)
	if err != nil {
		return fmt.Errorf("of: %w", err)
	}
	s.spec.Input = e.Type()
	in := input{expr: e, field: field, feed: s.spec.Feed(), dim: s.spec.Dim}
	if in.feed == merge.Plain {
		if f.Scale > 0 {
			return fmt.Errorf("scale belongs to sums, means and vectors; %s keeps values as they are", f.Kind)
		}
	} else if in.scale, err = fixedScale(f, e.Type(), in.feed); err != nil {
		return err
	}
	s.spec.Scale = in.scale
	s.x = c.input(in, e.String())
	return nil
}

// fixedScale is 0 for integers, a decimal's own, and required for floats; of a
// list, its items'. A mean whose weights are floats may have a scale for them.
func fixedScale(f *definition.Feature, t value.Type, feed merge.Feed) (int32, error) {
	item := t
	if feed == merge.ExactList {
		if t.Kind != value.List || t.Elem == nil || !t.Elem.Numeric() {
			return 0, fmt.Errorf("%s wants lists of numbers; %q is %s", f.Kind, f.Of, t)
		}
		item = *t.Elem
	}
	own := int32(0)
	switch item.Kind {
	case value.Decimal:
		own = item.Scale
	case value.Int64:
	case value.Float64:
		if f.Scale < 0 {
			return 0, fmt.Errorf("%s of a float needs scale: how many digits after the point are kept exactly", f.Kind)
		}
		return f.Scale, nil
	default:
		return 0, fmt.Errorf("%s wants numbers; %q is %s", f.Kind, f.Of, t)
	}
	if f.Scale >= 0 && f.Scale != own && f.Weight == "" {
		return 0, fmt.Errorf("scale %d does not fit: the scale of %s is %d", f.Scale, item, own)
	}
	return own, nil
}
