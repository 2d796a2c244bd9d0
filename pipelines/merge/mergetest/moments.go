package mergetest

import (
	"fmt"

	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// readsBehind checks that s reads as inputs at moments from the newest event
// on, also by a key whose newest event is of another source. Those of taken, if
// any, were put into s and taken back, so that only moments behind them count,
// and not what s takes for its own newest event.
func (c *Case) readsBehind(s merge.State, inputs, taken []merge.Input) error {
	timed, ok := s.(merge.Timed)
	if !ok {
		return fmt.Errorf("%T has no ValueAt", s)
	}
	newest := max(newestOf(inputs), newestOf(taken))
	if len(taken) == 0 {
		got, err := c.value(s)
		if err != nil {
			return err
		}
		if err := c.At(inputs, merge.Moment{At: newest, From: stamp.NoTime, Newest: newest}, got); err != nil {
			return fmt.Errorf("value: %w", err)
		}
	}
	for _, m := range c.moments(newest) {
		got := timed.ValueAt(m)
		if again := timed.ValueAt(m); !value.Equal(got, again) {
			return fmt.Errorf("reads %s, then %s", c.format(got), c.format(again))
		}
		if err := c.At(inputs, m, got); err != nil {
			return fmt.Errorf("value at %+v: %w", m, err)
		}
	}
	return nil
}

func newestOf(inputs []merge.Input) stamp.Micros {
	newest := stamp.MinMicros
	for _, in := range inputs {
		newest = max(newest, in.Order.Time)
	}
	return newest
}

// moments are the newest event's, one a little later and one that leaves
// nothing, and those of a key whose newest event is one and some half-lives
// younger.
func (c *Case) moments(newest stamp.Micros) []merge.Moment {
	half := c.Spec.HalfLife
	all := []merge.Moment{
		{At: newest, Newest: newest},
		{At: newest + half/3 + 1, Newest: newest},
		{At: stamp.MaxMicros, Newest: newest},
	}
	for _, epochs := range []stamp.Micros{1, 39, 40} {
		if younger := newest + epochs*min(half, stamp.Day); younger <= stamp.MaxMicros {
			all = append(all, merge.Moment{At: younger + half/7, Newest: younger})
		}
	}
	for i := range all {
		all[i].From = stamp.NoTime
	}
	return all
}
