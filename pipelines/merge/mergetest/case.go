package mergetest

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/schemas/value"
)

// Case is one spec under test.
type Case struct {
	Name string
	Spec merge.Spec
	// New makes a state; nil: Spec.New.
	New func() merge.State
	// Draw draws what one event carries: X and Remove. The history sets Order.
	Draw func(t *rapid.T) merge.Input
	// Relate completes an event that was given its place in one of logs, of which
	// sources are the indexes: it replaces what depends on places. nil: nothing
	// does.
	Relate func(in *merge.Input, logs [][]merge.Input)
	// Want computes the value over events in any order, by other means than
	// the state does.
	Want func(inputs []merge.Input) value.Value
	// Near says why got is not acceptable for want, or nil; nil: they must be
	// equal.
	Near func(got, want value.Value) error
	// At (Timed) says why got is not what inputs read as at a moment, or nil. It
	// takes the place of Want and Near where the value depends on the moment.
	At func(inputs []merge.Input, m merge.Moment, got value.Value) error
}

// fresh makes an empty state.
func (c *Case) fresh() merge.State {
	if c.New != nil {
		return c.New()
	}
	return c.Spec.New()
}

// fold adds inputs to a new state.
func (c *Case) fold(inputs []merge.Input) merge.State {
	s := c.fresh()
	c.add(s, inputs)
	return s
}

// add adds inputs to s, and scribbles over each afterwards: a state keeps no
// reference to what it was fed.
func (c *Case) add(s merge.State, inputs []merge.Input) {
	for _, in := range inputs {
		in.X, in.Seen = in.X.Clone(), slices.Clone(in.Seen)
		s.Add(in)
		scribble(in.X)
		clear(in.Seen)
	}
}

func scribble(v value.Value) {
	for i := range v.B {
		v.B[i] ^= 0x55
	}
	for i := range v.L {
		scribble(v.L[i])
		v.L[i] = value.Value{}
	}
}

// value reads s, twice: reading changes nothing.
func (c *Case) value(s merge.State) (value.Value, error) {
	got := s.Value().Clone()
	if again := s.Value(); !value.Equal(got, again) {
		return got, fmt.Errorf("reads %v, then %v", c.format(got), c.format(again))
	}
	if want := c.Spec.Result().Kind; got.Kind != want && got.Kind != value.Null {
		return got, fmt.Errorf("reads a %s, not %s", got.Kind, want)
	}
	return got, nil
}

func (c *Case) format(v value.Value) string { return value.Format(v, c.Spec.Result()) }

// reads checks that s reads as the oracle says of inputs.
func (c *Case) reads(s merge.State, inputs []merge.Input) error {
	if c.At != nil {
		return c.readsBehind(s, inputs, nil)
	}
	got, err := c.value(s)
	if err != nil {
		return err
	}
	want := c.Want(inputs)
	if c.Near != nil {
		err = c.Near(got, want)
	} else if !value.Equal(got, want) {
		err = fmt.Errorf("not equal")
	}
	if err != nil {
		return fmt.Errorf("value %s, want %s: %w", c.format(got), c.format(want), err)
	}
	return nil
}

// same checks that a and b have the same bytes and the same value.
func (c *Case) same(what string, a, b merge.State, base merge.Order) error {
	x, y := a.Append(nil, base), b.Append(nil, base)
	if string(x) != string(y) {
		return fmt.Errorf("%s: bytes %x and %x", what, x, y)
	}
	if u, v := a.Value().Clone(), b.Value(); !value.Equal(u, v) {
		return fmt.Errorf("%s: values %s and %s", what, c.format(u), c.format(v))
	}
	return nil
}

// Run checks every law on generated histories.
func Run(t *testing.T, c Case) {
	t.Helper()
	if err := c.Spec.Validate(); err != nil {
		t.Fatal(err)
	}
	histories := Histories(&c)
	rapid.Check(t, func(t *rapid.T) {
		h := histories.Draw(t, "history")
		for _, law := range Laws() {
			if err := law.Holds(&c, h); err != nil {
				t.Fatalf("%s: %v", law.Name, err)
			}
		}
	})
}

// Broken names the laws that c breaks on some of the given number of
// histories, each with an example. Seeds make the histories: a second call
// finds the same.
func Broken(c Case, histories int) map[string]error {
	all, broken := Histories(&c), map[string]error{}
	for seed := range histories {
		h := all.Example(seed)
		for _, law := range Laws() {
			if broken[law.Name] != nil {
				continue
			}
			if err := holds(law, &c, h); err != nil {
				broken[law.Name] = err
			}
		}
	}
	return broken
}

// holds is law.Holds with a panic of the state taken for a broken law.
func holds(law Law, c *Case, h History) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return law.Holds(c, h)
}
