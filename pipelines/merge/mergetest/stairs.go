package mergetest

import (
	"fmt"

	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

func stairsCases() []Case {
	var cases []Case
	for _, in := range scalars {
		min := Case{Spec: merge.Spec{Kind: merge.Min, Input: in, Exact: true}, Draw: Of(Values(in)), Want: WantMin}
		max := Case{Spec: merge.Spec{Kind: merge.Max, Input: in, Exact: true}, Draw: Of(Values(in)), Want: WantMax}
		switch in.Kind {
		case value.Int64:
			cases = append(cases, min, max)
		case value.String, value.Date, value.Timestamp:
			cases = append(cases, min)
		default:
			cases = append(cases, max)
		}
	}
	return cases
}

// slides reads spans that begin at, before and after each event's time: the
// value is the oracle's over the events of the span.
func slides(c *Case, h History) error {
	if !c.Spec.Exact {
		return nil
	}
	d := dice{h.Seed}
	for i, log := range h.Logs {
		s := c.fresh()
		if _, err := s.Decode(c.tree(&d, c.foldAll(d.dealt(log, 3))).Append(nil, h.Base(i)), h.Base(i)); err != nil {
			return err
		}
		if err := c.spans(s, log); err != nil {
			return err
		}
	}
	return c.spans(c.tree(&d, c.foldAll(d.dealt(h.All(), 4))), h.All())
}

func (c *Case) spans(s merge.State, inputs []merge.Input) error {
	timed, ok := s.(merge.Timed)
	if !ok {
		return fmt.Errorf("%T has no ValueAt", s)
	}
	for _, in := range inputs {
		for _, from := range []stamp.Micros{in.Order.Time - 1, in.Order.Time, in.Order.Time + 1} {
			want := c.Want(since(inputs, from))
			if got := timed.ValueAt(merge.Moment{At: stamp.MaxMicros, From: from, Newest: stamp.MaxMicros}); !value.Equal(got, want) {
				return fmt.Errorf("from %d: value %s, want %s", from, c.format(got), c.format(want))
			}
		}
	}
	return nil
}

// since is the inputs whose time is not before from.
func since(inputs []merge.Input, from stamp.Micros) []merge.Input {
	var out []merge.Input
	for _, in := range inputs {
		if in.Order.Time >= from {
			out = append(out, in)
		}
	}
	return out
}
