package mergetest

import (
	"fmt"

	"anabranch.dev/anabranch/pipelines/merge"
)

// Law is one property of a kind. Holds returns why it does not hold on a
// history, or nil.
type Law struct {
	Name  string
	Holds func(c *Case, h History) error
}

// Names of the laws.
const (
	Oracle      = "value is the oracle's"
	AnyOrder    = "order of Add does not matter"
	SplitFold   = "a split fold combines to the whole"
	Commutes    = "Combine is commutative and associative"
	Identity    = "zero is the identity"
	Idempotent  = "Combine is idempotent"
	Separate    = "Combine leaves its argument alone"
	Reset       = "Reset makes the identity"
	RoundTrip   = "decode after encode is the identity"
	Canonical   = "only canonical bytes decode"
	Bounded     = "bytes are bounded"
	TakenBack   = "Subtract undoes Combine"
	Slides      = "an exact window slides to the microsecond"
	Increments  = "increments reach the whole"
	Convergence = "replicas converge"
)

// Laws lists all laws.
func Laws() []Law {
	return []Law{
		{Oracle, valueIsTheOracles},
		{AnyOrder, orderDoesNotMatter},
		{SplitFold, splitFold},
		{Commutes, commutesAndAssociates},
		{Identity, zeroIsIdentity},
		{Idempotent, idempotent},
		{Separate, argumentsStay},
		{Reset, resetIsZero},
		{RoundTrip, decodeEncode},
		{Canonical, onlyCanonicalBytes},
		{Bounded, bounded},
		{TakenBack, subtractUndoes},
		{Slides, slides},
		{Increments, increments},
		{Convergence, replicasConverge},
	}
}

func valueIsTheOracles(c *Case, h History) error {
	if err := c.reads(c.fresh(), nil); err != nil {
		return fmt.Errorf("empty: %w", err)
	}
	return c.reads(c.fold(h.All()), h.All())
}

func orderDoesNotMatter(c *Case, h History) error {
	d := dice{h.Seed}
	for i, log := range h.Logs {
		whole := c.fold(log)
		for range 3 {
			if err := c.same("shuffled", whole, c.fold(d.shuffled(log)), h.Base(i)); err != nil {
				return err
			}
		}
	}
	return c.reads(c.fold(d.shuffled(h.All())), h.All())
}

func splitFold(c *Case, h History) error {
	d := dice{h.Seed}
	for i, log := range h.Logs {
		whole := c.fold(log)
		for range 2 {
			parts := c.foldAll(d.dealt(log, 1+d.roll(4)))
			if err := c.same("split", whole, c.tree(&d, parts), h.Base(i)); err != nil {
				return err
			}
		}
	}
	return c.reads(c.tree(&d, c.foldAll(d.dealt(h.All(), 3))), h.All())
}

func (c *Case) foldAll(hands [][]merge.Input) []merge.State {
	states := make([]merge.State, len(hands))
	for i := range hands {
		states[i] = c.fold(hands[i])
	}
	return states
}

// tree combines states two at a time in random order.
func (c *Case) tree(d *dice, states []merge.State) merge.State {
	for len(states) > 1 {
		i := d.roll(len(states))
		s := states[i]
		states = append(states[:i:i], states[i+1:]...)
		states[d.roll(len(states))].Combine(s)
	}
	return states[0]
}

func commutesAndAssociates(c *Case, h History) error {
	d := dice{h.Seed}
	for i, log := range h.Logs {
		base, hand := h.Base(i), d.dealt(log, 3)
		ab, ba := c.fold(hand[0]), c.fold(hand[1])
		ab.Combine(c.fold(hand[1]))
		ba.Combine(c.fold(hand[0]))
		if err := c.same("a∪b and b∪a", ab, ba, base); err != nil {
			return err
		}
		ab.Combine(c.fold(hand[2]))
		bc, a := c.fold(hand[1]), c.fold(hand[0])
		bc.Combine(c.fold(hand[2]))
		a.Combine(bc)
		if err := c.same("(a∪b)∪c and a∪(b∪c)", ab, a, base); err != nil {
			return err
		}
	}
	return c.sourcesCommute(h)
}

// sourcesCommute combines the sources forwards and backwards, as readers in
// different regions might.
func (c *Case) sourcesCommute(h History) error {
	there, back := c.fresh(), c.fresh()
	for i := range h.Logs {
		there.Combine(c.fold(h.Logs[i]))
		back.Combine(c.fold(h.Logs[len(h.Logs)-1-i]))
	}
	if err := c.reads(there, h.All()); err != nil {
		return err
	}
	return c.reads(back, h.All())
}

func zeroIsIdentity(c *Case, h History) error {
	for i, log := range h.Logs {
		whole, right, left := c.fold(log), c.fold(log), c.fresh()
		right.Combine(c.fresh())
		left.Combine(c.fold(log))
		if err := c.same("a∪0", whole, right, h.Base(i)); err != nil {
			return err
		}
		if err := c.same("0∪a", whole, left, h.Base(i)); err != nil {
			return err
		}
	}
	return nil
}

func idempotent(c *Case, h History) error {
	if !c.Spec.Joins() {
		return nil
	}
	d := dice{h.Seed}
	for i, log := range h.Logs {
		whole, base, hand := c.fold(log), h.Base(i), d.dealt(log, 3)
		twice, self := c.fold(log), c.fold(log)
		twice.Combine(whole)
		self.Combine(self)
		if err := c.same("a∪a", whole, twice, base); err != nil {
			return err
		}
		if err := c.same("a∪itself", whole, self, base); err != nil {
			return err
		}
		left := c.fold(append(hand[0][:len(hand[0]):len(hand[0])], hand[1]...))
		left.Combine(c.fold(append(hand[1][:len(hand[1]):len(hand[1])], hand[2]...)))
		if err := c.same("(a∪b)∪(b∪c)", whole, left, base); err != nil {
			return err
		}
	}
	return nil
}

func argumentsStay(c *Case, h History) error {
	d := dice{h.Seed}
	for i, log := range h.Logs {
		base, hand := h.Base(i), d.dealt(log, 2)
		a, b := c.fold(hand[0]), c.fold(hand[1])
		a.Combine(b)
		if err := c.same("argument after Combine", b, c.fold(hand[1]), base); err != nil {
			return err
		}
		c.add(a, c.later(log, base))
		if err := c.same("argument after Add to the receiver", b, c.fold(hand[1]), base); err != nil {
			return err
		}
		whole := c.fold(hand[0])
		whole.Combine(b)
		c.add(b, c.later(log, base))
		b.Reset()
		if err := c.same("receiver after changes to the argument", whole, c.fold(log), base); err != nil {
			return err
		}
	}
	return nil
}

// later is log again, as other and newer events.
func (c *Case) later(log []merge.Input, base merge.Order) []merge.Input {
	out := make([]merge.Input, len(log))
	for i, in := range log {
		in.Order = merge.Order{Time: base.Time, Stamp: base.Stamp + 1 + in.Order.Stamp, Rank: base.Rank, Offset: base.Offset + 1 + in.Order.Offset}
		out[len(log)-1-i] = in
	}
	return out
}

func resetIsZero(c *Case, h History) error {
	d := dice{h.Seed}
	for i, log := range h.Logs {
		base := h.Base(i)
		s := c.fold(h.All())
		s.Reset()
		if err := c.same("after Reset", s, c.fresh(), base); err != nil {
			return err
		}
		c.add(s, d.shuffled(log))
		if err := c.same("filled after Reset", s, c.fold(log), base); err != nil {
			return err
		}
		s.Reset()
		s.Combine(c.fold(log))
		if err := c.same("combined after Reset", s, c.fold(log), base); err != nil {
			return err
		}
	}
	return nil
}

func bounded(c *Case, h History) error {
	for i, log := range h.Logs {
		s := c.fold(log)
		if n, most := len(s.Append(nil, h.Base(i))), c.Spec.MaxBytes(); n > most {
			return fmt.Errorf("%d bytes, MaxBytes is %d", n, most)
		}
		if s.Size() <= 0 {
			return fmt.Errorf("size %d", s.Size())
		}
	}
	return nil
}
