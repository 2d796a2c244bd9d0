package mergetest

import (
	"fmt"

	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/schemas/value"
)

// laws checks the laws on the log of one source, each once.
func (n *night) laws(source int) error {
	whole := n.fold(n.h.Logs[source])
	if err := n.is(AnyOrder, whole, source); err != nil {
		return err
	}
	if size := len(n.want[source]); size > n.most {
		return fmt.Errorf("%s: %d bytes, MaxBytes is %d", Bounded, size, n.most)
	}
	for _, law := range []func(whole merge.State, source int) error{n.trees, n.unions, n.identities, n.bytesOf, n.subtracts} {
		if err := law(whole, source); err != nil {
			return err
		}
	}
	return nil
}

// deal deals a log into three hands, in a random order.
func (n *night) deal(source int) [3]merge.State {
	for i := range n.hands {
		n.hands[i] = n.hands[i][:0]
	}
	for _, in := range n.shuffled(n.h.Logs[source]) {
		i := n.d.roll(3)
		n.hands[i] = append(n.hands[i], in)
	}
	return [3]merge.State{n.fold(n.hands[0]), n.fold(n.hands[1]), n.fold(n.hands[2])}
}

// trees combines three parts as ((0∪a)∪b)∪c and as c∪(b∪a).
func (n *night) trees(_ merge.State, source int) error {
	s, left := n.deal(source), n.get()
	for _, part := range s {
		left.Combine(part)
	}
	if err := n.is(Commutes+": ((0∪a)∪b)∪c", left, source); err != nil {
		return err
	}
	n.before = s[0].Append(n.before[:0], n.bases[source])
	s[1].Combine(s[0])
	s[2].Combine(s[1])
	if err := n.is(Commutes+": c∪(b∪a)", s[2], source); err != nil {
		return err
	}
	n.add(s[1], n.h.Logs[source])
	if n.buf = s[0].Append(n.buf[:0], n.bases[source]); string(n.buf) != string(n.before) {
		return fmt.Errorf("%s: bytes %x become %x", Separate, n.before, n.buf)
	}
	if err := n.is(Separate+": the receiver", left, source); err != nil {
		return err
	}
	n.put(left, s[0], s[1], s[2])
	return nil
}

// unions combines sets that overlap.
func (n *night) unions(whole merge.State, source int) error {
	if !n.joins {
		return nil
	}
	s := n.deal(source)
	s[0].Combine(s[1])
	s[1].Combine(s[2])
	s[0].Combine(s[1])
	if err := n.is(Idempotent+": (a∪b)∪(b∪c)", s[0], source); err != nil {
		return err
	}
	s[0].Combine(whole)
	s[0].Combine(s[0])
	err := n.is(Idempotent+": a∪a", s[0], source)
	n.put(s[0], s[1], s[2])
	return err
}

// identities combines with nothing from either side, with a state that held
// something before.
func (n *night) identities(whole merge.State, source int) error {
	used := n.fold(n.h.Logs[source])
	used.Reset()
	n.before = used.Append(n.before[:0], n.bases[source])
	whole.Combine(used)
	if err := n.is(Identity+": a∪0", whole, source); err != nil {
		return err
	}
	if n.buf = n.c.fresh().Append(n.buf[:0], n.bases[source]); string(n.buf) != string(n.before) {
		return fmt.Errorf("%s: bytes %x, new %x", Reset, n.before, n.buf)
	}
	used.Combine(whole)
	err := n.is(Identity+": 0∪a", used, source)
	n.put(used)
	return err
}

// bytesOf decodes what was written, what is torn and what is damaged.
func (n *night) bytesOf(whole merge.State, source int) error {
	victim := n.fold(n.h.Logs[len(n.h.Logs)-1-source])
	base, b := n.bases[source], n.want[source]
	if err := n.c.torn(victim, b[:n.d.roll(len(b))], base); err != nil {
		return fmt.Errorf("%s: %w", Canonical, err)
	}
	if err := n.c.damaged(victim, damage(&n.d, b), base); err != nil {
		return fmt.Errorf("%s: %w", Canonical, err)
	}
	if err := n.take(victim, b, base); err != nil {
		return err
	}
	if err := n.is(RoundTrip, victim, source); err != nil {
		return err
	}
	n.mixed = append(n.mixed[:0], n.h.Logs[source]...)
	if err := n.sameValue(valueOf(whole), victim, n.mixed); err != nil {
		return fmt.Errorf("%s: %w", RoundTrip, err)
	}
	n.put(victim)
	return nil
}

// subtracts takes a part of a log back.
func (n *night) subtracts(whole merge.State, source int) error {
	group, ok := whole.(merge.Group)
	if !ok {
		return nil
	}
	s := n.deal(source)
	n.before = s[0].Append(n.before[:0], n.bases[source])
	group.Subtract(s[0])
	if n.buf = s[0].Append(n.buf[:0], n.bases[source]); string(n.buf) != string(n.before) {
		return fmt.Errorf("the argument of Subtract turned from %x into %x", n.before, n.buf)
	}
	s[1].Combine(s[2])
	n.mixed = append(append(n.mixed[:0], n.hands[1]...), n.hands[2]...)
	if err := n.readsTaken(s[1], group); err != nil {
		return fmt.Errorf("a part taken back: %w", err)
	}
	n.put(s[0], s[1], s[2])
	return nil
}

// readsTaken checks that s, of which the first hand was taken back, reads as
// the rest.
func (n *night) readsTaken(rest, s merge.State) error {
	if n.c.At != nil {
		return n.c.readsBehind(s, n.mixed, n.hands[0])
	}
	return n.sameValue(valueOf(rest), s, n.mixed)
}

// sameValue checks that s reads as want; where the case allows an error, that
// it is within that of inputs.
func (n *night) sameValue(want value.Value, s merge.State, inputs []merge.Input) error {
	got := s.Value()
	if value.Equal(got, want) {
		return nil
	}
	if n.c.Near != nil {
		return n.reads(s, inputs)
	}
	return fmt.Errorf("value %s, want %s", n.c.format(got), n.c.format(want))
}
